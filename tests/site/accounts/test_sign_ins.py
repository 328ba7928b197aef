"""Sign-ins: when and where each was last used, and how it ends."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from pointsync import db
from pointsync.accounts import admins, sign_ins
from pointsync.accounts.sign_ins import IDLE_TIMEOUT, LIFETIME, MAX_PER_ADMIN, USE_RESOLUTION
from pointsync.errors import NotFound
from pointsync.models import Admin, AuditEntry, SignIn
from pointsync.reports import audit_log
from tests.support.apps import ALSO_POSTGRES
from tests.support.moving_clock import START as NOW

SECOND = timedelta(seconds=1)


pytestmark = pytest.mark.parametrize("app", ALSO_POSTGRES, indirect=True)


@pytest.fixture(autouse=True)
def ada(app) -> Admin:
    """The only admin."""
    with db.transaction() as session:
        return admins.create(session, "Ada", "correct horse battery", NOW)


def create_sign_in(admin: Admin, now=NOW, **details) -> str:
    """Create a sign-in and return its token."""
    return db.run_in_transaction(lambda session: sign_ins.create(session, admin, now, **details))


def find_sign_in(token: str, now=NOW) -> SignIn | None:
    """Find the sign-in with that token."""
    return db.run_in_transaction(lambda session: sign_ins.find(session, token, now))


def ended_audit_rows() -> list[tuple]:
    """The audit log's entries of ended sign-ins."""
    with db.transaction() as session:
        rows = session.scalars(
            select(AuditEntry).where(AuditEntry.action == "signed out").order_by(AuditEntry.id)
        ).all()
        return [(row.noun, row.thing, row.after, audit_log.describe(row)) for row in rows]


def use_sign_in(token: str, now, address: str = "192.0.2.9") -> SignIn:
    """Record a use and return the sign-in."""
    row = find_sign_in(token, now)
    assert row
    db.run_in_transaction(lambda session: sign_ins.record_use(session, row.id, address, now))
    used = find_sign_in(token, now)
    assert used
    return used


def test_a_sign_in_stores_how_and_where_it_began(ada):
    row = find_sign_in(create_sign_in(ada, address="192.0.2.7", browser="Firefox\n on Linux" + "x" * 200, how="link"))
    assert (row.began_at, row.seen_at, row.address, row.how) == (NOW, NOW, "192.0.2.7", "link")
    assert row.browser == ("Firefox  on Linux" + "x" * 200)[:80]


def test_the_last_use_is_stored_once_a_minute_and_not_audited(ada):
    token = create_sign_in(ada, address="192.0.2.7")
    with db.transaction() as session:
        before = session.scalars(select(AuditEntry.id)).all()
    row = use_sign_in(token, NOW + USE_RESOLUTION - SECOND)
    assert (row.seen_at, row.address) == (NOW, "192.0.2.7")
    row = use_sign_in(token, NOW + USE_RESOLUTION, "x" * 100)
    assert (row.seen_at, row.address) == (NOW + USE_RESOLUTION, "x" * 64)
    with db.transaction() as session:
        assert session.scalars(select(AuditEntry.id)).all() == before


def test_a_sign_in_ends_when_idle_or_old(ada):
    token = create_sign_in(ada)
    assert find_sign_in(token, NOW + IDLE_TIMEOUT - SECOND)
    assert not find_sign_in(token, NOW + IDLE_TIMEOUT)
    for days in range(LIFETIME.days):
        use_sign_in(token, NOW + timedelta(days=days))
    assert find_sign_in(token, NOW + LIFETIME - SECOND)
    assert not find_sign_in(token, NOW + LIFETIME)


def test_the_list_is_ordered_by_last_use_and_omits_ended_sign_ins(ada):
    old, first, second = create_sign_in(ada, NOW - IDLE_TIMEOUT), create_sign_in(ada), create_sign_in(ada, NOW + SECOND)
    use_sign_in(first, NOW + USE_RESOLUTION)
    rows = db.run_in_transaction(lambda session: sign_ins.list_recent(session, NOW + USE_RESOLUTION, 9))
    assert [row.id for row in rows] == [find_sign_in(first).id, find_sign_in(second, NOW + SECOND).id]
    assert not find_sign_in(old)
    assert len(db.run_in_transaction(lambda session: sign_ins.list_recent(session, NOW + USE_RESOLUTION, 1))) == 1


def test_ending_one_sign_in(ada):
    kept, ended = create_sign_in(ada), create_sign_in(ada, browser="Firefox on Linux")
    sign_in_id = find_sign_in(ended).id
    row = db.run_in_transaction(lambda session: sign_ins.end_by_id(session, sign_in_id))
    assert (row.browser, row.admin.name) == ("Firefox on Linux", "Ada")
    assert find_sign_in(kept)
    assert not find_sign_in(ended)
    assert ended_audit_rows() == [("admin", "Ada", {"browsers": 1}, "This site signed Ada out of 1 browser")]
    with pytest.raises(NotFound):
        db.run_in_transaction(lambda session: sign_ins.end_by_id(session, row.id))


def test_ending_all_other_sign_ins(ada):
    with db.transaction() as session:
        bob = admins.create(session, "Bob", "correct horse battery", NOW)
    kept, *ended, of_bob = create_sign_in(ada), create_sign_in(ada), create_sign_in(ada), create_sign_in(bob)
    own = find_sign_in(kept).id
    assert db.run_in_transaction(lambda session: sign_ins.end_all(session, ada, except_id=own)) == 2
    assert [find_sign_in(token) is not None for token in (kept, *ended, of_bob)] == [True, False, False, True]
    assert [row[2] for row in ended_audit_rows()] == [{"browsers": 2}]
    assert db.run_in_transaction(lambda session: sign_ins.end_all(session, ada, except_id=own)) == 0
    assert len(ended_audit_rows()) == 1, "nothing was ended, so nothing is audited"
    assert db.run_in_transaction(lambda session: sign_ins.end_all(session, ada)) == 1


def test_the_number_of_sign_ins_per_admin_is_limited(ada):
    tokens = [create_sign_in(ada, NOW + number * SECOND) for number in range(MAX_PER_ADMIN)]
    later = NOW + MAX_PER_ADMIN * SECOND + USE_RESOLUTION
    use_sign_in(tokens[0], later)
    newest = create_sign_in(ada, later)
    assert find_sign_in(tokens[0], later), "it was used recently"
    assert not find_sign_in(tokens[1], later)
    assert all(find_sign_in(token, later) for token in (*tokens[2:], newest))


def test_a_sign_in_ends_in_time_although_the_clock_was_set_back(ada):
    token, ended = create_sign_in(ada), create_sign_in(ada, NOW - timedelta(days=400))
    earlier = NOW - timedelta(days=365)
    with db.transaction() as session:
        sign_ins.prune(session, earlier)
    row = find_sign_in(token, earlier)
    assert (row.began_at, row.seen_at) == (earlier, earlier)
    assert find_sign_in(token, earlier + IDLE_TIMEOUT) is None
    assert find_sign_in(ended, earlier) is None


def test_failures_from_before_the_clock_was_set_back_do_not_fill_the_log(ada, moving_clock):
    for _ in range(sign_ins.MAX_LOGGED_FAILURES):
        db.run_in_transaction(lambda session: sign_ins.log_failure(session, "Ada", NOW))
    earlier = moving_clock.advance(-timedelta(hours=2))
    db.run_in_transaction(lambda session: sign_ins.log_failure(session, "Ada", earlier))
    with db.transaction() as session:
        times = session.scalars(select(AuditEntry.at).where(AuditEntry.action == "failed")).all()
    assert times.count(earlier) == 1
