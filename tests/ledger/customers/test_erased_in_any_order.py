"""Erasures among other changes and movements of three sites: in whatever order they arrive, the same people are erased
and everybody else has the same points."""

from datetime import timedelta

from hypothesis import strategies as st
from sqlalchemy import select

from pointsync import db
from pointsync.ledger.apply import IncomingMovement, apply
from pointsync.ledger.integrity import scrub
from pointsync.ledger.integrity.verify import find_balance_differences
from pointsync.ledger.people import receive
from pointsync.ledger.people.change import ALIAS, ERASE, MERGE, RENAME, UNMERGE, digest
from pointsync.ledger.people.erasure.erasure_details import ErasureDetails
from pointsync.ledger.people.erasure.tokens import is_token, make_hash, make_token
from pointsync.ledger.people.receive import ReceivedChange
from pointsync.models import Balance, Customer, MovementChange
from tests.ledger.customers.test_received_changes import ADDRESSES, ORIGINS, make
from tests.support.apps import create_site, delete_all_rows, get_reserve
from tests.support.hypothesis_profile import given_on_each_database
from tests.support.moving_clock import START as NOW

BEFORE, ERASING, AFTER = range(6), range(10, 13), range(20, 26)
"""Minutes. Two sites that erase one person at the same time, while neither knows of the other one's erasure, agree
about everything but what is dated between the two: so nothing is."""
Event = ReceivedChange | tuple[str, IncomingMovement]
KEYS = {origin: bytes([number]) * 32 for number, origin in enumerate(ORIGINS)}


def erasure(number: int, origin: str, address: str, minute: int, seen: dict[str, str]) -> ReceivedChange:
    token = make_token(make_hash(KEYS[origin], address), str(number))
    change = make(number, ERASE, token, origin=origin, at=NOW + timedelta(minutes=minute))
    return ReceivedChange(change, digest(change), ErasureDetails(KEYS[origin], (token,), (address,), seen))


@st.composite
def event_sets(draw: st.DrawFn) -> list[Event]:
    """Changes, erasures and movements, most of them dated before the erasures, some later."""
    events: list[Event] = []
    for number in range(1, draw(st.integers(2, 12))):
        kind = draw(st.sampled_from((RENAME, ALIAS, MERGE, UNMERGE, ERASE, "movement", "movement")))
        origin, address = draw(st.sampled_from(ORIGINS)), draw(st.sampled_from(ADDRESSES))
        at = NOW + timedelta(minutes=draw(st.sampled_from((*BEFORE, *BEFORE, *AFTER))))
        made = [each.change for each in events if isinstance(each, ReceivedChange)]
        joining = [each for each in made if each.change in (RENAME, ALIAS, MERGE)]
        if kind == ERASE:
            seen = draw(st.dictionaries(st.sampled_from(ORIGINS), st.integers(1, 12).map(str)))
            events.append(erasure(number, origin, address, draw(st.sampled_from(ERASING)), seen))
        elif kind == "movement":
            points = draw(st.integers(-5, 50).filter(bool))
            events.append((origin, IncomingMovement(str(number), address, points, None, "earn", "", at)))
        elif kind == UNMERGE and joining:
            undone = draw(st.sampled_from(joining))
            change = make(number, kind, undone.customer, undoes=undone.key, origin=origin, at=at)
            events.append(ReceivedChange(change, digest(change)))
        elif kind != UNMERGE:
            into = draw(st.sampled_from([each for each in ADDRESSES if each != address]))
            change = make(number, kind, address, into, origin=origin, at=at)
            events.append(ReceivedChange(change, digest(change)))
    return events


def arrive(event: Event) -> None:
    later = NOW + timedelta(hours=1)
    with db.transaction() as session:
        if isinstance(event, ReceivedChange):
            receive.receive(session, event.change.origin, [event], later, needs_approval=False)
        else:
            apply(session, event[0], get_reserve(session), [event[1]], later)


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


@given_on_each_database(st.data(), event_sets(), max_examples=60)
def test_the_order_of_arrival_makes_no_difference(app, data: st.DataObject, events: list[Event]) -> None:
    results = []
    for order in (events, data.draw(st.permutations(events))):
        delete_all_rows()
        create_site()
        for event in order:
            arrive(event)
        assert is_unedited()
        results.append(state())
    assert results[0] == results[1]
