"""Property: after any movements and reversals, each balance is the sum, and each movement is reversed once."""

from collections import defaultdict
from datetime import timedelta

import pytest
from hypothesis import strategies as st
from sqlalchemy import select

from pointsync import db
from pointsync.errors import Conflict
from pointsync.ledger.apply import IncomingMovement
from pointsync.ledger.integrity import verify
from pointsync.ledger.reversals import reversals
from pointsync.models import Customer, Movement, ReversedMovement
from tests.ledger.record_drafts import balance
from tests.ledger.reversals.reversal_steps import (
    NOW,
    OTHER,
    THIEF,
    apply_movements,
    block_origin,
    list_corrections,
    preview_reversal,
    run_batches,
    start_reversal,
)
from tests.support.apps import create_site, delete_all_rows
from tests.support.hypothesis_profile import given_on_each_database

CUSTOMERS = [f"{name}@shop.example" for name in ("anna", "bob", "eve", "dora", "finn")]
HOUR = timedelta(hours=1)

movements = st.lists(
    st.tuples(st.sampled_from([THIEF, OTHER]), st.sampled_from(CUSTOMERS), st.integers(-50, 50), st.integers(0, 3)),
    min_size=1,
    max_size=14,
)
asked = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), max_size=4)
"""For each reversal: the hour from which it reverses, and the number of batches after which it is killed; 0: never."""


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reversals, "BATCH_SIZE", 1)
    monkeypatch.setattr(reversals, "SCAN_SIZE", 2)


@pytest.mark.usefixtures("small_parts")
@given_on_each_database(movements, asked, max_examples=15)
def test_reversals_take_back_each_movement_once(app, movements, asked):
    delete_all_rows()
    create_site()
    for number, (origin, customer, points, hour) in enumerate(sorted(movements, key=lambda each: each[3]), 1):
        apply_movements(IncomingMovement(str(number), customer, points), origin=origin, now=NOW + hour * HOUR)
    block_origin()
    for hour, killed_after in [*asked, (0, 0)]:
        try:
            reversal_id = start_reversal(preview_reversal(since=NOW + hour * HOUR))
        except Conflict as error:
            assert error.code == "nothing_to_reverse"  # noqa: PT017 the range may have been reversed before
            continue
        _run(reversal_id, killed_after)

    expected: dict[str, int] = defaultdict(int)
    for origin, customer, points, _ in movements:
        expected[customer] += points if origin == OTHER else 0
    assert {each: balance(each) or 0 for each in CUSTOMERS} == {each: expected[each] for each in CUSTOMERS}
    with db.transaction() as session:
        assert verify.find_balance_differences(session) == verify.find_hourly_total_differences(session) == []
        mine = session.execute(
            select(Movement.seq, Customer.email, Movement.points)
            .join(Customer, Customer.id == Movement.customer_id)
            .where(Movement.origin == THIEF, Movement.points != 0)
        ).all()
        assert set(session.scalars(select(ReversedMovement.movement_seq))) == {seq for seq, _, _ in mine}
    sums: dict[str, int] = defaultdict(int)
    for customer, points in [*[row[1:] for row in mine], *[(row[0], row[2]) for row in list_corrections()]]:
        sums[customer] += points
    assert not any(sums.values())


def _run(reversal_id: int, killed_after: int) -> None:
    """Run a reversal to its end, killed once on the way, with or without its progress saved."""
    for count, _ in enumerate(run_batches(reversal_id), 1):
        if count == killed_after:
            break
    with db.transaction() as session:
        row = reversals.get(session, reversal_id)
        if row.finished_at is not None:
            return
        if killed_after % 2:
            row.after_customer_id = 0
    assert list(run_batches(reversal_id))[-1] is False
