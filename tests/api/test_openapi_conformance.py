"""The shop API answers generated requests as its description says."""

from types import ModuleType

import pytest
from flask import Flask
from sqlalchemy import func, select

from pointsync import db
from pointsync.models import AuditEntry, Balance, Customer, Hold, Movement, Redemption, ShopState, Webhook
from tests.api.api_clients import ApiClient
from tests.support.connected_shops import connect

MODES = ("positive", "negative")
CASES, MANY_CASES = 5, 60
"""Generated cases for each endpoint, valid and invalid."""
CASES_WITHOUT_KEY = 2
WITHOUT_KEY = ("/openapi.json", "/shops/connect")
COUNTED_MODELS = (Movement, Customer, Balance, Redemption, Hold, Webhook, AuditEntry)


@pytest.fixture(scope="module")
def api() -> ModuleType:
    """What sends the cases. It imports schemathesis, for which only the worker that runs these tests has the time."""
    from tests.fuzz import api

    return api


@pytest.mark.parametrize("cases", [CASES, pytest.param(MANY_CASES, marks=pytest.mark.long)])
@pytest.mark.parametrize(
    ("mode", "with_key"),
    [
        pytest.param("positive", True, id="positive-key"),
        pytest.param("negative", True, id="negative-key"),
        pytest.param("positive", False, id="positive-nobody"),
        pytest.param("negative", False, id="negative-nobody", marks=pytest.mark.long),
    ],
)
def test_every_call(app: Flask, api_client: ApiClient, api: ModuleType, mode: str, with_key: bool, cases: int) -> None:
    cases = cases if with_key else CASES_WITHOUT_KEY

    def state() -> list[object]:
        with app.app_context():
            session = db.session()
            counts = [session.scalar(select(func.count()).select_from(each)) for each in COUNTED_MODELS]
            return [*counts, session.scalar(select(func.sum(Balance.points)))]

    sent = 0
    for operation in api.list_operations(app):
        found = api.send_cases(app, operation, mode, cases, api_client.key if with_key else None, state)
        if not with_key and operation.path not in WITHOUT_KEY:
            assert set(found) <= {401, 404}, "404 if the path matches no endpoint"
        if operation.path == "/movements" and with_key:
            assert found[201 if mode == "positive" else 422] > 0, found
        sent += sum(found.values())
    assert sent >= (5 if mode == "negative" else 8) * cases * 0.5


@pytest.mark.parametrize("mode", MODES)
def test_calls_of_a_connected_shop(app: Flask, api: ModuleType, mode: str) -> None:
    plugin = connect(app)
    headers = {"pointsync-shop": plugin.plugin_id, "pointsync-home": plugin.home}

    def state() -> list[object]:
        with app.app_context():
            session = db.session()
            return [session.scalar(select(func.count()).select_from(each)) for each in (ShopState, AuditEntry)]

    for operation in api.list_operations(app):
        if operation.path in ("/shops/state", "/shops/moved", "/shops/hooks/remove"):
            found = api.send_cases(app, operation, mode, CASES, plugin.key, state, more_headers=headers)
            assert set(found) <= {200, 409, 422}
            if operation.path == "/shops/state":
                assert found[200 if mode == "positive" else 422] > 0, found
