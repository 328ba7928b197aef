"""Customers who get another address, are merged and unmerged."""

from datetime import date, timedelta

import pytest
from sqlalchemy import select

from pointsync import db
from pointsync.errors import Conflict, DomainError, InvalidInput, NotFound
from pointsync.ledger import customer_list, customers
from pointsync.ledger.apply import IncomingMovement, apply
from pointsync.ledger.expiry.rule import INACTIVITY, ExpiryRule
from pointsync.ledger.holds import holds
from pointsync.ledger.holds.customer_balances import list_by_email
from pointsync.ledger.people import people
from pointsync.ledger.record import Draft, record
from pointsync.ledger.rewards import levels
from pointsync.models import AuditEntry
from tests.ledger.customers.people_steps import (
    BOB,
    CAROL,
    balance_of,
    give,
    history,
    is_right,
    merge,
    rename,
    shown,
    unmerge,
)
from tests.ledger.expiry.expiry_steps import run_expiry, set_rule
from tests.ledger.holds.hold_steps import HOUR, place, spend
from tests.ledger.record_drafts import ANNA
from tests.ledger.rewards.level_steps import add_level, list_unlocks
from tests.support.apps import get_reserve, run_concurrently
from tests.support.moving_clock import START as NOW

ORIGIN = "wrk_0123456789abcdef"


def refusal(call, *arguments) -> DomainError:
    with pytest.raises(DomainError) as found:
        call(*arguments)
    return found.value


def test_a_renamed_customer_keeps_everything_and_is_found_by_both_addresses(app):
    give(100)
    rename(ANNA, "Anna@New.example")
    assert shown(ANNA) == shown("anna@new.example") == "anna@new.example"
    give(20)
    give(3, "anna@new.example")
    assert balance_of(ANNA) == balance_of("anna@new.example") == 123
    assert history(ANNA) == [3, 20, 100]
    assert is_right()


def test_late_movements_of_other_sites_find_the_customer(app):
    give(100)
    rename(ANNA, BOB)
    late = IncomingMovement("7", "ANNA@shop.example", 11)
    with db.transaction() as session:
        [result] = apply(session, ORIGIN, get_reserve(session), [late], NOW)
        assert (result.status, result.balance) == ("applied", 111)
    with db.transaction() as session:
        assert apply(session, ORIGIN, get_reserve(session), [late], NOW)[0].status == "duplicate"
        other = IncomingMovement("7", BOB, 11)
        assert apply(session, ORIGIN, get_reserve(session), [other], NOW)[0].status == "conflict"
    assert balance_of(BOB) == 111
    assert is_right()


def test_a_rename_to_the_address_of_somebody_else_is_refused(app):
    give(1)
    give(2, BOB)
    error = refusal(rename, ANNA, BOB)
    assert isinstance(error, Conflict)
    assert (error.code, list(error.fields)) == ("customer_exists", ["to"])
    rename(BOB, CAROL)
    assert refusal(rename, ANNA, BOB).code == "customer_exists", "it stays Carol's"
    assert (balance_of(ANNA), balance_of(BOB)) == (1, 2)


def test_renamed_and_back(app):
    give(5)
    rename(ANNA, BOB)
    rename(BOB, ANNA)
    assert shown(BOB) == ANNA
    assert balance_of(BOB) == 5
    assert is_right()


def test_what_cannot_be_renamed(app):
    assert isinstance(refusal(rename, ANNA, BOB), NotFound)
    give(5)
    error = refusal(rename, ANNA, "nobody")
    assert isinstance(error, InvalidInput)
    assert list(error.fields) == ["to"]
    rename(ANNA, ANNA)
    assert shown(ANNA) == ANNA


def test_merged_balances_are_summed_up_and_given_back(app):
    give(100)
    give(50, BOB)
    merge(ANNA, BOB)
    assert balance_of(ANNA) == balance_of(BOB) == 150
    assert history(BOB) == [50, 100]
    give(-120, BOB, kind="spend")
    give(7, ANNA)
    assert balance_of(BOB) == 37
    assert is_right()
    unmerge(BOB)
    assert (balance_of(ANNA), balance_of(BOB)) == (107, -70)
    assert (shown(ANNA), shown(BOB)) == (ANNA, BOB)
    assert (history(ANNA), history(BOB)) == ([7, 100], [-120, 50])
    assert is_right()


def test_merged_again_after_a_merge_was_undone(app):
    give(1)
    give(2, BOB)
    for _ in range(3):
        merge(ANNA, BOB)
        assert balance_of(ANNA) == 3
        unmerge(ANNA)
        assert balance_of(ANNA) == 1
    with db.transaction() as session:
        assert people.list_merges(session, customers.get(session, ANNA)) == []


def test_a_chain_of_merges_and_renames_is_taken_apart_in_the_middle(app):
    for points, email in ((1, ANNA), (10, BOB), (100, CAROL)):
        give(points, email)
    merge(ANNA, BOB)
    merge(BOB, CAROL)
    rename(CAROL, "dora@shop.example")
    assert balance_of(ANNA) == 111
    with db.transaction() as session:
        first = people.list_merges(session, customers.get(session, ANNA))[-1]
        assert first.addresses == (ANNA,)
        people.unmerge(session, first.change.key, NOW)
    assert (balance_of(ANNA), balance_of(BOB), balance_of("dora@shop.example")) == (1, 110, 110)
    assert is_right()
    with db.transaction() as session, pytest.raises(Conflict):
        people.unmerge(session, first.change.key, NOW)


def test_a_customer_cannot_be_merged_with_themselves(app):
    give(1)
    rename(ANNA, BOB)
    assert refusal(merge, ANNA, BOB).code == "same_customer"


def test_the_list_shows_each_customer_once(app):
    give(1)
    give(2, BOB)
    merge(ANNA, BOB)
    with db.transaction() as session:
        assert [each.customer.email for each in customer_list.list_page(session).rows] == [BOB]
        assert customer_list.count(session).number == 1
        found = customer_list.list_page(session, search="ANNA@shop.example").rows
        assert [(each.customer.email, each.points) for each in found] == [(BOB, {"default": 3})]
        assert customer_list.count(session, search=ANNA).number == 1
        assert [each.customer.email for each in customer_list.list_page(session, search="ann").rows] == [BOB]
        assert customer_list.count(session, search="ann").number == 1
        assert people.list_addresses(session, customers.get(session, ANNA)) == [ANNA]


def test_a_repeated_ref_is_a_duplicate_under_any_address(app):
    give(10, ref="order-1")
    rename(ANNA, BOB)
    assert give(10, BOB, ref="order-1").status == give(10, ANNA, ref="order-1").status == "duplicate"


def test_holds_hold_the_points_of_the_customer(app):
    give(100)
    give(50, BOB)
    place(80)
    merge(ANNA, BOB)
    assert spend(71) == "insufficient_points"
    with db.transaction() as session:
        [hold] = holds.list_active(session, customers.get(session, BOB), NOW)
        assert (hold.points, hold.until_at) == (80, NOW + HOUR)
        assert list_by_email(session, [BOB], NOW)[BOB][0].held == 80
    unmerge(BOB)
    assert spend(21) == "insufficient_points"
    assert spend(20) == "recorded"


def test_a_sum_unlocks_a_level_once(app):
    add_level("Gold", 120)
    add_level("Bronze", 60)
    give(100)
    give(50, BOB)
    merge(ANNA, BOB)
    assert sorted(list_unlocks()) == [(ANNA, "Bronze", 100, False), (BOB, "Gold", None, True)]
    give(-100, BOB)
    give(100, BOB)
    with db.transaction() as session:
        reached = levels.list_reached(session, customers.get(session, BOB))
        assert [level.title for _, level, _ in reached] == ["Bronze", "Gold"]
    unmerge(BOB)
    with db.transaction() as session:
        assert [level.title for _, level, _ in levels.list_reached(session, customers.get(session, ANNA))] == ["Bronze"]


def test_points_expire_as_those_of_one_customer(app):
    set_rule(ExpiryRule(INACTIVITY, since=date(2026, 1, 1), count=30))
    start = NOW - timedelta(days=60)
    give(100, at=start)
    give(50, BOB, at=NOW - timedelta(days=5))
    merge(ANNA, BOB)
    run_expiry(NOW)
    assert balance_of(BOB) == 50
    assert is_right()
    unmerge(BOB)
    run_expiry(NOW + timedelta(days=1))
    assert (balance_of(ANNA), balance_of(BOB)) == (0, 50)
    assert is_right()


def test_a_sum_out_of_bounds_is_refused(app):
    give(2_000_000_000)
    give(1, BOB)
    assert refusal(merge, ANNA, BOB).code == "balance_out_of_bounds"
    assert balance_of(ANNA) == 2_000_000_000


def test_all_of_it_is_in_the_audit_log(app):
    give(1)
    give(2, BOB)
    rename(ANNA, CAROL)
    merge(CAROL, BOB)
    unmerge(BOB)
    with db.transaction() as session:
        query = select(AuditEntry.action, AuditEntry.thing).where(AuditEntry.noun == "customer")
        found = [tuple(row) for row in session.execute(query.order_by(AuditEntry.id))]
    assert found == [("renamed", CAROL), ("merged", BOB), ("unmerged", CAROL)]


def test_recording_while_customers_are_merged_and_unmerged(app):
    """What is recorded at the same time counts for whoever has the address then."""
    give(1)
    give(1, BOB)

    def change() -> None:
        for _ in range(4):
            db.run_in_transaction(lambda session: people.merge(session, ANNA, BOB, NOW))
            db.run_in_transaction(lambda session: people.unmerge_address(session, ANNA, NOW))

    def record_many(email: str) -> None:
        for _ in range(15):
            db.run_in_transaction(lambda session: record(session, [Draft(email, 1)], "test", NOW))

    run_concurrently(app, change, lambda: record_many(ANNA), lambda: record_many(BOB))
    assert (balance_of(ANNA), balance_of(BOB)) == (16, 16)
    assert is_right()
