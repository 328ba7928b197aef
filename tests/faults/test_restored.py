"""A site is restored from a backup made under load: it detects that, waits for an admin, and continues.

No movement is doubled, and movements of other sites come back."""

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
MIN_LATER_COUNT = 300


@contextmanager
def record_in_background(*members: Member) -> Iterator[dict[str, int]]:
    """Let each site record batches with short pauses; yield the counts by site name."""
    counts = dict.fromkeys((member.name for member in members), 0)
    stopping = threading.Event()

    def record_batches(member: Member) -> None:
        while not stopping.wait(PAUSE_SECONDS):
            record(member, BATCH)
            counts[member.name] += BATCH

    threads = [threading.Thread(target=record_batches, args=(member,)) for member in members]
    for thread in threads:
        thread.start()
    try:
        yield counts
    finally:
        stopping.set()
        for thread in threads:
            thread.join()


def record(member: Member, count: int) -> None:
    """Record `count` movements of one point each, for several customers."""
    member.record_many([{"customer": f"c{number % CUSTOMERS}@shop.example", "points": 1} for number in range(count)])


def movement_ids(member: Member, origin: Member) -> set[str]:
    """The ids of a site's movements from `origin`; none may be there twice."""
    ids = [movement_id for (movement_id,) in member.rows("SELECT id FROM movement WHERE origin = ?", origin.auth)]
    assert len(ids) == len(set(ids)), f"{member.name} has a movement of {origin.name} twice"
    return set(ids)


@pytest.mark.timeout(240)
def test_restored_from_a_backup_made_under_load(tmp_path: Path):
    file = tmp_path / "backup.zip"
    with family(tmp_path, "a", "b") as (a, b):
        with record_in_background(a, b) as counts:
            wait_until(lambda: movement_ids(a, b) and movement_ids(b, a), 30, "both sites receive movements")
            assert a.site.cli("backup", str(file))["bytes"] == file.stat().st_size
            count_before = counts["a"]
            wait_until(lambda: counts["a"] >= count_before + MIN_LATER_COUNT, 30, "more movements after the backup")
        wait_in_step([a, b], 60)
        ids_of_a = movement_ids(b, a)
        assert (len(ids_of_a), len(movement_ids(a, b))) == (counts["a"], counts["b"])

        assert a.site.terminate() == 0
        assert "restored from the backup" in a.site.cli("restore", str(file))["hold"]
        a.site.start()
        assert "Nothing is sent: The database was restored from the backup of" in a.site.log_tail()
        lost = ids_of_a - movement_ids(a, a)
        assert MIN_LATER_COUNT <= len(lost) < len(ids_of_a)
        record(a, BATCH)
        recorded_while_stopped = movement_ids(a, a) - ids_of_a
        record(b, 1)  # the answer shows B what is missing at A
        wait_until(lambda: len(movement_ids(a, b)) == counts["b"] + 1, 60, "B's movements come back")
        assert a.site.cli("site")["hold"]
        assert a.waiting() >= BATCH
        assert not recorded_while_stopped & movement_ids(b, a), "nothing is sent while sending is stopped"
        highest = max(map(int, ids_of_a))
        wait_until(lambda: a.rows("SELECT last_id FROM site")[0][0] >= highest, 60, "A knows what B has")

        assert a.site.cli("confirm", "restored")["hold"] is None
        wait_until(lambda: not (a.waiting() or b.waiting()), 60, "everything is delivered")
        assert movement_ids(b, a) == ids_of_a | recorded_while_stopped
        assert movement_ids(a, a) == ids_of_a | recorded_while_stopped, "lost movements came back"
        assert b.balances() == a.balances()
        for member in (a, b):
            assert len(movement_ids(member, b)) == counts["b"] + 1
            assert member.site.cli("verify") == {"ok": True, "differences": []}
        wait_until(lambda: {a.status_for(b), b.status_for(a)} <= {"green", "warning"}, 30, "no remote is red any more")
        assert a.site.cli("site")["hold"] is None
