"""A comparison ends, whatever the other site answers to it."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import delete, update

from pointsync import ids
from pointsync.models import Balance, Comparison, Delivery, Movement
from pointsync.sync.comparison import differences, ranges
from pointsync.sync.protocol.errors import RemoteError
from pointsync.sync.repair import id_ranges
from tests.peer.pair.edited_sites import Pair, sync

Answer = dict[str, Any]
MAX_CALLS = 70
"""The ids have 63 bits, and each call halves a range."""


def _answer(low: int, high: int, count: int, listed: list[list[str]] | None = None) -> Answer:
    answer: Answer = {"low": str(low), "high": str(high), "count": count, "hash": "7" * 32}
    return answer if listed is None else answer | {"movements": listed}


@pytest.mark.parametrize(
    "make_answer",
    [
        lambda low, high: _answer(low, high, 5000),
        lambda low, high: _answer(low, high, min(high - low + 1, 10**9)),
        lambda low, high: _answer(low, high, 3),
        lambda low, high: _answer(low, high, 10**300),
        lambda low, high: _answer(low, high, -1, []),
        lambda low, high: _answer(low, high, 1, []),
        lambda low, high: _answer(low, high, 1, [[str(low), "f" * 32]]),
        lambda low, high: _answer(low, high, 1, [[str(1 if high == ids.MAX_ID else ids.MAX_ID), "7" * 32]]),
    ],
    ids=[
        "many everywhere",
        "as many as fit",
        "never lists",
        "too many",
        "fewer than none",
        "none",
        "other",
        "elsewhere",
    ],
)
def test_answers_that_make_no_sense(
    pair: Pair, monkeypatch: pytest.MonkeyPatch, make_answer: Callable[[int, int], Answer]
) -> None:
    a, b = pair
    remote_id, _ = sync(a, b, 1, 2, 3)
    monkeypatch.setattr(id_ranges, "RANGE_SIZE", 1)
    monkeypatch.setattr(
        ranges, "describe", lambda _session, _origin, _reserve, asked: [make_answer(*each) for each in asked]
    )
    count = len(b.requests)
    with pytest.raises(RemoteError, match="did not answer the comparison as expected"):
        a.compare(remote_id)
    assert len(b.requests) - count <= MAX_CALLS
    assert a.delivery_states(remote_id) == ["delivered"] * 3


def test_it_ends_when_too_many_movements_differ(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rest follows when the first ones are decided."""
    a, b = pair
    remote_id, _ = sync(a, b, *range(1, 21))
    a.write(lambda session: session.execute(delete(Delivery)))
    a.write(lambda session: session.execute(delete(Movement)))
    a.write(lambda session: session.execute(update(Balance).values(points=0)))
    monkeypatch.setattr(ranges, "LISTED_BELOW", 4)
    monkeypatch.setattr(differences, "MAX_STORED", 10)
    a.compare(remote_id)
    stored = a.read(lambda session: differences.count(session, remote_id))
    assert 10 <= stored < 14
    assert a.read(lambda session: session.get_one(Comparison, remote_id)).finished_at
    monkeypatch.setattr(differences, "MAX_STORED", 1000)
    a.compare(remote_id)
    assert a.read(lambda session: differences.count(session, remote_id)) == 20
