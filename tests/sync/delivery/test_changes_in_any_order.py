"""Three sites change the same customers, while movements and changes are on their way: all end with the same people."""

import random
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta

import msgspec
import pytest
from flask import Flask
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.orm import Session

from pointsync import db
from pointsync.errors import DomainError
from pointsync.ledger.apply import IncomingMovement, apply
from pointsync.ledger.integrity.verify import find_balance_differences
from pointsync.ledger.outbox import get_local_auth
from pointsync.ledger.people import people, received_changes
from pointsync.ledger.people.changes import receive
from pointsync.ledger.record import Draft, record
from pointsync.models import Balance, Customer, Movement
from pointsync.sync.protocol.changes import encode_changes
from pointsync.sync.protocol.parse_change import parse_change
from tests.support.apps import create_site, delete_all_rows, get_reserve
from tests.support.moving_clock import START

ADDRESSES = ("ada@a.example", "bea@b.example", "cid@c.example", "dot@d.example")
SITES = (0, 1, 2)
address = st.sampled_from(ADDRESSES)
site = st.sampled_from(SITES)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(("rename", "merge", "alias")), site, address, address),
        st.tuples(st.just("unmerge"), site, address),
        st.tuples(st.just("record"), site, address, st.integers(1, 9)),
        st.tuples(st.just("arrive"), site, site, st.randoms(use_true_random=False)),
    ),
    max_size=25,
)


class Site:
    """One of the three."""

    def __init__(self, app: Flask) -> None:
        self.app = app

    def empty(self) -> None:
        with self.app.app_context():
            delete_all_rows()
            create_site()
            with db.transaction() as session:
                self.auth = get_local_auth(session)

    def do(self, kind: str, now: datetime, *values) -> None:
        """What an admin or a shop does; it may be refused."""
        with self.app.app_context(), db.transaction() as session:
            if kind == "record":
                record(session, [Draft(values[0], values[1])], "test", now)
                return
            try:
                with session.begin_nested():
                    change = {"rename": people.rename, "merge": people.merge, "alias": people.add_alias}.get(kind)
                    change(session, *values, now) if change else people.unmerge_address(session, *values, now)
            except DomainError:
                pass

    def messages(self) -> list[bytes | IncomingMovement]:
        """What it sends: its own changes as they are on the wire, and its own movements."""
        with self.app.app_context(), db.transaction() as session:
            changes = encode_changes(session, received_changes.list_page(session, self.auth, 0, 1000))
            rows = session.execute(
                select(Movement, Customer.email)
                .join(Customer, Customer.id == Movement.customer_id)
                .where(Movement.origin == self.auth)
            )
            moved = [IncomingMovement(row.id, email, row.points, None, row.kind, "", row.at) for row, email in rows]
            return [*map(bytes, changes), *moved]

    def take(self, origin: str, messages: list[bytes | IncomingMovement], now: datetime) -> None:
        """They arrive one by one, in this order."""
        with self.app.app_context():
            for message in messages:
                with db.transaction() as session:
                    self._take_one(session, origin, message, now)

    def _take_one(self, session: Session, origin: str, message: bytes | IncomingMovement, now: datetime) -> None:
        if isinstance(message, IncomingMovement):
            apply(session, origin, get_reserve(session), [message], now)
            return
        received = parse_change(msgspec.json.decode(message), origin, now)
        assert isinstance(received, receive.ReceivedChange)
        receive.receive(session, origin, [received], now, needs_approval=False)

    def state(self) -> tuple[dict[str, str], dict[str, int]]:
        """By address the one that is shown, for addresses that are not their own; and the balances."""
        with self.app.app_context(), db.transaction() as session:
            assert find_balance_differences(session) == []
            rows = {row.id: row for row in session.scalars(select(Customer))}
            joined = {row.email: rows[row.merged_into_id].email for row in rows.values() if row.merged_into_id}
            balances = session.execute(select(Balance.customer_id, Balance.points).where(Balance.points != 0))
            return joined, {rows[customer_id].email: points for customer_id, points in balances}


@pytest.fixture(scope="module")
def sites(sqlite_sites) -> Iterator[list[Site]]:
    with ExitStack() as stack:
        yield [Site(stack.enter_context(sqlite_sites())) for _ in SITES]


@pytest.mark.parametrize("examples", [12, pytest.param(200, marks=pytest.mark.long)])
def test_all_sites_end_with_the_same_people_and_balances(sites: list[Site], examples: int) -> None:
    @settings(max_examples=examples)
    @given(STEPS, st.randoms(use_true_random=False))
    def check(steps, chance: random.Random) -> None:
        now = START
        for each in sites:
            each.empty()
        for kind, number, *values in steps:
            now += timedelta(seconds=chance.choice((0, 1)))
            if kind == "arrive":
                messages, other_chance = sites[number].messages(), values[1]
                if values[0] != number:  # some are lost, others come twice, in any order
                    some = other_chance.choices(messages, k=len(messages)) if messages else []
                    sites[values[0]].take(sites[number].auth, some, now)
            else:
                sites[number].do(kind, now, *values)
        for each in sites:
            for other in sites:
                if other is not each:
                    messages = other.messages()
                    chance.shuffle(messages)
                    each.take(other.auth, messages, now)
        first, *others = [each.state() for each in sites]
        assert others == [first, first]

    check()
