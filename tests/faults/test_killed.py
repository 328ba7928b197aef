"""Either side is killed repeatedly during batches: balances end equal and no movement is applied twice."""

import os
import random
import threading
from pathlib import Path

import pytest

from tests.support.family import Member, family, wait_in_step
from tests.support.process import wait_until

WAITING_COUNT = 4_000
ROUNDS = int(os.environ.get("POINTSYNC_TEST_KILLS", "3"))
"""Ten or more rounds take minutes; CONTRIBUTING has the command."""
TRIES = 4
CUSTOMERS = 97


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("victim", [pytest.param("sender", marks=pytest.mark.long), "receiver"])
def test_killed_during_batches(tmp_path: Path, victim: str):
    rng = random.Random(victim)
    with family(tmp_path, "a", "b") as (a, b):
        a.site.cli("setting", "set", "delay_seconds", "1")
        a.site.cli("setting", "set", "max_attempts", "1000")
        expected: dict[str, int] = {}
        for round_number in range(ROUNDS):
            for _ in range(TRIES):
                _record_waiting(a, expected, rng)
                if was_during_sending := _kill_during_sending(a, a if victim == "sender" else b, rng):
                    break
            assert was_during_sending, f"round {round_number}: every time all was sent before the kill"
            wait_in_step([a, b], 60)
        assert b.balances() == expected
        [(sent_count,)] = a.rows("SELECT count(*) FROM movement WHERE origin = ?", a.auth)
        [(rows, ids)] = b.rows("SELECT count(*), count(DISTINCT id) FROM movement WHERE origin = ?", a.auth)
        assert rows == ids == sent_count >= ROUNDS * WAITING_COUNT
        for member in (a, b):
            assert member.site.cli("verify") == {"ok": True, "differences": []}


def _record_waiting(a: Member, expected: dict[str, int], rng: random.Random) -> None:
    """Pause the remote and record movements, so that they wait."""
    a.site.cli("remote", "pause", "1")
    movements = []
    for _ in range(WAITING_COUNT):
        email, points = f"c{rng.randrange(CUSTOMERS)}@shop.example", rng.randint(1, 9)
        movements.append({"customer": email, "points": points})
        expected[email] = expected.get(email, 0) + points
    a.record_many(movements)
    assert a.waiting() == WAITING_COUNT


def _kill_during_sending(a: Member, victim: Member, rng: random.Random) -> bool:
    """Kill the victim at a random time during sending and restart it; return whether movements were waiting then."""
    last_attempt = a.rows("SELECT coalesce(max(id), 0) FROM attempt")[0][0]
    target_attempt = last_attempt + 1 + rng.randrange(3)
    a.site.cli("remote", "resume", "1")
    wait_until(
        lambda: a.rows("SELECT id FROM attempt WHERE id >= ?", target_attempt),
        30,
        f"attempt {target_attempt} has started",
    )
    threading.Event().wait(rng.random() * 0.05)
    victim.site.kill()
    was_during_sending = a.waiting() > 0
    victim.site.start()
    if not was_during_sending:
        wait_until(lambda: a.waiting() == 0, 60, "nothing waits")
    return was_during_sending
