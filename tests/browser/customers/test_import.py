"""Customers › Import in a browser: the form, a dry run with errors, and the import."""

from pathlib import Path
from threading import Event

from flask import Flask
from playwright.sync_api import Page, expect

from pointsync import db
from pointsync.runtime import get_runtime
from pointsync.schedule.task_kinds import TASK_FUNCTIONS
from pointsync.tasks import runner
from tests.admin import sample_remotes
from tests.browser.conftest import BOTH_WIDTHS
from tests.browser.navigation import sign_in_first_admin
from tests.browser.page_checks import check_page, collect_console_errors


def run_waiting_task(app: Flask) -> None:
    """Run the next background task."""
    with app.app_context():
        assert runner.run_next(TASK_FUNCTIONS, get_runtime().config.data, "w", Event())


@BOTH_WIDTHS
def test_a_dry_run_and_an_import(page: Page, url: str, app: Flask, tmp_path: Path) -> None:
    console_errors = collect_console_errors(page)
    file = tmp_path / "balances of the old card.csv"
    invalid_lines = "".join(f"no address of the customer number {n};5;\n" for n in range(3))
    file.write_text(
        f"email;points;name\nanna@x.example;1300;Anna\nbob@x.example;-5;Bob\n{invalid_lines}carl@x.example;1.000;\n"
    )
    with app.app_context(), db.transaction() as session:
        sample_remotes.add_remote_of_each_status(session)
    sign_in_first_admin(page, url, app, "/customers")
    page.get_by_role("link", name="Import", exact=True).click()
    expect(page.get_by_role("heading", name="Import points")).to_be_visible()
    check_page(page, "import")
    page.get_by_role("button", name="Dry run").click()
    expect(page.get_by_text("Choose a file.")).to_be_visible()
    check_page(page, "import-error")
    page.get_by_label("File", exact=True).set_input_files(file)
    page.get_by_label("New points").check()
    page.get_by_role("button", name="Dry run").click()
    expect(page.get_by_role("heading", name="Dry run of balances of the old card.csv", level=2)).to_be_visible()
    run_waiting_task(app)
    button = page.get_by_role("button", name="Import only the valid lines (2) as new points")
    expect(button).to_be_visible()
    check_page(page, "import-dry-run")
    button.click()
    expect(page.get_by_role("heading", name="Import of balances of the old card.csv", level=2)).to_be_visible()
    run_waiting_task(app)
    expect(page.get_by_text("2 lines recorded as new points.")).to_be_visible()
    check_page(page, "import-done")
    assert console_errors == []
