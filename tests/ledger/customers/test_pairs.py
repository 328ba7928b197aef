"""Customers who may be the same: found, asked for, merged, and marked as not the same."""

import pytest
from sqlalchemy import select

from pointsync import db
from pointsync.errors import Conflict, NotFound
from pointsync.ledger import customers
from pointsync.ledger.people import find_alike, pairs
from pointsync.ledger.people.erasure import erasures
from pointsync.models import AuditEntry, Customer
from pointsync.models.customer_pair import ASKED
from tests.ledger.customers.people_steps import BOB, CAROL, give, merge, rename, unmerge
from tests.ledger.record_drafts import ANNA
from tests.support.moving_clock import START as NOW

ALIKE = "an.na+shop@shop.example"


def find() -> None:
    while db.run_in_transaction(lambda session: find_alike.process_next_chunk(session, NOW)):
        pass


def listed() -> list[tuple[str, str, str]]:
    with db.transaction() as session:
        page = pairs.list_page(session)
        assert pairs.count_asked(session) == sum(each.pair.reason == ASKED for each in page.rows)
        assert pairs.count(session).number >= len(page.rows)
        return [(each.first.email, each.second.email, each.pair.reason) for each in page.rows]


def ask(email: str, to: str) -> None:
    db.run_in_transaction(lambda session: pairs.note_asked(session, email, to, "api:shop", NOW))


def dismiss(email: str, other: str) -> None:
    db.run_in_transaction(lambda session: pairs.dismiss(session, email, other, NOW))


def test_addresses_that_are_alike_are_found_once(app):
    give(1)
    give(1, BOB)
    find()
    give(1, ALIKE)
    give(1, "ANNA@shop.example")
    give(1, "anna@other.example")
    for _ in range(2):
        find()
        assert listed() == [(ANNA, ALIKE, "alike")]
    with db.transaction() as session:
        assert find_alike.count_remaining(session) == 0


def test_many_that_are_alike_are_each_paired_with_the_oldest(app, monkeypatch):
    monkeypatch.setattr(find_alike, "CHUNK_SIZE", 3)
    for number in range(7):
        give(1, f"anna+{number}@shop.example")
    find()
    assert [each[:2] for each in reversed(listed())] == [
        ("anna+0@shop.example", f"anna+{number}@shop.example") for number in range(1, 7)
    ]


def test_a_row_that_is_older_than_those_known_is_paired_too(app):
    """On PostgreSQL, a row with a lower number may be committed later."""
    give(1)
    give(1, ALIKE)
    with db.transaction() as session:
        first, second = session.scalars(select(Customer).order_by(Customer.id))
        second.loose_key = find_alike.loose_keys.compute(ALIKE)
        assert first.loose_key is None
    find()
    assert listed() == [(ANNA, ALIKE, "alike")]


def test_merged_pairs_are_not_listed_until_they_are_unmerged(app):
    give(1)
    give(1, ALIKE)
    find()
    merge(ALIKE, ANNA)
    assert listed() == []
    rename(ANNA, BOB)
    unmerge(ALIKE)
    assert [{*each} for each in listed()] == [{ALIKE, BOB, "alike"}]


def test_who_is_not_the_same_is_remembered(app):
    give(1)
    give(1, ALIKE)
    find()
    dismiss(ALIKE, ANNA)
    assert listed() == []
    rename(ANNA, "anna@new.example")
    give(1, "anna+2@shop.example")
    find()
    ask("anna@new.example", ALIKE)
    assert {each[:2] for each in listed()} == {(other, "anna+2@shop.example") for other in ("anna@new.example", ALIKE)}
    with db.transaction() as session:
        entries = session.scalars(select(AuditEntry).where(AuditEntry.action == "distinguished")).all()
        assert [each.thing for each in entries] == [ANNA]


FOUR = [f"anna+{number}@shop.example" for number in range(4)]


def give_four() -> None:
    for email in FOUR:
        give(1, email)
    find()


def test_whoever_is_told_apart_from_the_oldest_is_paired_with_the_next_one(app):
    give_four()
    dismiss(FOUR[0], FOUR[1])
    find()
    assert {each[:2] for each in listed()} == {(FOUR[0], FOUR[2]), (FOUR[0], FOUR[3]), (FOUR[1], FOUR[2])}
    for first, second in ((0, 2), (0, 3), (1, 2)):
        dismiss(FOUR[first], FOUR[second])
        find()
    assert {each[:2] for each in listed()} == {(FOUR[1], FOUR[3]), (FOUR[2], FOUR[3])}
    for first, second in ((1, 3), (2, 3)):
        dismiss(FOUR[first], FOUR[second])
        find()
    assert listed() == []
    with db.transaction() as session:
        assert find_alike.count_remaining(session) == 0


def test_the_others_are_still_paired_after_the_oldest_is_erased(app):
    give_four()
    with db.transaction() as session:
        erasures.erase(session, FOUR[0], "ada", NOW)
    find()
    assert {each[:2] for each in listed()} == {(FOUR[1], FOUR[2]), (FOUR[1], FOUR[3])}


def test_what_a_shop_asked_for(app):
    give(1)
    give(1, BOB)
    for _ in range(2):
        ask(ANNA, BOB)
        assert listed() == [(ANNA, BOB, ASKED)]
    dismiss(ANNA, BOB)
    ask(ANNA, BOB)
    assert listed() == []


def test_alike_and_asked_for(app):
    give(1)
    give(1, ALIKE)
    find()
    ask(ALIKE, ANNA)
    assert listed() == [(ANNA, ALIKE, ASKED)]


def test_too_many_are_not_listed(app, monkeypatch):
    monkeypatch.setattr(pairs, "MAX_ASKED", 1)
    for email in (ANNA, BOB, CAROL):
        give(1, email)
    for email in (BOB, CAROL):
        ask(ANNA, email)
        ask(BOB, CAROL)
    assert len(listed()) == 1


def test_who_cannot_be_marked_as_not_the_same(app):
    give(1)
    with db.transaction() as session, pytest.raises(NotFound):
        pairs.dismiss(session, ANNA, BOB, NOW)
    give(1, BOB)
    merge(ANNA, BOB)
    with db.transaction() as session, pytest.raises(Conflict):
        pairs.dismiss(session, ANNA, BOB, NOW)


def test_a_page_of_documents(app):
    for number in range(4):
        give(1, f"anna+{number}@shop.example")
    with db.transaction() as session:
        assert pairs.list_documents(session, None, 2).not_compared == 4
    find()
    with db.transaction() as session:
        first = pairs.list_documents(session, None, 2)
        second = pairs.list_documents(session, int(first.next or 0), 2)
        assert customers.get(session, first.duplicates[0].second).email == "anna+3@shop.example"
    assert [len(first.duplicates), len(second.duplicates), second.next] == [2, 1, None]
