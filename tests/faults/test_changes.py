"""Three real sites: customers are renamed, merged and unmerged while one is down, and one loses its last hours."""

from pathlib import Path

import pytest

from tests.faults.test_fetch_back import keep_copy, put_copy_back, wait_until_back
from tests.support.family import Member, family, wait_in_step
from tests.support.process import wait_until

SECONDS = 60
ANNA, BOB, CAROL, DORA, NEW = (f"{name}@shop.example" for name in ("anna", "bob", "carol", "dora", "new"))


def people(member: Member) -> dict[str, str]:
    """By address, the one with which its customer is shown."""
    return dict(
        member.rows(
            "SELECT a.email, b.email FROM customer a JOIN customer b ON b.id = coalesce(a.merged_into_id, a.id)"
        )
    )


def wait_for(members: list[Member], expected: dict[str, str]) -> None:
    for member in members:
        wait_until(
            lambda m=member: expected.items() <= people(m).items(), SECONDS, f"{member.name} knows the customers"
        )


def undelivered(members: list[Member]) -> int:
    return sum(m.rows("SELECT count(*) FROM change_delivery WHERE state <> 'delivered'")[0][0] for m in members)


@pytest.mark.timeout(240)
def test_one_down_and_one_restored(tmp_path: Path) -> None:
    with family(tmp_path, "a", "b", "c") as members:
        a, b, c = members
        for member in members:
            member.site.cli("setting", "set", "delay_seconds", "1")
        for number, email in enumerate((ANNA, BOB, CAROL, DORA)):
            a.record(email, 10 ** (number + 1))
        wait_in_step(members, SECONDS)
        assert c.site.terminate() == 0
        keep_copy(a, tmp_path / "copy.db")
        a.site.cli("customer", "merge", BOB, ANNA)
        b.site.cli("customer", "rename", CAROL, NEW)
        a.record(BOB, 1)
        b.record(CAROL, 2)
        wait_for([a, b], {ANNA: ANNA, BOB: ANNA, CAROL: NEW, NEW: NEW})
        both = [(ANNA, 111), (NEW, 1002)]
        wait_until(
            lambda: [m.points(e) == p for m in (a, b) for e, p in both] == [True] * 4, SECONDS, "a and b are equal"
        )
        put_copy_back(a, tmp_path / "copy.db")
        assert people(a)[BOB] == BOB
        a.site.cli("confirm", "restored")
        a.site.cli("fetch-back", "continue", "--without", str(a.remote_for(c)["id"]))
        wait_until_back(a)
        b.site.cli("customer", "merge", DORA, ANNA)
        b.site.cli("customer", "unmerge", BOB)
        c.site.start()
        expected = {ANNA: ANNA, BOB: BOB, CAROL: NEW, NEW: NEW, DORA: ANNA}
        wait_for(members, expected)
        wait_until(lambda: undelivered(members) == 0, SECONDS, "every site has every change")
        assert wait_in_step(members, SECONDS) == {ANNA: 10_010, BOB: 101, NEW: 1002}
        for member in members:
            for other in members:
                if other is not member:
                    wait_until(lambda m=member, o=other: m.status_for(o) != "error", SECONDS, "no remote is red")
            assert member.site.cli("verify") == {"ok": True, "differences": []}
