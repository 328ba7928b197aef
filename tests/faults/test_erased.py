"""Three real sites: a person is erased while one is down, and another one is put back to a state from before."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.faults.test_fetch_back import keep_copy, put_copy_back, wait_until_back
from tests.support.family import Member, family, wait_in_step
from tests.support.process import wait_until

SECONDS = 60
ANNA, OLD_ANNA, CAROL = "anna@shop.example", "annas-old-address@shop.example", "carol@shop.example"


def site_states(receipt: dict[str, Any]) -> list[str]:
    return sorted(each["state"] for each in receipt["sites"])


def customers(member: Member) -> set[str]:
    return {email for (email,) in member.rows("SELECT email FROM customer")}


def find_in_files(folder: Path, text: str) -> list[str]:
    """The files of a site, such as its database and its log, that contain the text."""
    return [path.name for path in sorted(folder.rglob("*")) if path.is_file() and text.encode() in path.read_bytes()]


@pytest.mark.timeout(240)
def test_one_down_and_one_restored(tmp_path: Path) -> None:
    with family(tmp_path, "a", "b", "c") as members:
        a, b, c = members
        for member in members:
            member.site.cli("setting", "set", "delay_seconds", "1")
        for email, points in ((ANNA, 10), (OLD_ANNA, 100), (CAROL, 1000)):
            a.record(email, points, reason=f"for {email}")
        a.site.cli("customer", "merge", OLD_ANNA, ANNA)
        wait_in_step(members, SECONDS)
        wait_until(lambda: c.points(ANNA) == 110, SECONDS, "c knows that both addresses are one customer's")
        assert c.site.terminate() == 0
        keep_copy(b, tmp_path / "copy.db")
        erasure_id = a.site.cli("customer", "erase", ANNA)["id"]

        def receipt() -> dict[str, Any]:
            document: dict[str, Any] = a.site.cli("customer", "erasures", erasure_id)
            return document

        wait_until(lambda: site_states(receipt()) == ["clean", "waiting"], SECONDS, "b has erased her, and c is named")
        put_copy_back(b, tmp_path / "copy.db")
        assert {ANNA, OLD_ANNA} <= customers(b)
        b.site.cli("confirm", "restored")
        b.site.cli("fetch-back", "continue", "--without", str(b.remote_for(c)["id"]))
        wait_until_back(b)
        c.site.start()
        for member in members:
            wait_until(lambda m=member: not {ANNA, OLD_ANNA} & customers(m), SECONDS, f"{member.name} has erased her")
        wait_until(lambda: site_states(receipt()) == ["clean", "clean"], SECONDS, "the receipt is complete")
        assert receipt()["counts"]["addresses"] == 2
        a.record(ANNA, 5)
        wait_until(lambda: [m.points(ANNA) for m in members] == [5, 5, 5], SECONDS, "she is a new customer everywhere")
        balances = wait_in_step(members, SECONDS)
        assert sum(balances.values()) == 1115, "the sums are as before"
        assert [m.points(CAROL) for m in members] == [1000, 1000, 1000]
        for member in members:
            for other in members:
                if other is not member:
                    wait_until(lambda m=member, o=other: m.status_for(o) != "error", SECONDS, "no remote is red")
            assert member.site.cli("verify") == {"ok": True, "differences": []}
            assert OLD_ANNA not in json.dumps(member.site.api("GET", "/metrics", key=member.key).body)
            member.site.cli("vacuum")
        for member in members:
            assert member.site.terminate() == 0
            assert find_in_files(member.site.data_dir, OLD_ANNA) == []
            assert "serve.log" in find_in_files(member.site.data_dir, "127.0.0.1"), "logs are searched, too"
