"""Connecting, the schedule, webhooks, copies and moves of a shop, and removing the plugin."""

import time

from tests.real_shops.world import World, wait_for_points
from tests.support.process import wait_until

PUSH_SECONDS = 8


def case_key_is_not_loaded_with_each_page(w: World) -> None:
    facts = w.do("facts")
    assert (facts["connected"], facts["has_key"], facts["stopped"]) == (True, True, False)
    assert list(facts["autoloads"].values() if isinstance(facts["autoloads"], dict) else facts["autoloads"]) == [
        "pointsync_shop"
    ]
    assert w.do("state_report") == {"sent": True}
    assert w.do("facts")["problems"] == []


def case_balances_are_compared_every_day(w: World) -> None:
    """A balance that is wrong in the shop's table is that of PointSync a day later."""
    email = w.who("compared")
    w.member.record(email, 40)
    w.shop.wait_balance(email, 40)
    w.do("falsify", email=email, points=4000)
    w.do("tick")
    assert w.do("balances", emails=[email])[email] == 4000
    w.do("day")
    w.shop.wait_balance(email, 40)
    w.expect(email, 40)


def case_movement_arrives_by_webhook(w: World) -> None:
    """A movement of another site, or of this one, is in the shop's table without its schedule."""
    email = w.who("push")
    sender = w.others[0] if w.others else w.member
    w.shop.tick()
    sender.record(email, 40)
    begun = time.monotonic()
    wait_until(
        lambda: w.do("balances", emails=[email])[email] == 40, PUSH_SECONDS, f"{w.shop.name} learns of a movement"
    )
    print(f"       a movement of {sender.name} was in {w.shop.name} after {time.monotonic() - begun:.1f} s")
    w.expect(email, 40)


def case_action_scheduler_runs(w: World) -> None:
    """WooCommerce's own schedule sends what a page could not send."""
    email = w.who("scheduled")
    order = w.order(email, [[w.mug, 1]])
    w.shop.do("killed_before_sending", check=False, id=order, status="completed")
    time.sleep(6)
    ran = w.do("run_actions")["ran"]
    if "pointsync_minute" not in ran:  # it ran less than a minute ago
        time.sleep(60)
        ran = w.do("run_actions")["ran"]
    assert "pointsync_minute" in ran, ran
    w.check(email, [order], 50)


def case_wrong_code(w: World) -> None:
    used = w.make_code()
    assert w.do("connect", code=used)["problem"] == ""
    before = w.do("remember")
    wrong = (("", "not a connection code"), ("psc1.abc", "not a connection code"), (used, "used already"))
    for code, part in wrong:
        problem = w.do("connect", code=code)["problem"]
        assert part in problem, problem
    assert w.do("remember") == before, "nothing has changed"


def case_copy_sends_nothing(w: World) -> None:
    """Until an admin has answered; after *copy*, the real shop goes on."""
    before = w.do("remember")
    email = w.who("copy")
    staging = "http://staging.example"
    order = w.order(email, [[w.mug, 1]], status="completed", home=staging)
    facts = w.do("facts", home=staging)
    assert (facts["connected"], facts["stopped"]) == (True, True)
    w.do("tick", home=staging)
    wait_for_points(w.member, email, 0, 1)
    assert w.do("outbox")["summary"]["waiting"] >= 1
    w.do("copy", home=staging)
    facts = w.do("facts", home=staging)
    assert (facts["connected"], facts["stopped"], facts["has_key"]) == (False, False, False)
    assert facts["id"] != before["shop"]["id"]
    w.do("put_back", **before)
    w.do("touch", id=order)
    w.check(email, [order], 50)


def case_moved_shop_goes_on(w: World) -> None:
    """What has happened before the answer is sent after it; the old address is refused then."""
    email = w.who("moved")
    new = w.shop.url.replace("127.0.0.1", "localhost")
    order = w.order(email, [[w.mug, 1]], status="completed", home=new)
    wait_for_points(w.member, email, 0, 1)
    assert w.do("moved", home=new) == {"problem": ""}
    w.do("tick", home=new)
    w.check(email, [order], 50)
    assert w.do("facts")["stopped"] is True
    assert w.do("moved") == {"problem": ""}, "and back"
    w.do("status", id=order, status="cancelled")
    w.check(email, [order], 0)


def case_removing_the_plugin(w: World) -> None:
    """The tables stay, or go, as was chosen."""
    before = w.do("remember")
    kept = w.do("uninstall", choice="keep")
    assert kept["tables"] >= 4, kept
    assert w.do("facts")["connected"] is True
    gone = w.do("uninstall", choice="drop")
    assert gone == {"tables": 0, "options": 0}, gone
    w.do("put_back", **before)
    w.do("tick")
