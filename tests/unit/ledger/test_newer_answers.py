"""Whether a shop's answer about an order counts, beside what was delivered."""

from datetime import timedelta

import pytest

from pointsync.ledger.orders.newer import SeenState, is_certain, is_older
from pointsync.ledger.orders.report import OrderReport
from tests.support.moving_clock import START

EARLIER, LATER = START - timedelta(minutes=1), START + timedelta(minutes=1)
SEEN = SeenState(START, (5, 5), seen_at=START)


@pytest.mark.parametrize(
    ("report", "older", "certain"),
    [
        (OrderReport(id=1, modified_at=LATER), False, True),
        (OrderReport(id=1, modified_at=START), True, False),
        (OrderReport(id=1, modified_at=EARLIER), True, False),
        (OrderReport(id=1, is_deleted=True), False, False),
        (OrderReport(id=1, modified_at=EARLIER, asked_at=LATER), False, True),
        (OrderReport(id=1, is_deleted=True, asked_at=LATER), False, True),
        (OrderReport(id=1, modified_at=LATER, asked_at=EARLIER), False, True),
        (OrderReport(id=1, modified_at=START, asked_at=EARLIER), True, False),
        (OrderReport(id=1, is_deleted=True, asked_at=EARLIER), True, False),
    ],
)
def test_an_answer_counts_unless_something_was_delivered_since(report: OrderReport, older: bool, certain: bool) -> None:
    assert is_older(report, SEEN, START) == older
    assert is_certain(report, SEEN) == certain


def test_the_first_report_of_an_order_is_certain() -> None:
    assert is_certain(OrderReport(id=1), SeenState())
    assert not is_certain(OrderReport(id=1, is_deleted=True), SeenState())
