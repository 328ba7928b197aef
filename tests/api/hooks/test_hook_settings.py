"""Adding and removing hooks, and how many deliveries are kept."""

from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import select

from pointsync import clock, crypto, db
from pointsync.errors import Conflict, InvalidInput, NotFound
from pointsync.models import HookDelivery
from pointsync.woocommerce import hooks
from tests.api.api_clients import HookClient

AddHook = Callable[..., HookClient]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"name": "two words"}, "name"),
        ({"secret": " "}, "secret"),
        ({"secret": "a\0b"}, "secret"),
        ({"secret": "ö" * 400}, "secret"),
        ({"rate": "0"}, "rate"),
        ({"rate": "-1"}, "rate"),
        ({"rate": "NaN"}, "rate"),
        ({"rate": "Infinity"}, "rate"),
        ({"rate": "1e99"}, "rate"),
        ({"rate": "1e-9"}, "rate"),
        ({"rate": "0.0000001"}, "rate"),
        ({"rate": "one"}, "rate"),
        ({"status": "pending"}, "status"),
    ],
)
def test_an_invalid_hook(app: Flask, fields: dict[str, str], field: str) -> None:
    values = {"name": "a", "secret": "s", "reserve_key": "default", "rate": "1", "status": "completed"} | fields
    vault = crypto.Vault("a secret of this test")
    with app.app_context(), pytest.raises(InvalidInput) as refusal:
        db.run_in_transaction(lambda session: hooks.add(session, vault, **values, by_movements=False, now=clock.now()))
    assert list(refusal.value.fields) == [field]


def test_a_name_in_use_is_refused(add_hook: AddHook) -> None:
    add_hook()
    with pytest.raises(Conflict, match="Choose another name"):
        add_hook()


def test_a_reserve_has_hooks_of_one_rule_only(add_hook: AddHook, add_reserve: Callable[..., None]) -> None:
    add_hook("orders")
    with pytest.raises(Conflict, match="twice"):
        add_hook("movements", by_movements=True)
    add_reserve("gold")
    add_hook("movements", reserve="gold", by_movements=True)


def test_an_unknown_reserve_or_hook(app: Flask, add_hook: AddHook) -> None:
    with pytest.raises(NotFound):
        add_hook(reserve="nowhere")
    with app.app_context(), pytest.raises(NotFound, match="There is no hook"):
        db.run_in_transaction(lambda session: hooks.remove(session, "nobody", clock.now()))


def test_only_the_last_deliveries_are_kept(app: Flask, add_hook: AddHook) -> None:
    one, two = add_hook("one"), add_hook("two", shop="http://two.test/")
    for number in range(5):
        one.order(id=number + 1)
    two.order()
    with app.app_context():
        assert db.run_in_transaction(lambda session: hooks.prune(session, keep_count=3)) == 2
        assert db.run_in_transaction(lambda session: hooks.prune(session, keep_count=3)) == 0
        kept = db.session.scalars(select(HookDelivery.id).order_by(HookDelivery.id)).all()
    assert list(kept) == [3, 4, 5, 6]
