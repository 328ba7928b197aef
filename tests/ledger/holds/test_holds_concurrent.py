"""Sixteen callers at once hold, capture, release and spend the points of one customer."""

import random
from collections import Counter
from functools import partial
from time import monotonic

import pytest
from sqlalchemy import select

from pointsync import clock, db
from pointsync.errors import DomainError
from pointsync.ledger.balances import LockedBalances
from pointsync.ledger.holds import capture, holds
from pointsync.ledger.holds.capture import CaptureRequest
from pointsync.ledger.holds.held_points import sum_held
from pointsync.ledger.holds.holds import HoldRequest
from pointsync.ledger.integrity.verify import find_balance_differences
from pointsync.ledger.record import Draft, record
from pointsync.models import Balance, Hold, Movement
from tests.ledger.holds.hold_steps import HOUR, SOURCE
from tests.ledger.record_drafts import ANNA
from tests.support.apps import run_concurrently

CALLERS = 16
ANSWERS = {"recorded", "duplicate", "released", "insufficient_points", "hold_ended", "ref_conflict"}


class Caller:
    """A shop that does something at random. Each ref is used by two callers, and each call may be repeated."""

    def __init__(self, number: int) -> None:
        self.chance = random.Random(number)
        self.pair = number // 2
        self.recorded: Counter[str] = Counter()
        self.answers: Counter[str] = Counter()

    def run(self, seconds: float) -> "Caller":
        ends_at, turn = monotonic() + seconds, 0
        while monotonic() < ends_at:
            turn += 1
            ref, points = f"{self.pair}:{turn}", 1 + (self.pair + turn) % 9
            for step in (self._spend, self._hold) if turn % 3 else (self._give,):
                for _ in range(self.chance.choice((1, 1, 2))):
                    self._call(partial(step, ref, points))
        return self

    def _call(self, step: partial[str]) -> None:
        try:
            self.answers[step()] += 1
        except DomainError as error:
            self.answers[error.code] += 1

    def _record(self, ref: str, points: int) -> str:
        draft = Draft(ANNA, points, ref=ref)
        [result] = db.run_in_transaction(lambda session: record(session, [draft], SOURCE, clock.now()))
        return self._note(ref, result.status)

    def _give(self, ref: str, points: int) -> str:
        return self._record(f"give {ref}", points)

    def _spend(self, ref: str, points: int) -> str:
        return self._record(f"spend {ref}", -points)

    def _hold(self, ref: str, points: int) -> str:
        now = clock.now()
        request = HoldRequest(ANNA, points, "default", ref, now + HOUR)
        db.run_in_transaction(lambda session: holds.place(session, request, SOURCE, now))
        if self.chance.random() < 0.3:
            db.run_in_transaction(lambda session: holds.release(session, SOURCE, ref, now))
            return "released"
        taken = CaptureRequest(f"hold {ref}", points - points // 3)
        _, result = db.run_in_transaction(lambda session: capture.capture(session, SOURCE, ref, taken, now))
        return self._note(f"hold {ref}", result.status)

    def _note(self, ref: str, status: str) -> str:
        if status == "recorded":
            self.recorded[ref] += 1
        return status


def watch(seconds: float) -> None:
    """Check again and again that no more points are held than there are."""
    ends_at = monotonic() + seconds
    while monotonic() < ends_at:
        with db.transaction() as session:
            [key] = session.execute(select(Balance.customer_id, Balance.reserve_id)).all()
            balance = LockedBalances(session, [tuple(key)]).get(tuple(key))
            assert 0 <= sum_held(session, [tuple(key)], clock.now()).get(tuple(key), 0) <= balance


@pytest.mark.parametrize("seconds", [1.5, pytest.param(10, marks=pytest.mark.long)])
def test_never_more_is_spent_than_there_was_and_every_ref_counts_once(app, seconds):
    with db.transaction() as session:
        record(session, [Draft(ANNA, 60)], SOURCE, clock.now())
    callers = [Caller(number) for number in range(CALLERS)]
    run_concurrently(app, partial(watch, seconds), *(partial(each.run, seconds) for each in callers))
    answers = sum((each.answers for each in callers), Counter())
    assert {"recorded", "duplicate", "insufficient_points", "released"} <= set(answers) <= ANSWERS, answers
    acknowledged = sum((each.recorded for each in callers), Counter())
    with db.transaction() as session:
        movements = session.scalars(select(Movement).order_by(Movement.seq)).all()
        assert min(each.balance for each in movements) >= 0
        assert not any(each.below_zero for each in movements)
        assert Counter(each.ref for each in movements if each.ref) == acknowledged
        assert max(acknowledged.values()) == 1
        captured = session.scalars(select(Hold.ref).where(Hold.state == "captured")).all()
        assert sorted(f"hold {ref}" for ref in captured) == sorted(ref for ref in acknowledged if "hold" in ref)
        assert find_balance_differences(session) == []
