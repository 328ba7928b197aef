"""The shop API does what its description says, whatever it is asked."""

import pytest
from flask import Flask
from sqlalchemy import func, select

from pointsync import db
from pointsync.models import Audit, Balance, Customer, Movement, Redemption
from tests.api.api_clients import Shop
from tests.fuzz import api

CASES = 40
"""For each call, right and wrong."""
KEPT = (Movement, Customer, Balance, Redemption, Audit)


@pytest.mark.parametrize("mode", api.MODES)
@pytest.mark.parametrize("with_key", [True, False], ids=["key", "nobody"])
def test_every_call(app: Flask, shop: Shop, mode: str, with_key: bool) -> None:
    def state() -> list[object]:
        with app.app_context():
            session = db.db.session()
            counts = [session.scalar(select(func.count()).select_from(each)) for each in KEPT]
            return [*counts, session.scalar(select(func.sum(Balance.points)))]

    made = 0
    for operation in api.operations(app):
        found = api.ask(app, operation, mode, CASES if with_key else 5, shop.key if with_key else None, state)
        if not with_key and operation.path != "/openapi.json":
            assert set(found) <= {401, 404}, "404 where the path leads nowhere"
        if operation.path == "/movements" and with_key:
            assert found[201 if mode == "positive" else 422] > 0, found
        made += sum(found.values())
    assert made >= (5 if mode == "negative" else 8) * (CASES if with_key else 5) * 0.5
