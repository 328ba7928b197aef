"""Admins: listed, disabled, removed, and given new passwords; but never the last one."""

import unicodedata
from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import func, select
from werkzeug.security import generate_password_hash

from pointsync import db
from pointsync.accounts import admins, sign_ins
from pointsync.errors import Conflict, InvalidInput, NotFound
from pointsync.models import Admin, SignIn
from tests.support.apps import ALSO_POSTGRES, run_concurrently
from tests.support.moving_clock import START as NOW

OLD, NEW = "correct horse battery", "staple of another horse"


pytestmark = pytest.mark.parametrize("app", ALSO_POSTGRES, indirect=True)


@pytest.fixture(autouse=True)
def ada(app) -> int:
    """The id of the only admin."""
    return create_admin("Ada")


def create_admin(name: str) -> int:
    """Create an admin and return the id."""
    with db.transaction() as session:
        return admins.create(session, name, OLD, NOW).id


def run_committed(call, *args):
    """Call in a transaction and return the result."""
    return db.run_in_transaction(lambda session: call(session, *args))


def admin_names() -> list[str]:
    """The names of all admins."""
    return [admin.name for admin in run_committed(admins.list_all)]


def can_sign_in(name: str, password: str) -> bool:
    """Whether the name and the password are right."""
    return run_committed(admins.authenticate, name, password) is not None


def test_all_admins_by_name():
    create_admin("Zoe")
    create_admin("Bob")
    assert admin_names() == ["Ada", "Bob", "Zoe"]


def test_changing_a_password(ada):
    before = run_committed(admins.list_all)[0].password_hash
    changed = run_committed(admins.change_password, ada, OLD, NEW)
    assert (changed.id, changed.name) == (ada, "Ada")
    assert changed.password_hash not in (before, NEW)
    assert (can_sign_in("Ada", OLD), can_sign_in("Ada", NEW)) == (False, True)


@pytest.mark.parametrize("old", [NEW, "", OLD + "\0", OLD.upper(), "x" * 100_000])
def test_a_wrong_current_password_changes_nothing(ada, old):
    with pytest.raises(InvalidInput) as refusal:
        run_committed(admins.change_password, ada, old, NEW)
    assert list(refusal.value.fields) == ["old"]
    assert can_sign_in("Ada", OLD)


@pytest.mark.parametrize("new", ["", "short", "x" * 1001, "nul at the end\0"])
def test_an_invalid_password_is_refused(ada, new):
    with pytest.raises(InvalidInput) as refusal:
        run_committed(admins.change_password, ada, OLD, new)
    assert list(refusal.value.fields) == ["password"]
    assert can_sign_in("Ada", OLD)


def test_removing_an_admin_ends_their_sign_ins(ada):
    bob = create_admin("Bob")
    with db.transaction() as session:
        tokens = [sign_ins.create(session, session.get_one(Admin, each), NOW) for each in (ada, bob, bob)]
    run_committed(admins.remove, bob)
    assert admin_names() == ["Ada"]
    assert [run_committed(sign_ins.find, token, NOW) is not None for token in tokens] == [True, False, False]
    assert run_committed(lambda session: session.scalar(select(func.count()).select_from(SignIn))) == 1
    assert not can_sign_in("Bob", OLD)


def test_a_disabled_admin_has_no_sign_ins_and_cannot_create_any(ada):
    bob = create_admin("Bob")
    with db.transaction() as session:
        row = session.get_one(Admin, bob)
        token = sign_ins.create(session, row, NOW)
    assert run_committed(admins.disable, bob, NOW).disabled_at == NOW
    assert run_committed(admins.disable, bob, NOW + timedelta(days=1)).disabled_at == NOW, (
        "disabling again changes nothing"
    )
    assert run_committed(sign_ins.find, token, NOW) is None
    assert run_committed(admins.is_disabled, "Bob")
    with pytest.raises(Conflict) as refusal:
        run_committed(sign_ins.create, row, NOW)
    assert refusal.value.code == "admin_disabled"
    assert run_committed(admins.enable, bob).disabled_at is None
    assert not run_committed(admins.is_disabled, "Bob")
    assert run_committed(sign_ins.find, token, NOW) is None, "the old sign-in does not come back"
    assert can_sign_in("Bob", OLD)


def test_the_last_admin_who_may_sign_in_cannot_be_disabled_or_removed(ada):
    bob = create_admin("Bob")
    run_committed(admins.disable, bob, NOW)
    for call, args in ((admins.disable, (ada, NOW)), (admins.remove, (ada,))):
        with pytest.raises(Conflict) as refusal:
            run_committed(call, *args)
        assert refusal.value.code == "last_admin"
        assert "Add or enable another admin first" in refusal.value.message
    run_committed(admins.remove, bob)
    assert admin_names() == ["Ada"], "a disabled admin may be removed"


def test_a_password_is_reset_without_the_current_one(ada):
    bob = create_admin("Bob")
    with db.transaction() as session:
        tokens = [sign_ins.create(session, session.get_one(Admin, each), NOW) for each in (ada, bob)]
    with pytest.raises(InvalidInput):
        run_committed(admins.reset_password, bob, "short")
    assert [run_committed(sign_ins.find, token, NOW) is not None for token in tokens] == [True, True]
    run_committed(admins.reset_password, bob, NEW)
    assert (can_sign_in("Bob", OLD), can_sign_in("Bob", NEW), can_sign_in("Ada", OLD)) == (False, True, True)
    assert [run_committed(sign_ins.find, token, NOW) is not None for token in tokens] == [True, False]
    run_committed(admins.disable, bob, NOW)
    assert run_committed(admins.reset_password, bob, OLD).disabled_at == NOW


@pytest.mark.parametrize("name", ["bob", "", "a\0b", "x" * 1000])
def test_unknown_names(name):
    create_admin("Bob")
    assert run_committed(admins.get_by_name, " Bob ").name == "Bob"
    with pytest.raises(NotFound):
        run_committed(admins.get_by_name, name)


def test_the_last_admin_cannot_be_removed(ada):
    with pytest.raises(Conflict) as refusal:
        run_committed(admins.remove, ada)
    assert refusal.value.code == "last_admin"
    assert admin_names() == ["Ada"]


def test_unknown_ids(ada):
    calls = ((admins.remove,), (admins.disable, NOW), (admins.enable,), (admins.reset_password, NEW))
    for call, *more in calls:
        with pytest.raises(NotFound):
            run_committed(call, ada + 1, *more)


@pytest.mark.parametrize("calls", [("remove", "remove"), ("disable", "disable"), ("disable", "remove")])
def test_of_two_concurrent_removals_one_admin_is_left(app, ada, calls):
    def lock_out(call: str, admin_id: int) -> str:
        try:
            run_committed(getattr(admins, call), admin_id, *((NOW,) if call == "disable" else ()))
        except Conflict as error:
            return error.code
        return "done"

    attempts = [
        partial(lock_out, call, admin_id) for call, admin_id in zip(calls, (ada, create_admin("Bob")), strict=True)
    ]
    assert sorted(run_concurrently(app, *attempts)) == ["done", "last_admin"]
    assert len([row for row in run_committed(admins.list_all) if row.disabled_at is None]) == 1


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_a_password_in_another_unicode_form_is_the_same(app, form):
    """As a keyboard of another system types it; also if an earlier version stored it as it was typed."""
    password = "Käsekuchen größer"
    with db.transaction() as session:
        admins.create(session, "Grace", unicodedata.normalize(form, password), NOW)
        heidi = admins.create(session, "Heidi", password, NOW)
        # As an earlier version stored it.
        heidi.password_hash = generate_password_hash(unicodedata.normalize(form, password), "scrypt:1024:8:1")
    with db.transaction() as session:
        for typed in ("NFC", "NFD"):
            for name in ("Grace", "Heidi"):
                assert admins.authenticate(session, name, unicodedata.normalize(typed, password)), (name, typed)
        assert admins.authenticate(session, "Grace", "Kasekuchen groser") is None
