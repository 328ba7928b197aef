"""Attempts and changes of status, newest first."""

from datetime import timedelta

import pytest

from pointsync import db
from pointsync.errors import Invalid
from pointsync.models import Attempt, StatusChange
from pointsync.reports import attempts
from tests.support.bulk_rows import fill
from tests.support.moving_clock import START as NOW
from tests.support.queries import asked
from tests.support.remote_rows import OTHER_AUTH, added
from tests.sync.remote_edits import removed

pytestmark = pytest.mark.usefixtures("app")


@pytest.fixture
def tried(app) -> None:
    """Two lines that were tried in turn: the first fails at every third attempt, the last one is under way."""
    added()
    added(OTHER_AUTH)
    with db.write() as session:
        for number in range(30):
            fails = number % 2 == 0 and number % 3 == 0
            session.add(
                Attempt(
                    remote_id=1 + number % 2,
                    started_at=NOW + timedelta(minutes=number),
                    first_delivery_id=1,
                    deliveries=number,
                    code="timeout" if fails else None if number == 29 else "ok",
                )
            )
            change = {"before": "green", "after": "warning", "words": str(number)}
            session.add(StatusChange(remote_id=1 + number % 2, at=NOW, **change))
            session.flush()


def numbers(**more) -> list[int]:
    """The attempts, by how many deliveries they carried."""
    with db.write() as session:
        return [row.attempt.deliveries for row in attempts.page(session, size=80, **more).rows]


def changes(**more) -> list[int]:
    """The changes, by their words."""
    with db.write() as session:
        return [int(row.change.words) for row in attempts.changes(session, size=80, **more).rows]


def test_attempts_newest_first(tried):
    assert numbers() == [*range(29, -1, -1)]
    assert numbers(remote_id=1) == [*range(28, -1, -2)]
    assert numbers(only_failed=True) == numbers(only_failed=True, remote_id=1) == [24, 18, 12, 6, 0]
    assert numbers(only_failed=True, remote_id=2) == numbers(remote_id=3) == numbers(remote_id=10**30) == []


def test_changes_newest_first(tried):
    assert changes() == [*range(29, -1, -1)]
    assert changes(remote_id=2) == [*range(29, 0, -2)]
    assert changes(remote_id=3) == changes(remote_id=10**30) == []


def test_those_of_a_deleted_line_are_still_shown(tried):
    removed(1)
    assert numbers(only_failed=True) == [24, 18, 12, 6, 0]
    with db.write() as session:
        row = attempts.changes(session, remote_id=1).rows[0]
    assert (row.remote.id, row.remote.deleted_at is not None) == (1, True)


@pytest.mark.parametrize("reader", [attempts.page, attempts.changes])
@pytest.mark.parametrize("remote_id", [None, 1])
def test_there_and_back(tried, reader, remote_id):
    def page(cursor=None):
        with db.write() as session:
            return reader(session, remote_id=remote_id, cursor=cursor, size=10)

    pages = [page()]
    while pages[-1].next:
        pages.append(page(pages[-1].next))
    assert sum(len(each.rows) for each in pages) == (30 if remote_id is None else 15)
    assert page(pages[-1].previous).rows[-1] != pages[-1].rows[0]
    assert page(page(pages[-1].first).next).first == "first"
    with pytest.raises(Invalid):
        page("broken")


def test_there_and_back_among_the_failed_of_all():
    with db.write() as session:
        fill(session, remotes=9)

    def page(cursor=None):
        with db.write() as session:
            return attempts.page(session, only_failed=True, cursor=cursor, size=10)

    pages = [page()]
    while pages[-1].next:
        pages.append(page(pages[-1].next))
    ids = [row.attempt.id for each in pages for row in each.rows]
    assert ids == sorted(set(ids), reverse=True)
    assert len(ids) == 45
    back = [page(pages[-1].previous)]
    while back[-1].previous:
        back.append(page(back[-1].previous))
    assert [row.attempt.id for each in reversed(back) for row in each.rows] == ids[:40]


def test_a_fixed_number_of_queries():
    found = []
    for remotes in (1, 9):
        with db.write() as session:
            fill(session, remotes=remotes)
        for only_failed in (False, True):
            for remote_id in (None, 1):

                def call(session, only_failed=only_failed, remote_id=remote_id):
                    return attempts.page(session, only_failed=only_failed, remote_id=remote_id, size=80)

                found.append(len(asked(call)))
        found.append(len(asked(attempts.changes)) + 1)
    assert set(found) == {3}
