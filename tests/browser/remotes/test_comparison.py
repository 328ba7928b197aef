"""Network: the comparison with each remote, a decision with the keyboard alone, and sending again, in dialogs."""

from flask import Flask
from playwright.sync_api import Page, expect
from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from pointsync import clock, db
from pointsync.ledger.integrity import movement_changes
from pointsync.ledger.record import Draft, record
from pointsync.models import Comparison, Delivery, DeliveryState, Difference, Site
from pointsync.runtime import get_runtime
from pointsync.schedule import ticks
from pointsync.sync.comparison import delivered
from tests.admin import sample_remotes
from tests.browser.conftest import AXE_WAYS, BOTH_WIDTHS
from tests.browser.navigation import choose_action, sign_in_first_admin
from tests.browser.page_checks import check_page, collect_console_errors

ANNA = "anna@shop.example"
LONG = "maximiliane.von-und-zu-lichtenfels-hohenstein@mail.of-the-potters.example"
KINDS = ("altered_there", "altered_here", "unknown_here", "same_id")


def prepare(session: Session) -> list[str]:
    """Three remotes, of which one is equal, one differs in four movements, and one is being compared."""
    remotes = [
        sample_remotes.add_remote(session, f"https://{name}.example", f"wrk_{number:016x}")
        for number, name in enumerate(("mugs", "tea", "print"), start=1)
    ]
    for remote, name in zip(remotes, ("Mug shop", "Tea shop", "Print shop"), strict=True):
        remote.name, remote.dialect, remote.check_code, remote.attempt_code = name, "pointsync", "ok", "ok"
        remote.is_equal_there = remote.is_equal_here = name == "Mug shop"
        remote.compared_at, remote.compared_count = clock.now(), 18_233
    results = record(session, [Draft(ANNA, points) for points in (10, 20, 30, 40)], "test", clock.now())
    movement_ids = [each.movement.id for each in results]
    session.execute(update(Delivery).values(state=DeliveryState.DELIVERED))
    for remote in remotes:
        delivered.recount(session, remote)
    auth = session.get_one(Site, 1).auth
    for movement_id, kind in zip(movement_ids, KINDS, strict=True):
        value = {} if kind == "unknown_here" else {"here_customer": ANNA, "here_points": 10}
        difference = Difference(remote_id=remotes[1].id, origin=auth, movement_id=movement_id, kind=kind, **value)
        difference.there_customer, difference.there_points, difference.found_at = LONG, -1000, clock.now()
        session.add(difference)
    running = Comparison(remote_id=remotes[2].id, started_at=clock.now(), compared=3000, total=18_000)
    session.add(running)
    site = session.get_one(Site, 1)
    site.scrub_finished_at, site.scrub_differences = clock.now(), 3
    site.undigested_seq, site.undigested_total = 400, 1000
    return movement_ids


def edit(session: Session, movement_id: str) -> None:
    """Change a movement as somebody with a database tool would, and notice it."""
    session.execute(text("UPDATE movement SET points = 41 WHERE id = :id"), {"id": movement_id})
    movement_changes.process_next_chunk(session, clock.now())


@BOTH_WIDTHS
@AXE_WAYS
def test_compare_decide_and_send_again(page: Page, url: str, app: Flask, axe_ways: int) -> None:
    with app.app_context():
        movement_ids = db.run_in_transaction(prepare)
        db.run_in_transaction(lambda session: edit(session, movement_ids[3]))
    sign_in_first_admin(page, url, app, "/")
    console_errors = collect_console_errors(page)
    expect(page.get_by_text("4 movements are not the same here and at")).to_be_visible()
    check_page(page, "dashboard-differences")
    page.goto(f"{url}/system/network")
    page.wait_for_load_state()
    check_page(page, "network-comparison", axe_ways=axe_ways)

    link = page.get_by_role("link", name=f"Theirs counts: movement {movement_ids[0]}, Tea shop")
    link.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Does the value there count?")).to_be_visible()
    expect(page.get_by_text("A new movement is recorded here and sent to all sites").first).to_be_visible()
    check_page(page, "dialog-decide")
    page.keyboard.press("Escape")
    expect(link).to_be_focused()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Theirs counts").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text(f"Decided about movement {movement_ids[0]}.")).to_be_visible()
    expect(link).to_have_count(0)
    with app.app_context():
        assert len(db.session.scalars(select(Difference)).all()) == 3

    choose_action(page, "Mug shop", "Send again…")
    check_page(page, "dialog-send-again")
    page.get_by_role("button", name="Count them").click()
    expect(page.get_by_text("Type a day, or a day and a time")).to_be_visible()
    page.get_by_label("Everything").check()
    page.get_by_role("button", name="Count them").click()
    confirm = page.get_by_role("button", name="Send 4 movements again")
    expect(confirm).to_be_visible()
    check_page(page, "dialog-send-again-count")
    confirm.click()
    expect(page.get_by_role("heading", name="Send again to Mug shop").first).to_be_visible()
    with app.app_context():
        assert get_runtime().config.data
        ticks.run_tasks()
        states = db.session.scalars(select(Delivery.state).where(Delivery.remote_id == 1)).all()
        assert set(states) == {"pending"}

    page.goto(f"{url}/system/network")
    page.get_by_role("link", name="Accept as they are…").click()
    expect(page.get_by_role("heading", name="Accept edited movements?")).to_be_visible()
    check_page(page, "dialog-accept-edited")
    assert not console_errors
