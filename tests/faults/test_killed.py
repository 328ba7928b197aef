"""Either side is killed amid batches, again and again: balances are equal, no movement is there twice."""

import os
import random
import threading
from pathlib import Path

import pytest

from tests.support.family import Member, family, wait_in_step
from tests.support.process import wait_until

WAITING = 5_000
ROUNDS = int(os.environ.get("POINTSYNC_TEST_KILLS", "3"))
"""Ten and more have their own command, in the README: they take minutes."""
TRIES = 4
CUSTOMERS = 97


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("victim", ["sender", "receiver"])
def test_killed_amid_batches(tmp_path: Path, victim: str):
    dice = random.Random(victim)
    with family(tmp_path, "a", "b") as (a, b):
        a.site.cli("setting", "set", "delay_seconds", "1")
        a.site.cli("setting", "set", "max_attempts", "1000")
        expected: dict[str, int] = {}
        for round_number in range(ROUNDS):
            for _ in range(TRIES):
                _owe(a, expected, dice)
                if was_amid := _kill_amid(a, a if victim == "sender" else b, dice):
                    break
            assert was_amid, f"round {round_number}: each time all was sent before the kill"
            wait_in_step([a, b], 60)
        assert b.balances() == expected
        [(made,)] = a.rows("SELECT count(*) FROM movement WHERE origin = ?", a.auth)
        [(rows, ids)] = b.rows("SELECT count(*), count(DISTINCT id) FROM movement WHERE origin = ?", a.auth)
        assert rows == ids == made >= ROUNDS * WAITING
        for member in (a, b):
            assert member.site.cli("verify") == {"ok": True, "differences": []}


def _owe(a: Member, expected: dict[str, int], dice: random.Random) -> None:
    """Record movements that wait, for the line is paused; then let them go."""
    a.site.cli("remote", "pause", "1")
    movements = []
    for _ in range(WAITING):
        email, points = f"c{dice.randrange(CUSTOMERS)}@shop.example", dice.randint(1, 9)
        movements.append({"customer": email, "points": points})
        expected[email] = expected.get(email, 0) + points
    a.record_many(movements)
    assert a.waiting() == WAITING


def _kill_amid(a: Member, victim: Member, dice: random.Random) -> bool:
    """Kill while calls are made, at another moment each time, and start again; whether more was waiting then."""
    attempts = a.rows("SELECT coalesce(max(id), 0) FROM attempt")[0][0]
    wanted = attempts + 1 + dice.randrange(3)
    a.site.cli("remote", "resume", "1")
    wait_until(lambda: a.rows("SELECT id FROM attempt WHERE id >= ?", wanted), 30, f"attempt {wanted} has begun")
    threading.Event().wait(dice.random() * 0.05)
    victim.site.kill()
    was_amid = a.waiting() > 0
    victim.site.start()
    if not was_amid:
        wait_until(lambda: a.waiting() == 0, 60, "nothing waits")
    return was_amid
