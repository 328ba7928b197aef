"""Setting hooks up: what is refused, and what is kept."""

from collections.abc import Callable

import pytest
from flask import Flask

from pointsync import clock, crypto, db
from pointsync.errors import Conflict, Invalid, NotFound
from pointsync.models import HookDelivery
from pointsync.woocommerce import hooks
from tests.api.api_clients import Woo

AddHook = Callable[..., Woo]


@pytest.mark.parametrize(
    ("fields", "fault"),
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
def test_a_hook_that_cannot_be(app: Flask, fields: dict[str, str], fault: str) -> None:
    given = {"name": "a", "secret": "s", "reserve_key": "default", "rate": "1", "status": "completed"} | fields
    vault = crypto.Vault("a secret of this test")
    with app.app_context(), pytest.raises(Invalid) as refusal:
        db.in_write(lambda session: hooks.add(session, vault, **given, by_movements=False, now=clock.now()))
    assert list(refusal.value.fields) == [fault]


def test_a_live_name_is_taken(add_hook: AddHook) -> None:
    add_hook()
    with pytest.raises(Conflict, match="choose another name"):
        add_hook()


def test_a_reserve_has_hooks_of_one_rule(add_hook: AddHook, add_reserve: Callable[..., None]) -> None:
    add_hook("orders")
    with pytest.raises(Conflict, match="twice"):
        add_hook("movements", by_movements=True)
    add_reserve("gold")
    add_hook("movements", reserve="gold", by_movements=True)


def test_an_unknown_reserve_or_hook(app: Flask, add_hook: AddHook) -> None:
    with pytest.raises(NotFound):
        add_hook(reserve="nowhere")
    with app.app_context(), pytest.raises(NotFound, match="There is no hook"):
        db.in_write(lambda session: hooks.remove(session, "nobody", clock.now()))


def test_the_last_deliveries_are_kept(app: Flask, add_hook: AddHook) -> None:
    one, two = add_hook("one"), add_hook("two", shop="http://two.test/")
    for number in range(5):
        one.order(id=number + 1)
    two.order()
    with app.app_context():
        assert db.in_write(lambda session: hooks.prune(session, kept=3)) == 2
        assert db.in_write(lambda session: hooks.prune(session, kept=3)) == 0
        kept = db.db.session.scalars(db.db.select(HookDelivery.id).order_by(HookDelivery.id)).all()
    assert list(kept) == [3, 4, 5, 6]
