"""Real sites lose a database, or all of it: what any other site still knows comes back, and nothing counts twice."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.support.family import Member, family, wait_in_step
from tests.support.process import SiteProcess, wait_until

CUSTOMERS = 20
DATABASE_FILES = ("pointsync.db", "pointsync.db-wal", "pointsync.db-shm")


def make_orders(first: int, last: int) -> list[dict[str, Any]]:
    """Orders of a shop, each with its ref."""
    return [
        {"customer": f"c{number % CUSTOMERS}@shop.example", "points": number % 9 + 1, "ref": f"order-{number}"}
        for number in range(first, last)
    ]


def expected_balances(*orders: dict[str, Any]) -> dict[str, int]:
    balances: dict[str, int] = {}
    for order in orders:
        balances[order["customer"]] = balances.get(order["customer"], 0) + order["points"]
    return balances


def send_orders(member: Member, orders: list[dict[str, Any]]) -> int:
    """The shop sends its orders in one call; the status of the answer."""
    answer = member.site.api("POST", "/api/v1/movements", {"movements": orders}, member.key)
    if answer.status == 503:
        assert answer.body["error"]["code"] == "fetching_back", answer
        assert int(answer.headers["Retry-After"]) > 0
    else:
        assert answer.status in (200, 201), answer
    return answer.status


def keep_copy(member: Member, file: Path) -> None:
    """Stop the site, copy its database, and start it again."""
    assert member.site.terminate() == 0
    shutil.copy(member.site.data_dir / "pointsync.db", file)
    member.site.start()


def put_copy_back(member: Member, file: Path) -> None:
    """What somebody does who copies yesterday's file back: the power is cut, the file is copied, the site starts."""
    [(last_seq,)] = member.rows("SELECT max(seq) FROM movement")
    marker = member.site.data_dir / "marker"
    wait_until(lambda: int(marker.read_text().split()[2]) == last_seq, 10, "the heartbeat has saved the last movement")
    member.site.kill()
    for name in DATABASE_FILES:
        (member.site.data_dir / name).unlink(missing_ok=True)
    shutil.copy(file, member.site.data_dir / "pointsync.db")
    member.site.start()
    assert member.site.cli("site")["hold"]


def wait_until_back(member: Member) -> None:
    wait_until(lambda: not member.site.cli("fetch-back")["running"], 90, "everything is fetched back")


def fetch_states(member: Member) -> set[str]:
    """The states of the fetches from its remotes."""
    return {each["state"] for each in member.site.cli("fetch-back")["remotes"]}


def repeated_refs(member: Member, origin: Member) -> list[str]:
    """The refs of `origin` that a site has more than once."""
    query = "SELECT ref FROM movement WHERE origin = ? AND ref IS NOT NULL GROUP BY ref HAVING count(*) > 1"
    return [ref for (ref,) in member.rows(query, origin.auth)]


def assert_equal(*members: Member) -> None:
    """Every site holds exactly what the others have delivered to it, and its sums are right."""
    for member in members:
        assert member.site.cli("verify")["ok"]
        for other in members:
            if other is not member:
                [(count,)] = member.rows("SELECT delivered_count FROM remote WHERE url = ?", other.site.url)
                [(held,)] = other.rows("SELECT coalesce(sum(count), 0) FROM holding WHERE origin = ?", member.auth)
                assert count == held, (member.name, other.name)


@pytest.mark.timeout(300)
def test_the_sender_is_set_back_while_its_shop_repeats_the_orders(tmp_path: Path) -> None:
    orders, file = make_orders(0, 340), tmp_path / "yesterday.db"
    with family(tmp_path, "a", "b", "c") as (a, b, c):
        send_orders(a, orders[:100])
        wait_in_step([a, b, c], 60)
        keep_copy(a, file)
        send_orders(a, orders[100:300])
        wait_in_step([a, b, c], 60)
        c.site.terminate()
        send_orders(a, orders[300:320])
        wait_until(lambda: len(b.balances()) and b.rows("SELECT count(*) FROM movement")[0][0] == 320, 60, "B has 320")
        put_copy_back(a, file)
        assert a.rows("SELECT count(*) FROM movement")[0][0] == 100
        # Before an admin has noticed, the shop repeats some orders: the site cannot know that they are repeats.
        assert send_orders(a, orders[290:340]) == 201

        assert a.site.cli("confirm", "restored")["hold"] is None
        assert send_orders(a, orders[:250]) == 503, "C does not answer yet, so it cannot be over"
        assert (
            a.site.api("POST", "/api/v1/movements", {"customer": "c0@shop.example", "points": -1}, a.key).status == 503
        )
        assert send_orders(a, orders[:100]) == 200, "these were never lost"
        wait_until(lambda: "fetched" in fetch_states(a), 60, "B has returned everything")
        assert fetch_states(a) == {"fetched", "waiting"}
        a.site.restart()
        c.site.start()
        wait_until_back(a)
        assert send_orders(a, orders) == 200, "every order is known"
        assert wait_in_step([a, b, c], 90) == expected_balances(*orders)
        assert repeated_refs(a, a) == repeated_refs(b, a) == repeated_refs(c, a) == []
        assert_equal(a, b, c)
        assert a.site.cli("fetch-back")["decisions"] == 0


@pytest.mark.timeout(300)
def test_the_receiver_is_set_back_while_all_shops_go_on(tmp_path: Path) -> None:
    file = tmp_path / "yesterday.db"
    of_a, of_b = make_orders(0, 300), make_orders(1000, 1200)
    with family(tmp_path, "a", "b") as (a, b):
        send_orders(a, of_a[:50])
        send_orders(b, of_b[:50])
        wait_in_step([a, b], 60)
        keep_copy(b, file)
        send_orders(a, of_a[50:200])
        send_orders(b, of_b[50:150])
        wait_in_step([a, b], 60)
        put_copy_back(b, file)
        send_orders(a, of_a[200:])
        b.site.cli("confirm", "restored")
        statuses = {wait_until(lambda: (status := send_orders(b, of_b)) != 503 and status, 90, "the shop is accepted")}
        assert statuses == {201}
        assert wait_in_step([a, b], 90) == expected_balances(*of_a, *of_b)
        for member in (a, b):
            assert repeated_refs(member, a) == repeated_refs(member, b) == []
        wait_until(lambda: b.rows("SELECT count(*) FROM movement")[0][0] == 500, 60, "B has all 500")
        assert_equal(a, b)


@pytest.mark.long
@pytest.mark.timeout(300)
def test_an_admin_continues_without_a_site_that_is_broken(tmp_path: Path) -> None:
    orders, file = make_orders(0, 60), tmp_path / "yesterday.db"
    with family(tmp_path, "a", "b", "c") as (a, b, c):
        keep_copy(a, file)
        b.site.terminate()
        send_orders(a, orders[:40])
        wait_until(lambda: c.rows("SELECT count(*) FROM movement")[0][0] == 40, 60, "C has them")
        c.site.terminate()
        b.site.start()
        put_copy_back(a, file)
        a.site.cli("confirm", "restored")
        remote_id = a.remote_for(c)["id"]
        a.site.cli("fetch-back", "continue", "--without", str(remote_id))
        wait_until_back(a)
        assert send_orders(a, orders) == 201, "nobody knows them now"
        wait_until(lambda: b.rows("SELECT count(*) FROM movement")[0][0] == 60, 60, "B gets them")
        c.site.start()
        # C has the first 40 under their old ids, B has the repeats; each counts once everywhere.
        assert wait_in_step([a, b, c], 90) == expected_balances(*orders)
        wait_until(lambda: fetch_states(a) == {"complete"}, 60, "C is fetched")
        assert repeated_refs(a, a) == repeated_refs(b, a) == repeated_refs(c, a) == []
        assert_equal(a, b, c)


@pytest.mark.timeout(300)
def test_a_site_that_lost_its_disk_is_set_up_again(tmp_path: Path) -> None:
    of_a, of_b = make_orders(0, 120), make_orders(1000, 1050)
    with family(tmp_path, "a", "b", "c") as (a, b, c):
        send_orders(a, of_a[:100])
        send_orders(b, of_b)
        balances = wait_in_step([a, b, c], 60)
        a.site.kill()
        shutil.rmtree(a.site.data_dir)

        site = SiteProcess(tmp_path / "new", a.site.port, env={"POINTSYNC_SITE_NAME": "a"})
        answer = site.cli("site", "rebirth", "--sharing-key-stdin", input=f"{a.sharing_key}\n")
        assert answer["auth"] == a.auth
        with site:
            new = Member("a", site)
            assert (new.auth, new.sharing_key) == (a.auth, a.sharing_key)
            assert site.cli("site")["fetch_back"]["open"]
            for other in (b, c):
                other_remote = other.remote_for(new)["id"]
                assert other.site.cli("remote", "ping", str(other_remote))["ping"]["code"] == "changed_key"
                accepted = other.site.cli(
                    "remote", "accept-key", str(other_remote), "--fingerprint", answer["fingerprint"]
                )
                assert accepted["ping"]["ok"], accepted
                assert new.list_other(other)["ping"]["ok"]
            wait_until(lambda: new.balances(), 60, "the others send theirs again")
            assert send_orders(new, of_a[100:]) == 503
            site.cli("fetch-back", "finish")
            wait_until_back(new)
            assert send_orders(new, of_a) == 201
            assert wait_in_step([new, b, c], 90) == expected_balances(*of_a, *of_b)
            assert balances == expected_balances(*of_a[:100], *of_b)
            for member in (new, b, c):
                assert repeated_refs(member, new) == []
            assert_equal(new, b, c)


@pytest.mark.timeout(300)
def test_the_movements_of_a_site_that_is_gone_are_handed_on(tmp_path: Path) -> None:
    orders = make_orders(0, 1500)
    with family(tmp_path, "a", "b", "c") as (a, b, c):
        send_orders(a, orders[:100])
        wait_in_step([a, b, c], 60)
        c.site.terminate()
        send_orders(a, orders[100:1100])
        send_orders(a, orders[1100:])
        wait_until(lambda: b.rows("SELECT count(*) FROM movement")[0][0] == 1500, 60, "B has all")
        a.site.kill()
        c.site.start()
        b.site.cli("origin", "hand-on", a.auth)
        message = wait_until(lambda: b.site.cli("origin", "hand-on")[0]["message"], 60, "C refuses it")
        assert "does not allow" in message
        assert c.rows("SELECT count(*) FROM movement")[0][0] == 100
        c.site.cli("origin", "allow-hand-on", a.auth, "--by", b.auth)
        b.site.cli("origin", "hand-on", a.auth)
        wait_until(lambda: b.site.cli("origin", "hand-on")[0]["state"] == "finished", 60, "all are handed on")
        wait_until(lambda: c.rows("SELECT count(*) FROM movement")[0][0] == 1500, 60, "C has all")
        assert b.balances() == c.balances() == expected_balances(*orders)
        # The site was not gone after all: it finds that everything is there.
        a.site.start()
        a.site.cli("remote", "retry", str(a.remote_for(c)["id"]))
        assert wait_in_step([a, b, c], 90) == expected_balances(*orders)
