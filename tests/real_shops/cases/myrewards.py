"""MyRewards and PointSync say the same, whoever has changed the points."""

import random
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from tests.real_shops.database import dump_database, load_database
from tests.real_shops.merchant import Merchant
from tests.real_shops.world import Skipped, World
from tests.support.process import wait_until

AT_ONCE = 20
SETTLE_SECONDS = 60


class Bridged:
    """Accounts with verified addresses in a shop whose MyRewards follows PointSync."""

    def __init__(self, w: World, count: int, **how: Any) -> None:
        self.w = w
        self.emails = [w.who(f"rewarded{number}") for number in range(count)]
        self.accounts: list[int] = w.do("accounts", emails=self.emails, verified=True)
        for email in self.emails:
            w.member.record(email, 100)
        self.switch_on(may_replace=True, **how)
        self.wait_equal([100] * count)

    def switch_on(self, **how: Any) -> None:
        problem = self.w.do("myrewards_on", **how)["problem"]
        assert problem == "", problem

    def move(self, account: int, how: str, points: int, **more: Any) -> Any:
        """A change as MyRewards makes it: `addPoints`, `usePoints` or `setPoints`, in a request of its own."""
        return self.w.do("myrewards_moves", moves=[[self.accounts[account], how, points]], **more)

    def shown(self) -> list[int]:
        """What MyRewards says."""
        points: list[int] = self.w.do("myrewards_points", accounts=self.accounts)
        return points

    def wait_equal(self, expected: Sequence[int], seconds: float = SETTLE_SECONDS) -> None:
        """Wait until PointSync and MyRewards have these balances; the schedule runs meanwhile."""
        found: list[Any] = []

        def is_equal() -> bool:
            self.w.shop.tick()
            found[:] = [[self.w.member.points(each) or 0 for each in self.emails], self.shown()]
            return found == [list(expected), list(expected)]

        try:
            wait_until(is_equal, seconds, "")
        except AssertionError:
            raise AssertionError(f"PointSync and MyRewards have {found} instead of {expected}") from None
        for email, points in zip(self.emails, expected, strict=True):
            self.w.expect(email, points)


@contextmanager
def _bridged(w: World, count: int = 1, *, order_points: bool = False, **how: Any) -> Iterator[Bridged]:
    if w.do("myrewards_pool", order_points=order_points) is None:
        raise Skipped("MyRewards is not in this shop")
    try:
        yield Bridged(w, count, **how)
    finally:
        w.do("myrewards_pool")


def case_changes_reach_both(w: World) -> None:
    with _bridged(w, 2) as bridged:
        bridged.move(0, "addPoints", 30)
        bridged.move(0, "usePoints", 7)
        w.member.record(bridged.emails[0], 1000)
        bridged.move(1, "setPoints", 55)
        bridged.wait_equal([1123, 55])
        kinds = [(each["kind"], each["points"]) for each in w.member.history(bridged.emails[0])[:3]]
        assert sorted(kinds) == [("earn", 30), ("earn", 1000), ("spend", -7)], kinds
        assert w.member.history(bridged.emails[1])[0]["kind"] == "manual"
        w.shop.tick()
        assert len(w.member.history(bridged.emails[0])) == 4, "an echo"


def case_large_changes(w: World) -> None:
    """MyRewards' history cuts changes off at 32,767; its balance does not."""
    with _bridged(w) as bridged:
        bridged.move(0, "addPoints", 50_000)
        bridged.wait_equal([50_100])
        w.member.record(bridged.emails[0], 70_000)
        bridged.wait_equal([120_100])
        bridged.move(0, "usePoints", 100_000)
        bridged.wait_equal([20_100])


def case_500_mixed_changes(w: World) -> None:
    """From both sides, 20 at a time, on ten accounts."""
    with _bridged(w, 10) as bridged:
        begun = w.do("myrewards_state")["after"]
        chance = random.Random(w.run)
        per_process, processes = 13, AT_ONCE
        expected = [100] * 10
        shop_moves: list[list[list[Any]]] = [[] for _ in range(processes)]
        ledger_moves: list[tuple[int, int]] = []
        for number in range(500):
            account, points = chance.randrange(10), chance.randrange(1, 60)
            if number < per_process * processes:
                how = chance.choice(["addPoints", "addPoints", "usePoints"])
                shop_moves[number % processes].append([bridged.accounts[account], how, points])
                expected[account] += points if how == "addPoints" else -points
            else:
                sign = chance.choice([1, 1, -1])
                ledger_moves.append((account, sign * points))
                expected[account] += sign * points

        def record(move: tuple[int, int]) -> None:
            w.member.record(bridged.emails[move[0]], move[1], kind="manual")

        with ThreadPoolExecutor(AT_ONCE) as shop, ThreadPoolExecutor(AT_ONCE) as ledger:
            futures = [shop.submit(w.do, "myrewards_moves", moves=moves, pause=20_000) for moves in shop_moves]
            futures += [ledger.submit(record, move) for move in ledger_moves]
            for future in futures:
                future.result()
        moved = w.do("myrewards_history", accounts=bridged.accounts, after=begun)
        bridged.wait_equal(expected)
        races = w.do("myrewards_races", accounts=bridged.accounts, after=begun)["count"]
        print(f"       {races} times, one change has overwritten another in MyRewards", flush=True)
        assert w.do("myrewards_state")["on_the_way"] == 0
        sent = [
            sum(each["points"] for each in w.member.history(email) if (each["ref"] or "").startswith("myrewards:"))
            for email in bridged.emails
        ]
        assert sent == moved, "each change of MyRewards is in PointSync once"


def case_a_lost_change_is_repaired(w: World) -> None:
    with _bridged(w) as bridged:
        bridged.move(0, "addPoints", 30)
        w.do("myrewards_overwrite", account=bridged.accounts[0], points=100)  # as another request that had read 100
        bridged.wait_equal([130])
        w.do("myrewards_overwrite", account=bridged.accounts[0], points=5000)
        w.do("myrewards_compare")
        bridged.wait_equal([130])


def case_a_killed_request_is_found(w: World) -> None:
    with _bridged(w) as bridged:
        assert bridged.move(0, "addPoints", 30, is_killed=True, check=False) != 0
        bridged.wait_equal([130])


def case_pointsync_down(w: World) -> None:
    """What MyRewards changes meanwhile stays, and is sent when PointSync is there again."""
    with _bridged(w) as bridged:
        w.member.site.kill()
        try:
            bridged.move(0, "addPoints", 30)
            bridged.move(0, "usePoints", 5)
            w.shop.tick()
            assert bridged.shown() == [125]
        finally:
            w.member.site.start()
        w.do("hurry")
        bridged.wait_equal([125])


def case_shop_restored(w: World) -> None:
    """The shop's database comes back from before: PointSync keeps what MyRewards has lost, whose ids are used again."""
    with _bridged(w) as bridged:
        bridged.move(0, "addPoints", 1)
        bridged.wait_equal([101])
        dump = dump_database(w)
        bridged.move(0, "addPoints", 10)
        bridged.wait_equal([111])
        load_database(w, dump)
        bridged.move(0, "addPoints", 20)
        bridged.wait_equal([131])


def case_pointsync_restored(w: World) -> None:
    """PointSync comes back from before, and this shop has never reported an order: its changes are sent again."""
    with _bridged(w) as bridged:
        site = w.member.site
        backup = site.data_dir / "before-rewards.zip"
        backup.unlink(missing_ok=True)
        site.cli("backup", str(backup))
        w.do("forget_reports")
        bridged.move(0, "addPoints", 10)
        bridged.move(0, "usePoints", 4)
        bridged.wait_equal([106])
        site.kill()
        site.cli("restore", str(backup))
        site.start()
        w.do("hurry")
        site.cli("confirm", "restored")
        w.do("forget_reports")
        w.do("myrewards_long_ago")
        w.do("hurry")
        bridged.wait_equal([106])
        assert len(w.member.history(bridged.emails[0])) == 3


def case_only_verified_accounts_see_points(w: World) -> None:
    """An account with somebody else's address gets none of their points; what it earns itself is theirs to see."""
    with _bridged(w) as bridged:
        victim = w.who("victim")
        w.member.record(victim, 500)
        [account] = w.do("accounts", emails=[victim], verified=False)
        w.do("myrewards_compare")
        w.do("myrewards_moves", moves=[[account, "addPoints", 20]])
        w.shop.tick()
        assert w.do("myrewards_points", accounts=[account]) == [20]
        w.wait_points(victim, 520)
        own = bridged.accounts[0]
        w.do("account_email", id=own, email=w.who("elsewhere"))
        [other] = w.do("accounts", emails=[bridged.emails[0]], verified=True)
        assert w.do("myrewards_points", accounts=[own]) == [0], "the points belong to who has the address now"
        bridged.accounts = [other]
        bridged.wait_equal([100])


def case_orders_count_once_in_pointsync(w: World) -> None:
    if w.do("myrewards_pool", order_points=True) is None:
        raise Skipped("MyRewards is not in this shop")
    refused = w.do("myrewards_on", may_replace=True)["problem"]
    assert "Orders would count twice" in refused, refused
    with _bridged(w) as bridged:
        w.do("myrewards_order_events", points="1")  # added after the bridge was switched on
        assert "Orders would count twice" in w.do("myrewards_state")["problem"]
        order = w.order(bridged.emails[0], [[w.mug, 1]], account=bridged.accounts[0], status="completed")
        w.do("touch", id=order)
        bridged.wait_equal([150])
        w.do("refund", id=order, amount="20")
        bridged.wait_equal([130])


def case_orders_count_once_in_myrewards(w: World) -> None:
    with _bridged(w, order_points=True, counts="myrewards") as bridged:
        order = w.order(bridged.emails[0], [[w.mug, 1]], account=bridged.accounts[0], status="completed")
        bridged.wait_equal([150])
        refs = [each["ref"] for each in w.member.history(bridged.emails[0]) if each["points"] == 50]
        assert [each.partition(":")[0] for each in refs] == ["myrewards"], refs
        w.do("myrewards_order_events", points="0")
        bridged.switch_on(counts="pointsync")  # from now on, PointSync counts; that order stays MyRewards'
        w.do("touch", id=order)
        w.do("refund", id=order, amount="10")
        second = w.order(bridged.emails[0], [[w.mug, 1]], account=bridged.accounts[0], status="completed")
        bridged.wait_equal([200])
        w.do("refund", id=second, amount="10")
        bridged.wait_equal([190])


def case_what_is_dangerous_is_refused(w: World) -> None:
    if w.do("myrewards_pool") is None:
        raise Skipped("MyRewards is not in this shop")
    assert "are not in PointSync yet" in w.do("myrewards_on")["problem"]
    assert "would not count at all" in w.do("myrewards_on", counts="myrewards", may_replace=True)["problem"]
    w.do("myrewards_in_cart", is_on=True)
    w.do("spending", set={"values": {"EUR": "0.01"}})
    assert "spend the same points twice" in w.do("myrewards_on", may_replace=True)["problem"]
    w.do("spending", set={"values": {}})
    assert w.do("myrewards_on", may_replace=True)["problem"] == ""
    w.do("myrewards_pool")


def case_by_the_page(w: World) -> None:
    """A shop manager is refused with the reason, keeps what was typed, and switches the bridge on and off."""
    pool = w.do("myrewards_pool", order_points=True)
    if pool is None:
        raise Skipped("MyRewards is not in this shop")
    merchant = Merchant(w)
    assert 'id="pointsync-myrewards"' in merchant.page()
    fields = {"is_on": "1", "pool": pool["id"], "may_replace": "1"}
    page = merchant.press("myrewards", counts="pointsync", **fields)
    assert "Orders would count twice" in page
    assert re.search(r'name="may_replace" value="1"\s+checked', page), "what was typed is kept"
    page = merchant.press("myrewards", counts="myrewards", **fields)
    assert "The bridge is on." in page
    assert w.do("myrewards_state")["is_on"]
    page = merchant.press("myrewards", pool=pool["id"], counts="myrewards")
    assert "do not follow PointSync any more" in page
    assert not w.do("myrewards_state")["is_on"]
    w.do("myrewards_pool")


def pair_shops_that_were_in_step(first: World, second: World) -> None:
    """Both bring the points of MyRewards, and switch the bridge on: then all four say the same."""
    email, program = first.who("both"), f"b-{first.run}"
    accounts = []
    for w in (first, second):
        if w.do("myrewards_pool") is None:
            raise Skipped(f"MyRewards is not in {w.shop.name}")
        accounts += w.do("accounts", emails=[email], verified=True)
        w.do("myrewards_moves", moves=[[accounts[-1], "addPoints", 100]])
        w.do("migration_begin", source="myrewards", program=program, was_in_step=True, stack="default")
        assert w.do("migration_record")["phase"] == "done"
        assert w.do("myrewards_on")["problem"] == ""
    first.do("myrewards_moves", moves=[[accounts[0], "addPoints", 30]])
    second.do("myrewards_moves", moves=[[accounts[1], "usePoints", 7]])
    for w, account in ((first, accounts[0]), (second, accounts[1])):
        w.wait_points(email, 123)
        w.shop.wait_balance(email, 123)
        assert w.do("myrewards_points", accounts=[account]) == [123]
        w.do("myrewards_pool")
