"""Nothing is lost and nothing counts twice: PointSync is down, requests are killed, databases are restored."""

import tempfile
import time
from contextlib import suppress
from pathlib import Path

from tests.real_shops.database import dump_database, load_database
from tests.real_shops.world import World, wait_for_points
from tests.support.process import wait_until

BACK_SECONDS = 60


def case_unavailable_for_50_orders(w: World) -> None:
    """PointSync is killed. Pages do not wait for it; afterwards each order counts once."""
    before = w.who("before")
    earlier = w.order(before, [[w.mug, 2]], status="completed")
    w.check(before, [earlier], 100)
    emails = [w.who("down") for _ in range(50)]
    w.member.site.kill()
    try:
        ids = []
        for start in range(0, 50, 10):
            begun = time.monotonic()
            ids += w.do("orders", emails=emails[start : start + 10], items=[[w.mug, 1]], status="completed")["ids"]
            assert time.monotonic() - begun < BACK_SECONDS
        w.do("refund", id=earlier, amount="30")
        w.do("status", id=ids[0], status="cancelled")
        outbox = w.do("outbox")
        assert outbox["summary"]["waiting"] >= 51, outbox["summary"]
        assert outbox["pace"]["failures"] >= 1, outbox["pace"]
    finally:
        w.member.site.start()
    w.do("hurry")
    w.check(before, [earlier], 70)
    w.check(emails[0], [ids[0]], 0)
    for email in emails[1:]:
        w.wait_points(email, 50)
    assert {len(w.member.history(email)) for email in emails[1:]} == {1}, "one movement for each order"
    assert w.do("outbox")["summary"]["waiting"] == 0


def case_killed_between_order_and_row(w: World) -> None:
    """The daily sweep finds the change; a new order is found within minutes."""
    email = w.who("killed")
    order = w.order(email, [[w.mug, 1]])
    w.check(email, [order], 0)
    time.sleep(1.1)  # so that the order's date is later than its row's
    assert w.shop.do("killed_at_status", check=False, id=order, status="completed") != 0
    w.shop.tick()
    wait_for_points(w.member, email, 0, 2)
    w.do("day")
    w.do("tick")
    w.check(email, [order], 50)
    with tempfile.NamedTemporaryFile(dir=w.shop.folder / "wp-content") as file:
        Path(file.name).chmod(0o666)
        new = {"email": w.who("killed-new"), "items": [[w.mug, 1]], "file": file.name}
        assert w.shop.do("killed_at_creation", check=False, **new) != 0
        created = int(Path(file.name).read_text())
    w.do("backdate", id=created)
    w.do("tick")
    rows = [row for row in w.do("outbox")["rows"] if int(row["order_id"]) == created]
    assert [row["state"] for row in rows] == ["sent"], rows


def case_killed_between_row_and_sending(w: World) -> None:
    """The schedule sends it."""
    email = w.who("killed-late")
    order = w.order(email, [[w.mug, 1]])
    assert w.shop.do("killed_before_sending", check=False, id=order, status="completed") != 0
    time.sleep(6)  # in which only that request would have sent it
    w.shop.tick()
    w.check(email, [order], 50)


def case_shop_restored(w: World) -> None:
    """The shop's database comes back from an hour ago. PointSync has what the shop's orders are worth now."""
    kept, changed, refunded = (w.who(name) for name in ("kept", "changed", "refunded"))
    first = w.order(kept, [[w.mug, 1]], status="completed")
    second = w.order(changed, [[w.mug, 1]], status="completed")
    third = w.order(refunded, [[w.mug, 2]], status="completed")
    fourth = w.order(changed, [[w.mug, 1]], status="processing")
    w.check(changed, [second, fourth], 50)
    dump = dump_database(w)
    w.do("status", id=second, status="cancelled")
    w.do("refund", id=third, amount="30")
    w.do("status", id=fourth, status="completed")
    lost = [w.who("lost") for _ in range(3)]
    lost_orders = [w.order(email, [[w.mug, 1]], status="completed") for email in lost]
    w.check(changed, [second, fourth], 50)
    w.check(refunded, [third], 70)
    for email, order in zip(lost, lost_orders, strict=True):
        w.check(email, [order], 50)
    load_database(w, dump)
    w.do("silence", seconds=3600)
    again = {}
    while max(again, default=0) < max(lost_orders):  # until each id of a lost order is used again
        email = w.who("again")
        again[w.order(email, [[w.cup, 1]], status="completed")] = email
    assert set(again) & set(lost_orders), "the shop uses ids again"
    w.do("tick")
    w.do("tick")
    for email in lost:
        w.wait_points(email, 0)
    for order, email in again.items():
        w.check(email, [order], 33)
    w.check(kept, [first], 50)
    w.check(changed, [second, fourth], 50)
    w.check(refunded, [third], 100)


def case_pointsync_restored(w: World) -> None:
    """PointSync comes back from yesterday. After its admin's one answer, everything is as it was."""
    early, late, changed = w.who("early"), w.who("late"), w.who("changed")
    first = w.order(early, [[w.mug, 1]], status="completed")
    second = w.order(changed, [[w.mug, 2]], status="completed")
    w.check(early, [first], 50)
    w.check(changed, [second], 100)
    site = w.member.site
    backup = site.data_dir / "yesterday.zip"
    backup.unlink(missing_ok=True)
    site.cli("backup", str(backup))
    third = w.order(late, [[w.mug, 1]], status="completed")
    w.do("refund", id=second, amount="30")
    w.check(late, [third], 50)
    w.check(changed, [second], 70)
    w.shop.tick()
    site.kill()
    site.cli("restore", str(backup))
    site.start()
    try:
        w.shop.tick()
        during = w.who("during")
        fourth = w.order(during, [[w.cup, 1]], status="completed")
    finally:
        site.cli("confirm", "restored")
    wait_until(lambda: _hurry(w, during) == 33, BACK_SECONDS, "the order of the time between has counted")
    w.check(late, [third], 50)
    w.check(changed, [second], 70)
    w.check(early, [first], 50)
    w.expect(during, 33)
    assert fourth
    assert len(w.member.history(late)) == 1, w.member.history(late)
    w.do("tick")


def _hurry(w: World, email: str) -> int | None:
    w.do("hurry")
    with suppress(OSError):
        return w.member.points(email)
    return None
