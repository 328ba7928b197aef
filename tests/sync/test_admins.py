"""Admins: listed, given another password, taken away; never the last one."""

from functools import partial

import pytest
from sqlalchemy import func, select

from pointsync import db
from pointsync.errors import Conflict, Invalid, NotFound
from pointsync.models import Admin, SignIn
from pointsync.sync import admins, sign_ins
from tests.support.frozen import START as NOW
from tests.support.local import together

OLD, NEW = "correct horse battery", "staple of another horse"


@pytest.fixture(autouse=True)
def ada(app) -> int:
    """The id of the one admin there is."""
    return made("Ada")


def made(name: str) -> int:
    """The id of a new admin."""
    with db.write() as session:
        return admins.create(session, name, OLD, NOW).id


def said(call, *args):
    """The outcome, committed."""
    return db.in_write(lambda session: call(session, *args))


def names() -> list[str]:
    """All admins."""
    return [admin.name for admin in said(admins.every)]


def can_sign_in(name: str, password: str) -> bool:
    """Whether that name and password are somebody's."""
    return said(admins.by_credentials, name, password) is not None


def test_all_admins_by_name():
    made("Zoe")
    made("Bob")
    assert names() == ["Ada", "Bob", "Zoe"]


def test_another_password(ada):
    before = said(admins.every)[0].password_hash
    changed = said(admins.change_password, ada, OLD, NEW)
    assert (changed.id, changed.name) == (ada, "Ada")
    assert changed.password_hash not in (before, NEW)
    assert (can_sign_in("Ada", OLD), can_sign_in("Ada", NEW)) == (False, True)


@pytest.mark.parametrize("old", [NEW, "", OLD + "\0", OLD.upper(), "x" * 100_000])
def test_who_does_not_know_the_present_password_changes_nothing(ada, old):
    with pytest.raises(Invalid) as refusal:
        said(admins.change_password, ada, old, NEW)
    assert list(refusal.value.fields) == ["old"]
    assert can_sign_in("Ada", OLD)


@pytest.mark.parametrize("new", ["", "short", "x" * 1001, "nul at the end\0"])
def test_a_password_that_cannot_be(ada, new):
    with pytest.raises(Invalid) as refusal:
        said(admins.change_password, ada, OLD, new)
    assert list(refusal.value.fields) == ["password"]
    assert can_sign_in("Ada", OLD)


def test_one_admin_is_taken_away_with_all_sign_ins(ada):
    bob = made("Bob")
    with db.write() as session:
        tokens = [sign_ins.begin(session, session.get_one(Admin, each), NOW) for each in (ada, bob, bob)]
    said(admins.remove, bob)
    assert names() == ["Ada"]
    assert [said(sign_ins.find, token, NOW) is not None for token in tokens] == [True, False, False]
    assert said(lambda session: session.scalar(select(func.count()).select_from(SignIn))) == 1
    assert not can_sign_in("Bob", OLD)


def test_not_the_last_one(ada):
    with pytest.raises(Conflict) as refusal:
        said(admins.remove, ada)
    assert refusal.value.code == "last_admin"
    assert names() == ["Ada"]


def test_nobody(ada):
    with pytest.raises(NotFound):
        said(admins.remove, ada + 1)


def test_of_two_who_remove_each_other_at_once_one_is_left(app, ada):
    bob = made("Bob")

    def remove(admin_id: int) -> str:
        try:
            said(admins.remove, admin_id)
        except Conflict as error:
            return error.code
        return "removed"

    assert sorted(together(app, partial(remove, ada), partial(remove, bob))) == ["last_admin", "removed"]
    assert len(names()) == 1
