"""The shop API answers generated requests as its description says."""

import pytest
from flask import Flask
from sqlalchemy import func, select

from pointsync import db
from pointsync.models import AuditEntry, Balance, Customer, Hold, Movement, Redemption, Webhook
from tests.api.api_clients import ApiClient
from tests.fuzz import api

CASES, MANY_CASES = 10, 60
"""Generated cases for each endpoint, valid and invalid."""
CASES_WITHOUT_KEY = 5
COUNTED_MODELS = (Movement, Customer, Balance, Redemption, Hold, Webhook, AuditEntry)


@pytest.mark.parametrize("cases", [CASES, pytest.param(MANY_CASES, marks=pytest.mark.long)])
@pytest.mark.parametrize("mode", api.MODES)
@pytest.mark.parametrize("with_key", [True, False], ids=["key", "nobody"])
def test_every_call(app: Flask, api_client: ApiClient, mode: str, with_key: bool, cases: int) -> None:
    cases = cases if with_key else CASES_WITHOUT_KEY

    def state() -> list[object]:
        with app.app_context():
            session = db.session()
            counts = [session.scalar(select(func.count()).select_from(each)) for each in COUNTED_MODELS]
            return [*counts, session.scalar(select(func.sum(Balance.points)))]

    sent = 0
    for operation in api.list_operations(app):
        found = api.send_cases(app, operation, mode, cases, api_client.key if with_key else None, state)
        if not with_key and operation.path != "/openapi.json":
            assert set(found) <= {401, 404}, "404 if the path matches no endpoint"
        if operation.path == "/movements" and with_key:
            assert found[201 if mode == "positive" else 422] > 0, found
        sent += sum(found.values())
    assert sent >= (5 if mode == "negative" else 8) * cases * 0.5
