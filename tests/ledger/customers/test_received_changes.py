"""Changes of customers that other sites have made: in whatever order they arrive, everybody has what the set says."""

import random
from datetime import timedelta
from functools import partial

import pytest
from hypothesis import strategies as st
from sqlalchemy import select

from pointsync import db
from pointsync.ledger.apply import IncomingMovement, apply
from pointsync.ledger.integrity.verify import find_balance_differences
from pointsync.ledger.people import people
from pointsync.ledger.people.change import ALIAS, MERGE, RENAME, UNMERGE, Change, ChangeKey, digest
from pointsync.ledger.people.changes import receive
from pointsync.ledger.people.changes.receive import ChangeResult, ReceivedChange
from pointsync.ledger.people.replay import replay
from pointsync.ledger.record import Draft, record
from pointsync.models import Balance, Customer, CustomerChange
from pointsync.text_limits import MAX_POINTS
from tests.ledger.record_drafts import record_all
from tests.support.apps import create_site, delete_all_rows, get_reserve, run_concurrently
from tests.support.hypothesis_profile import given_on_each_database
from tests.support.moving_clock import START as NOW

ORIGINS = ("wrk_000000000000000a", "wrk_000000000000000b", "wrk_000000000000000c")
ADDRESSES = ("ada@a.example", "bea@b.example", "cid@c.example", "dot@d.example", "eve@e.example")
Event = Change | tuple[str, IncomingMovement]


def make(number: int, kind: str, customer: str, into: str | None = None, **more) -> Change:
    values = {"origin": ORIGINS[0], "id": str(number), "at": NOW + timedelta(minutes=number)} | more
    return Change(change=kind, customer=customer, into=into, **values)


@st.composite
def event_sets(draw: st.DrawFn) -> list[Event]:
    """Changes and movements of three sites. An `unmerge` undoes a change that may have any time."""
    events: list[Event] = []
    for number in range(1, draw(st.integers(2, 12))):
        kind = draw(st.sampled_from((RENAME, ALIAS, MERGE, UNMERGE, "movement")))
        origin, address = draw(st.sampled_from(ORIGINS)), draw(st.sampled_from(ADDRESSES))
        more = {"origin": origin, "at": NOW + timedelta(minutes=draw(st.integers(0, 6)))}
        joining = [each for each in events if isinstance(each, Change) and each.change != UNMERGE]
        if kind == UNMERGE and joining:
            undone = draw(st.sampled_from(joining))
            events.append(make(number, kind, undone.customer, undoes=undone.key, **more))
        elif kind in (RENAME, ALIAS, MERGE):
            into = draw(st.sampled_from([each for each in ADDRESSES if each != address]))
            events.append(make(number, kind, address, into, **more))
        else:
            movement = IncomingMovement(str(number), address, draw(st.integers(-5, 50)), None, "earn", "", NOW)
            events.append((origin, movement))
    return events


def take(*changes: Change, needs_approval: bool = False) -> list[ChangeResult]:
    """They arrive in one batch, from the site of the first one."""
    received = [ReceivedChange(each, digest(each)) for each in changes]
    with db.transaction() as session:
        return receive.receive(session, changes[0].origin, received, NOW, needs_approval=needs_approval)


def arrive(event: Event) -> None:
    if isinstance(event, Change):
        take(event)
        return
    with db.transaction() as session:
        apply(session, event[0], get_reserve(session), [event[1]], NOW)


def shown() -> dict[str, str]:
    """By address, the one with which its customer is shown."""
    with db.transaction() as session:
        rows = {row.id: row for row in session.scalars(select(Customer))}
        return {row.email: rows[row.merged_into_id or row.id].email for row in rows.values()}


def balances() -> dict[str, int]:
    with db.transaction() as session:
        assert find_balance_differences(session) == []
        query = select(Customer.email, Balance.points).join(Balance, Balance.customer_id == Customer.id)
        return {email: points for email, points in session.execute(query) if points}


@given_on_each_database(event_sets(), st.randoms(use_true_random=False), max_examples=25)
def test_any_order_with_repetitions_leads_to_what_the_set_says(app, events: list[Event], chance: random.Random) -> None:
    delete_all_rows()
    create_site()
    arriving = [*events, *chance.sample(events, len(events) // 2)]
    chance.shuffle(arriving)
    for event in arriving:
        arrive(event)

    changes = [each for each in events if isinstance(each, Change)]
    expected, sums = replay(changes), dict.fromkeys(ADDRESSES, 0)
    for event in events:
        if not isinstance(event, Change):
            sums[expected.find(event[1].customer).address] += event[1].points
    assert shown() == {address: expected.find(address).address for address in shown()}
    assert balances() == {address: points for address, points in sums.items() if points}
    with db.transaction() as session:
        disputed = session.scalars(select(CustomerChange).where(CustomerChange.is_disputed))
        assert {ChangeKey(row.origin, row.id) for row in disputed} == expected.disputed


def test_a_change_about_unknown_customers_takes_effect_when_they_come(app) -> None:
    take(make(1, RENAME, "ada@a.example", "bea@b.example"))
    arrive((ORIGINS[1], IncomingMovement("7", "ada@a.example", 10, None, "earn", "", NOW)))
    assert balances() == {"bea@b.example": 10}


def test_results_of_a_batch(app) -> None:
    first, second = make(1, RENAME, "ada@a.example", "bea@b.example"), make(2, MERGE, "cid@c.example", "bea@b.example")
    other = make(1, RENAME, "ada@a.example", "dot@d.example")
    assert [each.status for each in take(first, second, first, other)] == [
        "applied",
        "applied",
        "duplicate",
        "conflict",
    ]
    assert [each.status for each in take(other, second)] == ["conflict", "duplicate"]
    assert shown()["ada@a.example"] == shown()["cid@c.example"] == "bea@b.example"
    assert "dot@d.example" not in shown()


def test_a_merge_counts_whatever_it_does_to_the_balance(app) -> None:
    """Who has which addresses must be the same everywhere. Points may be different."""
    for number, address in enumerate(ADDRESSES[:2]):
        arrive((ORIGINS[0], IncomingMovement(str(number + 1), address, MAX_POINTS, None, "earn", "", NOW)))
    take(make(5, MERGE, "ada@a.example", "bea@b.example"))
    assert balances() == {"bea@b.example": 2 * MAX_POINTS}

    take(make(6, UNMERGE, "ada@a.example", undoes=ChangeKey(ORIGINS[0], "5")))

    assert balances() == dict.fromkeys(ADDRESSES[:2], MAX_POINTS)


def test_more_changes_than_this_site_makes_still_count(app) -> None:
    changes = [make(number, ALIAS, "ada@a.example", f"a{number}@a.example") for number in range(1, 510)]
    take(*changes)
    assert set(shown().values()) == {"ada@a.example"}
    with db.transaction() as session, pytest.raises(people.Conflict) as refused:
        people.rename(session, "ada@a.example", "bea@b.example", NOW)
    assert refused.value.code == "too_many_changes"


def test_what_waits_for_approval_has_no_effect(app) -> None:
    record_all()
    change = make(1, MERGE, "ada@a.example", "bea@b.example")
    assert [each.status for each in take(change, needs_approval=True)] == ["applied"]
    assert [each.status for each in take(change)] == ["duplicate"]
    assert "ada@a.example" not in shown()


def test_batches_of_two_sites_and_a_shop_at_the_same_time(app) -> None:
    """On PostgreSQL they wait for each other; nothing is lost, and nothing deadlocks for good."""
    chains = [
        [
            make(number, MERGE, ADDRESSES[number % 4], ADDRESSES[number % 4 + 1], origin=origin)
            for number in range(start, start + 12)
        ]
        for start, origin in ((1, ORIGINS[0]), (3, ORIGINS[1]))
    ]

    def receive_all(changes: list[Change]) -> None:
        for each in changes:
            received = [ReceivedChange(each, digest(each))]
            db.run_in_transaction(
                lambda session, origin=each.origin, batch=received: receive.receive(
                    session, origin, batch, NOW, needs_approval=False
                )
            )

    def shop() -> None:
        for number in range(20):
            draft = Draft(ADDRESSES[number % 5], 1)
            db.run_in_transaction(lambda session, each=draft: record(session, [each], "test", NOW))

    run_concurrently(app, partial(receive_all, chains[0]), partial(receive_all, chains[1]), shop)

    expected = replay([*chains[0], *chains[1]])
    assert shown() == {address: expected.find(address).address for address in ADDRESSES}
    assert sum(balances().values()) == 20
