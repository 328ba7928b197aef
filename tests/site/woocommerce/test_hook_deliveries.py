"""The last deliveries of a hook, newest first."""

from datetime import timedelta

import pytest

from pointsync import db
from pointsync.models import HookDelivery
from pointsync.runtime import get_runtime
from pointsync.woocommerce import hooks
from tests.support.moving_clock import START as NOW

pytestmark = pytest.mark.usefixtures("app")


def test_newest_deliveries_of_a_hook():
    with db.transaction() as session:
        shop, other = (
            hooks.add(session, get_runtime().vault, name=name, secret="s", reserve_key="default", now=NOW).id
            for name in ("shop", "other")
        )
        for number in range(25):
            session.add(
                HookDelivery(
                    hook_id=shop if number % 5 else other,
                    received_at=NOW + timedelta(minutes=number),
                    topic="order.updated",
                    outcome="recorded",
                    message=str(number),
                )
            )
            session.flush()
        assert [each.message for each in hooks.list_deliveries(session, shop, 3)] == ["24", "23", "22"]
        assert [each.message for each in hooks.list_deliveries(session, other, 20)] == ["20", "15", "10", "5", "0"]
        assert hooks.list_deliveries(session, other + shop, 20) == []
