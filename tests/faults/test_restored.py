"""A site of a family is restored from a backup that was made while it recorded: it knows, waits for the admin's word,
and goes on; nothing is doubled anywhere, and what the others have made is there again."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.family import Member, family, wait_in_step
from tests.support.process import wait_until

BATCH = 50
PAUSE_SECONDS = 0.05
CUSTOMERS = 20
LATER = 300


@contextmanager
def busy(*members: Member) -> Iterator[dict[str, int]]:
    """Each records batch after batch hardly with a pause; how many movements, by name, in the end too."""
    made = dict.fromkeys((member.name for member in members), 0)
    over = threading.Event()

    def shop(member: Member) -> None:
        while not over.wait(PAUSE_SECONDS):
            record(member, BATCH)
            made[member.name] += BATCH

    threads = [threading.Thread(target=shop, args=(member,)) for member in members]
    for thread in threads:
        thread.start()
    try:
        yield made
    finally:
        over.set()
        for thread in threads:
            thread.join()


def record(member: Member, count: int) -> None:
    """So many movements of one point, spread over the customers."""
    member.record_many([{"customer": f"c{number % CUSTOMERS}@shop.example", "points": 1} for number in range(count)])


def held(here: Member, origin: Member) -> set[str]:
    """The ids of what is there of `origin`'s; none is there twice."""
    rows = [name for (name,) in here.rows("SELECT id FROM movement WHERE origin = ?", origin.auth)]
    assert len(rows) == len(set(rows)), f"{here.name} holds a movement of {origin.name} twice"
    return set(rows)


def missing(here: Member, origin: Member, lost: set[str], email: str) -> int:
    """The points that `here` alone has of `origin`'s lost movements."""
    rows = here.rows(
        "SELECT movement.id, points FROM movement JOIN customer ON customer.id = customer_id "
        "WHERE origin = ? AND email = ?",
        origin.auth,
        email,
    )
    return sum(points for name, points in rows if name in lost)


@pytest.mark.timeout(240)
def test_restored_from_a_backup_made_under_load(tmp_path: Path):
    file = tmp_path / "backup.zip"
    with family(tmp_path, "a", "b") as (a, b):
        with busy(a, b) as made:
            wait_until(lambda: held(a, b) and held(b, a), 30, "the family is under way")
            assert a.site.cli("backup", str(file))["bytes"] == file.stat().st_size
            before = made["a"]
            wait_until(lambda: made["a"] >= before + LATER, 30, "more is made after the backup")
        wait_in_step([a, b], 60)
        of_a = held(b, a)
        assert (len(of_a), len(held(a, b))) == (made["a"], made["b"])

        assert a.site.terminate() == 0
        assert "restored from the backup" in a.site.cli("restore", str(file))["hold"]
        a.site.start()
        assert "Nothing is sent: The database was restored from the backup of" in a.site.log_tail()
        lost = of_a - held(a, a)
        assert LATER <= len(lost) < len(of_a)
        record(a, BATCH)
        made_held = held(a, a) - of_a
        record(b, 1)  # the answer to it tells B what is missing there
        wait_until(lambda: len(held(a, b)) == made["b"] + 1, 60, "what B has made comes back")
        assert a.site.cli("site")["hold"]
        assert a.waiting() >= BATCH
        assert not made_held & held(b, a), "nothing is sent while it is held"
        highest = max(map(int, of_a))
        wait_until(lambda: a.rows("SELECT last_id FROM site")[0][0] >= highest, 60, "it has asked what B holds")

        assert a.site.cli("confirm", "restored")["hold"] is None
        wait_until(lambda: not (a.waiting() or b.waiting()), 60, "all that waits is delivered")
        assert held(b, a) == of_a | made_held
        assert held(a, a) == (of_a - lost) | made_held
        here = a.balances()
        assert b.balances() == {email: here[email] + missing(b, a, lost, email) for email in here}
        for member in (a, b):
            assert len(held(member, b)) == made["b"] + 1
            assert member.site.cli("verify") == {"ok": True, "differences": []}
        wait_until(lambda: {a.status_for(b), b.status_for(a)} <= {"green", "warning"}, 30, "no line is red any more")
        assert a.site.cli("site")["hold"] is None
