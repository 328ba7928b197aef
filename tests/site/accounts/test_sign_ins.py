"""Sign-ins: when and where each was last used, and how they end."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from pointsync import db
from pointsync.accounts import admins, sign_ins
from pointsync.accounts.sign_ins import LIFETIME, MINUTE, MOST, UNUSED
from pointsync.errors import NotFound
from pointsync.models import Admin, Audit, SignIn
from pointsync.reports import audit_log
from tests.support.moving_clock import START as NOW

SECOND = timedelta(seconds=1)


@pytest.fixture(autouse=True)
def ada(app) -> Admin:
    """The one admin there is."""
    with db.write() as session:
        return admins.create(session, "Ada", "correct horse battery", NOW)


def begun(admin: Admin, now=NOW, **facts) -> str:
    """The token of a new sign-in."""
    return db.in_write(lambda session: sign_ins.begin(session, admin, now, **facts))


def found(token: str, now=NOW) -> SignIn | None:
    """The sign-in of that token."""
    return db.in_write(lambda session: sign_ins.find(session, token, now))


def noted() -> list[tuple]:
    """What the audit log holds of ended sign-ins."""
    with db.write() as session:
        rows = session.scalars(select(Audit).where(Audit.action == "signed out").order_by(Audit.id)).all()
        return [(row.noun, row.thing, row.after, audit_log.words(row)) for row in rows]


def used(token: str, now, address: str = "192.0.2.9") -> SignIn:
    """The sign-in after it was used."""
    row = found(token, now)
    assert row
    db.in_write(lambda session: sign_ins.used(session, row.id, address, now))
    after = found(token, now)
    assert after
    return after


def test_a_sign_in_knows_how_and_where_it_began(ada):
    row = found(begun(ada, address="192.0.2.7", browser="Firefox\n on Linux" + "x" * 200, how="link"))
    assert (row.began_at, row.seen_at, row.address, row.how) == (NOW, NOW, "192.0.2.7", "link")
    assert row.browser == ("Firefox  on Linux" + "x" * 200)[:80]


def test_its_last_use_is_written_once_a_minute_and_noted_nowhere(ada):
    token = begun(ada, address="192.0.2.7")
    with db.write() as session:
        before = session.scalars(select(Audit.id)).all()
    row = used(token, NOW + MINUTE - SECOND)
    assert (row.seen_at, row.address) == (NOW, "192.0.2.7")
    row = used(token, NOW + MINUTE, "x" * 100)
    assert (row.seen_at, row.address) == (NOW + MINUTE, "x" * 64)
    with db.write() as session:
        assert session.scalars(select(Audit.id)).all() == before


def test_it_ends_unused_or_old(ada):
    token = begun(ada)
    assert found(token, NOW + UNUSED - SECOND)
    assert not found(token, NOW + UNUSED)
    for days in range(LIFETIME.days):
        used(token, NOW + timedelta(days=days))
    assert found(token, NOW + LIFETIME - SECOND)
    assert not found(token, NOW + LIFETIME)


def test_those_used_last_come_first_and_ended_ones_not_at_all(ada):
    old, first, second = begun(ada, NOW - UNUSED), begun(ada), begun(ada, NOW + SECOND)
    used(first, NOW + MINUTE)
    rows = db.in_write(lambda session: sign_ins.newest(session, NOW + MINUTE, 9))
    assert [row.id for row in rows] == [found(first).id, found(second, NOW + SECOND).id]
    assert not found(old)
    assert len(db.in_write(lambda session: sign_ins.newest(session, NOW + MINUTE, 1))) == 1


def test_one_is_ended_and_another_not(ada):
    kept, ended = begun(ada), begun(ada, browser="Firefox on Linux")
    number = found(ended).id
    row = db.in_write(lambda session: sign_ins.end_one(session, number))
    assert (row.browser, row.admin.name) == ("Firefox on Linux", "Ada")
    assert found(kept)
    assert not found(ended)
    assert noted() == [("admin", "Ada", {"browsers": 1}, "This site signed Ada out of 1 browser")]
    with pytest.raises(NotFound):
        db.in_write(lambda session: sign_ins.end_one(session, row.id))


def test_all_others_are_ended_at_once(ada):
    with db.write() as session:
        bob = admins.create(session, "Bob", "correct horse battery", NOW)
    kept, *ended, others = begun(ada), begun(ada), begun(ada), begun(bob)
    own = found(kept).id
    assert db.in_write(lambda session: sign_ins.end_all(session, ada, but=own)) == 2
    assert [found(token) is not None for token in (kept, *ended, others)] == [True, False, False, True]
    assert [row[2] for row in noted()] == [{"browsers": 2}]
    assert db.in_write(lambda session: sign_ins.end_all(session, ada, but=own)) == 0
    assert len(noted()) == 1, "nothing was ended, so nothing is noted"
    assert db.in_write(lambda session: sign_ins.end_all(session, ada)) == 1


def test_an_admin_has_so_many_and_no_more(ada):
    tokens = [begun(ada, NOW + number * SECOND) for number in range(MOST)]
    later = NOW + MOST * SECOND + MINUTE
    used(tokens[0], later)
    newest = begun(ada, later)
    assert found(tokens[0], later), "it was used since"
    assert not found(tokens[1], later)
    assert all(found(token, later) for token in (*tokens[2:], newest))
