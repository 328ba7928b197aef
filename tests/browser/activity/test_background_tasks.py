"""Background tasks in a browser: an export is started, watched, found again, stopped, and its file saved."""

from datetime import timedelta

from flask import Flask
from playwright.sync_api import Page, expect

from pointsync import clock, db, leases
from pointsync.ledger.record import Draft, record
from pointsync.models import Task
from pointsync.runtime import get_runtime
from pointsync.schedule import ticks
from pointsync.tasks import tasks
from tests.browser.navigation import sign_in_first_admin
from tests.browser.page_checks import check_page, collect_console_errors

LONG = "a-customer-with-quite-a-long-name.and-more-of-it@a-very-long-name-for-a-domain.example"
LIVE_MS = 20_000


def create_customers(app: Flask) -> None:
    """Create some customers and a running worker."""
    with app.app_context(), db.transaction() as session:
        record(session, [Draft(f"c{number}@shop.test", points=40) for number in range(12)], "test", clock.now())
        record(session, [Draft(LONG, points=5)], "test", clock.now())
        leases.record_heartbeat(session, "w")


def create_tasks(app: Flask) -> None:
    """Create tasks in other states."""
    now = clock.now()
    long_title = f"Movements as CSV: of {LONG}, points in The Honourable Company of Potters and Glaziers"
    rows = [
        {"title": long_title, "state": "done", "done": 1_234_567, "total": 1_234_567, "finished_at": now},
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
    with app.app_context(), db.transaction() as session:
        for each in rows:
            session.add(Task(kind="export", unit="lines", asked_by=LONG, asked_at=now, started_at=now, **each))


def set_progress(app: Flask, task_id: int, **values: object) -> None:
    """Set columns of a task, as a worker does."""
    with app.app_context(), db.transaction() as session:
        found = tasks.get(session, task_id)
        for name, value in values.items():
            setattr(found, name, value)


def test_an_export_is_started_watched_and_saved(page: Page, url: str, app: Flask) -> None:
    console_errors = collect_console_errors(page)
    create_customers(app)
    sign_in_first_admin(page, url, app, "/customers?q=c")
    check_page(page, "export-customers")
    page.get_by_role("button", name="Export as CSV").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Customers as CSV: e-mail beginning with c", level=2)).to_be_visible()
    expect(page.get_by_text("Queued")).to_be_visible()
    check_page(page, "task-queued")
    ends_at = clock.now() + timedelta(minutes=2)
    set_progress(
        app, 1, state="running", holder="w", done=12_000, total=1_000_000, started_at=clock.now(), ends_at=ends_at
    )
    expect(page.get_by_text("12,000 of 1,000,000 lines").first).to_be_visible(timeout=LIVE_MS)
    check_page(page, "task-running")
    page.goto(f"{url}/")
    expect(page.get_by_text("running, 12,000 of 1,000,000 lines")).to_be_visible()
    check_page(page, "task-dashboard")
    page.get_by_role("link", name="Customers as CSV").click()
    set_progress(app, 1, state="waiting", holder=None)
    with app.app_context():
        ticks.run_tasks()
    expect(page.get_by_role("link", name="Download the file")).to_be_visible(timeout=LIVE_MS)
    expect(page.get_by_role("button", name="Stop")).to_have_count(0)
    check_page(page, "task-done")
    with page.expect_download() as saved:
        page.get_by_role("link", name="Download the file").click()
    assert saved.value.suggested_filename.startswith("customers-")
    assert saved.value.path().read_text().count("\n") == 13
    create_tasks(app)
    page.get_by_role("link", name="Background tasks").click()
    expect(page.get_by_role("row")).to_have_count(6)
    check_page(page, "tasks")
    page.goto(f"{url}/system/works/5")
    expect(page.get_by_text("12,000 lines").first).to_be_visible()
    check_page(page, "task-stopping")
    assert console_errors == []


def test_a_finished_task_is_not_refreshed(page: Page, url: str, app: Flask) -> None:
    create_customers(app)
    sign_in_first_admin(page, url, app, "/customers?q=c")
    page.clock.install()
    page.get_by_role("button", name="Export as CSV").click()
    expect(page.get_by_text("Queued")).to_be_visible()
    requested_urls: list[str] = []
    page.on("request", lambda request: requested_urls.append(request.url))
    with app.app_context():
        ticks.run_tasks()
    page.clock.run_for(LIVE_MS)
    expect(page.get_by_role("link", name="Download the file")).to_be_visible()
    assert len(requested_urls) >= 1
    requested_urls.clear()
    page.clock.run_for(10 * LIVE_MS)
    assert requested_urls == []


def test_it_works_without_a_script(page_without_scripts: Page, url: str, app: Flask) -> None:
    create_customers(app)
    sign_in_first_admin(page_without_scripts, url, app, "/system/works")
    expect(page_without_scripts.get_by_text("No background tasks in the last 7 days.")).to_be_visible()
    page_without_scripts.goto(f"{url}/customers/1")
    page_without_scripts.get_by_role("button", name="Export as CSV").click()
    set_progress(app, 1, state="running", holder="w", done=3, total=9)
    page_without_scripts.get_by_role("link", name="Refresh").click()
    expect(page_without_scripts.get_by_text("3 of 9 lines").first).to_be_visible()
    page_without_scripts.get_by_role("button", name="Stop").click()
    expect(page_without_scripts.get_by_text("Stopping after the current step.")).to_be_visible()
    set_progress(app, 1, holder=None)
    with app.app_context():
        ticks.run_tasks()
        assert tasks.folder_path(get_runtime().config.data, 1).is_dir()
    page_without_scripts.get_by_role("link", name="Refresh").click()
    expect(page_without_scripts.get_by_text("Stopped", exact=True)).to_be_visible()
    expect(page_without_scripts.get_by_role("link", name="Refresh")).to_have_count(0)
