"""Points reserves: created once; everything but the key can change."""

import pytest

from pointsync import db
from pointsync.errors import Conflict, InvalidInput, NotFound
from pointsync.ledger import reserves
from tests.support.moving_clock import START as NOW

pytestmark = pytest.mark.usefixtures("app")


def stored_reserves() -> dict[str, tuple[str, bool, bool]]:
    """All reserves, sorted by key."""
    with db.transaction() as session:
        return {each.key: (each.name, each.is_active, each.may_go_below_zero) for each in reserves.list_all(session)}


def test_a_reserve_without_a_name_gets_its_key_as_name():
    with db.transaction() as session:
        reserves.create(session, "gold", None, NOW)
        reserves.create(session, "silver", "  ", NOW, is_active=False, may_go_below_zero=True)
    assert stored_reserves() == {
        "default": ("Points", True, False),
        "gold": ("gold", True, False),
        "silver": ("silver", False, True),
    }


@pytest.mark.parametrize(
    ("key", "name", "kind", "field"),
    [
        ("", "x", InvalidInput, "key"),
        ("no such", "x", InvalidInput, "key"),
        ("a" * 65, "x", InvalidInput, "key"),
        ("gold", "a" * 192, InvalidInput, "name"),
        ("gold", "a\0b", InvalidInput, "name"),
        ("default", "x", Conflict, "key"),
    ],
)
def test_invalid_values_are_refused(key, name, kind, field):
    before = stored_reserves()
    with pytest.raises(kind) as refused, db.transaction() as session:
        reserves.create(session, key, name, NOW)
    assert list(refused.value.fields) == [field]
    assert stored_reserves() == before


def test_all_but_the_key_changes():
    with db.transaction() as session:
        reserves.update(session, "default", " Stars ", False, True)
    assert stored_reserves() == {"default": ("Stars", False, True)}


@pytest.mark.parametrize("name", ["", "  ", "a" * 192, "a\nb", "\ud800"])
def test_an_invalid_name_changes_nothing(name):
    with pytest.raises(InvalidInput) as refused, db.transaction() as session:
        reserves.update(session, "default", name, False, True)
    assert list(refused.value.fields) == ["name"]
    assert stored_reserves() == {"default": ("Points", True, False)}


@pytest.mark.parametrize("key", ["gold", "", "\0", "\ud800", "a" * 1000])
def test_an_unknown_one(key):
    with pytest.raises(NotFound), db.transaction() as session:
        reserves.update(session, key, "x", True, True)
