"""Erasures among other changes and movements of three sites: in whatever order they arrive, the same people are erased
and everybody else has the same points."""

from collections.abc import Container
from datetime import datetime, timedelta
from itertools import count
from random import Random

from hypothesis import strategies as st
from sqlalchemy import select

from pointsync import db
from pointsync.ledger.apply import IncomingMovement, apply
from pointsync.ledger.integrity import scrub
from pointsync.ledger.integrity.verify import find_balance_differences
from pointsync.ledger.people.change import ALIAS, ERASE, MERGE, RENAME, UNMERGE, digest
from pointsync.ledger.people.changes import receive
from pointsync.ledger.people.changes.receive import ReceivedChange
from pointsync.ledger.people.erased.tokens import is_token, make_hash, make_token
from pointsync.ledger.people.erasure import position, scan
from pointsync.ledger.people.erasure.effect import take_effect
from pointsync.ledger.people.erasure.erasure_details import ErasureDetails
from pointsync.ledger.people.stored import lock_changes
from pointsync.models import Balance, Customer, Erasure, MovementChange
from tests.ledger.customers.test_received_changes import ADDRESSES, ORIGINS, make
from tests.support.apps import create_site, delete_all_rows, get_reserve
from tests.support.hypothesis_profile import given_on_each_database
from tests.support.moving_clock import START as NOW

BEFORE, ERASING, BETWEEN, AFTER = range(6), (10, 12, 14), (11, 12, 13), range(20, 26)
"""Minutes. `BETWEEN` two erasures of one person: neither of the two sites knows of the other one's."""
Event = ReceivedChange | tuple[str, list[IncomingMovement]]
KEYS = {origin: bytes([number]) * 32 for number, origin in enumerate(ORIGINS)}


def erasure(number: int, origin: str, address: str, minute: int, seen: dict[str, str]) -> ReceivedChange:
    token = make_token(make_hash(KEYS[origin], address), str(number))
    change = make(number, ERASE, token, origin=origin, at=NOW + timedelta(minutes=minute))
    return ReceivedChange(change, digest(change), ErasureDetails(KEYS[origin], (token,), (address,), seen))


@st.composite
def event_sets(draw: st.DrawFn) -> list[Event]:
    """Two or three erasures, and changes and movements, most of them dated before them, some between them or later."""
    numbers, addresses = count(1), ADDRESSES[:4]
    events: list[Event] = []
    for minute in draw(st.lists(st.sampled_from(ERASING), min_size=2, max_size=3)):
        seen = draw(st.dictionaries(st.sampled_from(ORIGINS), st.integers(4, 12).map(str), max_size=1))
        origin, address = draw(st.sampled_from(ORIGINS)), draw(st.sampled_from(addresses[:2]))
        events.append(erasure(next(numbers), origin, address, minute, seen))
    for kind in draw(st.lists(st.sampled_from((RENAME, ALIAS, MERGE, MERGE, UNMERGE, "movement")), max_size=8)):
        number, origin, address = next(numbers), draw(st.sampled_from(ORIGINS)), draw(st.sampled_from(addresses))
        at = NOW + timedelta(minutes=draw(st.sampled_from((*BEFORE, *BETWEEN, *BETWEEN, *AFTER))))
        made = [each.change for each in events if isinstance(each, ReceivedChange)]
        joining = [each for each in made if each.change in (RENAME, ALIAS, MERGE)]
        if kind == "movement":
            events.append((origin, [movement(number, address, at)]))
        elif kind == UNMERGE and joining:
            undone = draw(st.sampled_from(joining))
            change = make(number, kind, undone.customer, undoes=undone.key, origin=origin, at=at)
            events.append(ReceivedChange(change, digest(change)))
        elif kind != UNMERGE:
            into = draw(st.sampled_from([each for each in addresses if each != address]))
            change = make(number, kind, address, into, origin=origin, at=at)
            events.append(ReceivedChange(change, digest(change)))
    # Of each address there is a movement at each time that makes a difference.
    for address in addresses:
        moments = [NOW + timedelta(minutes=minute) for minute in (5, 11, 13, 20)]
        events.append((ORIGINS[0], [movement(next(numbers), address, at) for at in moments]))
    return events


def movement(number: int, address: str, at: datetime) -> IncomingMovement:
    """Its points say which it is, also in a sum."""
    return IncomingMovement(str(number), address, 1 << number, None, "earn", "", at)


def arrive(event: Event) -> None:
    later = NOW + timedelta(hours=1)
    with db.transaction() as session:
        if isinstance(event, ReceivedChange):
            receive.receive(session, event.change.origin, [event], later, needs_approval=False)
        else:
            apply(session, event[0], get_reserve(session), event[1], later)


def forget() -> None:
    """What the site does in the background: search by the hashes, and then forget the addresses."""
    with db.transaction() as session:
        lock_changes(session)
        for erasure in session.scalars(select(Erasure).order_by(Erasure.id)).all():
            while position.read(erasure).is_scanning:
                take_effect(session, scan.save(session, erasure, *scan.find_next(session, erasure), NOW), NOW)
        for erasure in session.scalars(select(Erasure)).all():
            if not position.read(erasure).is_scanning:
                erasure.sealed_addresses = None


def is_unedited() -> bool:
    """Whether all balances are right, and nothing looks as if somebody had edited movements."""
    with db.transaction() as session:
        notes, _ = scrub.find_altered(session, 0)
        is_noted = session.scalar(select(MovementChange.id).limit(1)) is not None
        return not (find_balance_differences(session) or notes or is_noted)


def state() -> tuple[dict[str, str], dict[str, int], int]:
    """Of the addresses of people who are not erased, those with which their customers are shown; their points; and the
    points of all erased people."""
    with db.transaction() as session:
        rows = {row.id: row for row in session.scalars(select(Customer))}
        shown = {row.email: rows[row.merged_into_id or row.id].email for row in rows.values()}
        points = {rows[each.customer_id].email: each.points for each in session.scalars(select(Balance)) if each.points}
    erased = sum(number for email, number in points.items() if is_token(email))
    living = {address: shown_as for address, shown_as in shown.items() if not is_token(address)}
    assert not any(map(is_token, living.values()))
    has_points = {email: number for email, number in points.items() if not is_token(email)}
    return {each: shown_as for each, shown_as in living.items() if each != shown_as}, has_points, erased


def arrive_all(events: list[Event], forgets_at: Container[int] = ()) -> tuple[dict[str, str], dict[str, int], int]:
    """The state after all events. At these places, and at the end, the site forgets the erased addresses."""
    delete_all_rows()
    create_site()
    for place, event in enumerate(events):
        arrive(event)
        if place in forgets_at:
            forget()
    forget()
    assert is_unedited()
    return state()


@given_on_each_database(st.randoms(use_true_random=False), event_sets(), max_examples=30)
def test_the_order_of_arrival_makes_no_difference(app, random: Random, events: list[Event]) -> None:
    """Nor does it when a site forgets the addresses, of which it keeps the hashes."""
    order = random.sample(events, len(events))
    forgets_at = set(random.sample(range(len(events)), random.randint(0, 3)))

    assert arrive_all(order, forgets_at) == arrive_all(events)
