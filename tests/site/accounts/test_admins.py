"""Admins: listed, given another password, taken away; never the last one."""

from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import func, select

from pointsync import db
from pointsync.accounts import admins, sign_ins
from pointsync.errors import Conflict, Invalid, NotFound
from pointsync.models import Admin, SignIn
from tests.support.apps import together
from tests.support.moving_clock import START as NOW

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


def test_who_is_disabled_has_no_sign_in_and_begins_none(ada):
    bob = made("Bob")
    with db.write() as session:
        row = session.get_one(Admin, bob)
        token = sign_ins.begin(session, row, NOW)
    assert said(admins.disable, bob, NOW).disabled_at == NOW
    assert said(admins.disable, bob, NOW + timedelta(days=1)).disabled_at == NOW, "once more changes nothing"
    assert said(sign_ins.find, token, NOW) is None
    assert said(admins.is_disabled, "Bob")
    with pytest.raises(Conflict) as refusal:
        said(sign_ins.begin, row, NOW)
    assert refusal.value.code == "admin_disabled"
    assert said(admins.enable, bob).disabled_at is None
    assert not said(admins.is_disabled, "Bob")
    assert said(sign_ins.find, token, NOW) is None, "an old one does not come back"
    assert can_sign_in("Bob", OLD)


def test_the_last_who_may_sign_in_is_neither_disabled_nor_removed(ada):
    bob = made("Bob")
    said(admins.disable, bob, NOW)
    for call, args in ((admins.disable, (ada, NOW)), (admins.remove, (ada,))):
        with pytest.raises(Conflict) as refusal:
            said(call, *args)
        assert refusal.value.code == "last_admin"
        assert "add or enable another one first" in refusal.value.message
    said(admins.remove, bob)
    assert names() == ["Ada"], "a disabled one may be removed"


def test_a_password_is_reset_without_the_old_one(ada):
    bob = made("Bob")
    with db.write() as session:
        tokens = [sign_ins.begin(session, session.get_one(Admin, each), NOW) for each in (ada, bob)]
    with pytest.raises(Invalid):
        said(admins.reset_password, bob, "short")
    assert [said(sign_ins.find, token, NOW) is not None for token in tokens] == [True, True]
    said(admins.reset_password, bob, NEW)
    assert (can_sign_in("Bob", OLD), can_sign_in("Bob", NEW), can_sign_in("Ada", OLD)) == (False, True, True)
    assert [said(sign_ins.find, token, NOW) is not None for token in tokens] == [True, False]
    said(admins.disable, bob, NOW)
    assert said(admins.reset_password, bob, OLD).disabled_at == NOW


@pytest.mark.parametrize("name", ["bob", "", "a\0b", "x" * 1000])
def test_nobody_of_that_name(name):
    made("Bob")
    assert said(admins.by_name, " Bob ").name == "Bob"
    with pytest.raises(NotFound):
        said(admins.by_name, name)


def test_not_the_last_one(ada):
    with pytest.raises(Conflict) as refusal:
        said(admins.remove, ada)
    assert refusal.value.code == "last_admin"
    assert names() == ["Ada"]


def test_nobody(ada):
    calls = ((admins.remove,), (admins.disable, NOW), (admins.enable,), (admins.reset_password, NEW))
    for call, *more in calls:
        with pytest.raises(NotFound):
            said(call, ada + 1, *more)


@pytest.mark.parametrize("calls", [("remove", "remove"), ("disable", "disable"), ("disable", "remove")])
def test_of_two_who_shut_each_other_out_at_once_one_is_left(app, ada, calls):
    def shut_out(call: str, admin_id: int) -> str:
        try:
            said(getattr(admins, call), admin_id, *((NOW,) if call == "disable" else ()))
        except Conflict as error:
            return error.code
        return "done"

    each = [partial(shut_out, call, admin_id) for call, admin_id in zip(calls, (ada, made("Bob")), strict=True)]
    assert sorted(together(app, *each)) == ["done", "last_admin"]
    assert len([row for row in said(admins.every) if row.disabled_at is None]) == 1
