"""Long work in a browser: asked for by a list, watched, found again, stopped, its file saved."""

from datetime import timedelta

from flask import Flask
from playwright.sync_api import Page, expect

from pointsync import clock, db, leases
from pointsync.ledger.record import Draft, record
from pointsync.models import Work
from pointsync.runtime import runtime
from pointsync.schedule import ticks
from pointsync.tasks import tasks
from tests.browser.navigation import come_in
from tests.browser.page_checks import check, complaints

LONG = "a-customer-with-quite-a-long-name.and-more-of-it@a-very-long-name-for-a-domain.example"
LIVE_MS = 20_000


def people(app: Flask) -> None:
    """Some customers, and a process that runs jobs."""
    with app.app_context(), db.write() as session:
        record(session, [Draft(f"c{number}@shop.test", points=40) for number in range(12)], "test", clock.now())
        record(session, [Draft(LONG, points=5)], "test", clock.now())
        leases.beat(session, "w")


def others(app: Flask) -> None:
    """Works in every state, by the side."""
    now = clock.now()
    long = f"Movements as CSV: of {LONG}, points in The Honourable Company of Potters and Glaziers"
    rows = [
        {"title": long, "state": "done", "done": 1_234_567, "total": 1_234_567, "finished_at": now},
        {
            "title": "Deliveries as CSV",
            "state": "failed",
            "message": "The disk is full: make room.",
            "finished_at": now,
        },
        {
            "title": "Deliveries as CSV: refused",
            "state": "stopped",
            "message": f"Stopped by {LONG}.",
            "done": 7,
            "finished_at": now,
        },
        {"title": "Customers as CSV", "state": "stopping", "done": 12_000, "message": "Stopped by Ada."},
    ]
    with app.app_context(), db.write() as session:
        for each in rows:
            session.add(Work(kind="export", unit="lines", asked_by=LONG, asked_at=now, started_at=now, **each))


def change(app: Flask, work_id: int, **values: object) -> None:
    """Let a process have come so far with it."""
    with app.app_context(), db.write() as session:
        found = tasks.get(session, work_id)
        for name, value in values.items():
            setattr(found, name, value)


def test_an_export_is_asked_for_watched_and_saved(page: Page, url: str, app: Flask) -> None:
    heard = complaints(page)
    people(app)
    come_in(page, url, app, "/customers?q=c")
    check(page, "export-customers")
    page.get_by_role("button", name="Export as CSV").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Customers as CSV: e-mail beginning with c", level=2)).to_be_visible()
    expect(page.get_by_text("Waits for its turn")).to_be_visible()
    check(page, "work-waits")
    soon = clock.now() + timedelta(minutes=2)
    change(app, 1, state="running", holder="w", done=12_000, total=1_000_000, started_at=clock.now(), ends_at=soon)
    expect(page.get_by_text("12,000 of 1,000,000 lines").first).to_be_visible(timeout=LIVE_MS)
    check(page, "work-runs")
    page.goto(f"{url}/")
    expect(page.get_by_text("running, 12,000 of 1,000,000 lines")).to_be_visible()
    check(page, "work-dashboard")
    page.get_by_role("link", name="Customers as CSV").click()
    change(app, 1, state="waiting", holder=None)
    with app.app_context():
        ticks.do_works()
    expect(page.get_by_role("link", name="Download the file")).to_be_visible(timeout=LIVE_MS)
    expect(page.get_by_role("button", name="Stop")).to_have_count(0)
    check(page, "work-done")
    with page.expect_download() as saved:
        page.get_by_role("link", name="Download the file").click()
    assert saved.value.suggested_filename.startswith("customers-")
    assert saved.value.path().read_text().count("\n") == 13
    others(app)
    page.get_by_role("link", name="Long work").click()
    expect(page.get_by_role("row")).to_have_count(6)
    check(page, "works")
    page.goto(f"{url}/system/works/5")
    expect(page.get_by_text("12,000 lines").first).to_be_visible()
    check(page, "work-ending")
    assert heard == []


def test_what_has_ended_is_asked_for_no_more(page: Page, url: str, app: Flask) -> None:
    people(app)
    come_in(page, url, app, "/customers?q=c")
    page.clock.install()
    page.get_by_role("button", name="Export as CSV").click()
    expect(page.get_by_text("Waits for its turn")).to_be_visible()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    with app.app_context():
        ticks.do_works()
    page.clock.run_for(LIVE_MS)
    expect(page.get_by_role("link", name="Download the file")).to_be_visible()
    assert len(asked) >= 1
    asked.clear()
    page.clock.run_for(10 * LIVE_MS)
    assert asked == []


def test_it_works_without_a_script(plain: Page, url: str, app: Flask) -> None:
    people(app)
    come_in(plain, url, app, "/system/works")
    expect(plain.get_by_text("Nothing was asked for in these days.")).to_be_visible()
    plain.goto(f"{url}/customers/1")
    plain.get_by_role("button", name="Export as CSV").click()
    change(app, 1, state="running", holder="w", done=3, total=9)
    plain.get_by_role("link", name="Look again").click()
    expect(plain.get_by_text("3 of 9 lines").first).to_be_visible()
    plain.get_by_role("button", name="Stop").click()
    expect(plain.get_by_text("It ends as soon as the part that is under way is done.")).to_be_visible()
    change(app, 1, holder=None)
    with app.app_context():
        ticks.do_works()
        assert tasks.folder(runtime().config.data, 1).is_dir()
    plain.get_by_role("link", name="Look again").click()
    expect(plain.get_by_text("Stopped", exact=True)).to_be_visible()
    expect(plain.get_by_role("link", name="Look again")).to_have_count(0)
