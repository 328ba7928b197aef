"""Attempts and status changes, newest first."""

from datetime import timedelta

import pytest

from pointsync import db
from pointsync.errors import InvalidInput
from pointsync.models import Attempt, StatusChange
from pointsync.reports import attempts
from tests.support.bulk_rows import insert_rows
from tests.support.moving_clock import START as NOW
from tests.support.queries import queries_of
from tests.support.remote_rows import OTHER_AUTH, add_remote
from tests.sync.remote_edits import remove_remote

pytestmark = pytest.mark.usefixtures("app")


@pytest.fixture
def tried_remotes(app) -> None:
    """Two remotes with attempts in turn: every third attempt of the first fails; the last one has not ended."""
    add_remote()
    add_remote(OTHER_AUTH)
    with db.transaction() as session:
        for number in range(30):
            has_failed = number % 2 == 0 and number % 3 == 0
            session.add(
                Attempt(
                    remote_id=1 + number % 2,
                    started_at=NOW + timedelta(minutes=number),
                    first_delivery_id=1,
                    deliveries=number,
                    code="timeout" if has_failed else None if number == 29 else "ok",
                )
            )
            change = {"before": "green", "after": "warning", "words": str(number)}
            session.add(StatusChange(remote_id=1 + number % 2, at=NOW, **change))
            session.flush()


def delivery_counts(**filters) -> list[int]:
    """List attempts, and return how many deliveries each one sent."""
    with db.transaction() as session:
        return [row.attempt.deliveries for row in attempts.list_page(session, size=80, **filters).rows]


def status_change_numbers(**filters) -> list[int]:
    """List status changes, and return the number in the words of each."""
    with db.transaction() as session:
        return [int(row.change.words) for row in attempts.list_status_changes(session, size=80, **filters).rows]


def test_attempts_newest_first(tried_remotes):
    assert delivery_counts() == [*range(29, -1, -1)]
    assert delivery_counts(remote_id=1) == [*range(28, -1, -2)]
    assert delivery_counts(only_failed=True) == delivery_counts(only_failed=True, remote_id=1) == [24, 18, 12, 6, 0]
    assert (
        delivery_counts(only_failed=True, remote_id=2)
        == delivery_counts(remote_id=3)
        == delivery_counts(remote_id=10**30)
        == []
    )


def test_status_changes_newest_first(tried_remotes):
    assert status_change_numbers() == [*range(29, -1, -1)]
    assert status_change_numbers(remote_id=2) == [*range(29, 0, -2)]
    assert status_change_numbers(remote_id=3) == status_change_numbers(remote_id=10**30) == []


def test_entries_of_a_deleted_remote_are_still_listed(tried_remotes):
    remove_remote(1)
    assert delivery_counts(only_failed=True) == [24, 18, 12, 6, 0]
    with db.transaction() as session:
        row = attempts.list_status_changes(session, remote_id=1).rows[0]
    assert (row.remote.id, row.remote.deleted_at is not None) == (1, True)


@pytest.mark.parametrize("reader", [attempts.list_page, attempts.list_status_changes])
@pytest.mark.parametrize("remote_id", [None, 1])
def test_paging_and_back(tried_remotes, reader, remote_id):
    def page(cursor=None):
        with db.transaction() as session:
            return reader(session, remote_id=remote_id, cursor=cursor, size=10)

    pages = [page()]
    while pages[-1].next:
        pages.append(page(pages[-1].next))
    assert sum(len(each.rows) for each in pages) == (30 if remote_id is None else 15)
    assert page(pages[-1].previous).rows[-1] != pages[-1].rows[0]
    assert page(page(pages[-1].first).next).first == "first"
    with pytest.raises(InvalidInput):
        page("broken")


def test_paging_through_failed_attempts_and_back():
    with db.transaction() as session:
        insert_rows(session, remotes=9)

    def page(cursor=None):
        with db.transaction() as session:
            return attempts.list_page(session, only_failed=True, cursor=cursor, size=10)

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
    counts = []
    for remotes in (1, 9):
        with db.transaction() as session:
            insert_rows(session, remotes=remotes)
        for only_failed in (False, True):
            for remote_id in (None, 1):

                def call(session, only_failed=only_failed, remote_id=remote_id):
                    return attempts.list_page(session, only_failed=only_failed, remote_id=remote_id, size=80)

                counts.append(len(queries_of(call)))
        counts.append(len(queries_of(attempts.list_status_changes)) + 1)
    assert set(counts) == {3}
