"""Points reserves: added once, changed in all but their keys."""

import pytest

from pointsync import db
from pointsync.errors import Conflict, Invalid, NotFound
from pointsync.ledger import reserves
from tests.support.moving_clock import START as NOW

pytestmark = pytest.mark.usefixtures("app")


def kept() -> dict[str, tuple[str, bool, bool]]:
    """All reserves by key."""
    with db.write() as session:
        return {each.key: (each.name, each.is_active, each.may_go_below_zero) for each in reserves.every(session)}


def test_one_without_a_name_is_called_by_its_key():
    with db.write() as session:
        reserves.add(session, "gold", None, NOW)
        reserves.add(session, "silver", "  ", NOW, is_active=False, may_go_below_zero=True)
    assert kept() == {
        "default": ("Points", True, False),
        "gold": ("gold", True, False),
        "silver": ("silver", False, True),
    }


@pytest.mark.parametrize(
    ("key", "name", "kind", "field"),
    [
        ("", "x", Invalid, "key"),
        ("no such", "x", Invalid, "key"),
        ("a" * 65, "x", Invalid, "key"),
        ("gold", "a" * 192, Invalid, "name"),
        ("gold", "a\0b", Invalid, "name"),
        ("default", "x", Conflict, "key"),
    ],
)
def test_what_cannot_be_added(key, name, kind, field):
    before = kept()
    with pytest.raises(kind) as refused, db.write() as session:
        reserves.add(session, key, name, NOW)
    assert list(refused.value.fields) == [field]
    assert kept() == before


def test_all_but_the_key_changes():
    with db.write() as session:
        reserves.change(session, "default", " Stars ", False, True)
    assert kept() == {"default": ("Stars", False, True)}


@pytest.mark.parametrize("name", ["", "  ", "a" * 192, "a\nb", "\ud800"])
def test_a_name_that_cannot_be_changes_nothing(name):
    with pytest.raises(Invalid) as refused, db.write() as session:
        reserves.change(session, "default", name, False, True)
    assert list(refused.value.fields) == ["name"]
    assert kept() == {"default": ("Points", True, False)}


@pytest.mark.parametrize("key", ["gold", "", "\0", "\ud800", "a" * 1000])
def test_one_that_is_not_there(key):
    with pytest.raises(NotFound), db.write() as session:
        reserves.change(session, key, "x", True, True)
