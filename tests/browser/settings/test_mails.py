"""System › Mails in a browser: an empty list, a text changed and tested, and the list of mails."""

from dataclasses import replace

from flask import Flask
from playwright.sync_api import Page, expect
from sqlalchemy.orm import Session

from pointsync import clock
from pointsync.ledger.record import Draft, record
from pointsync.models import Mail, MailServerStatus, Setting
from pointsync.runtime import get_runtime
from tests.admin import sample_remotes
from tests.browser.navigation import choose_action, sign_in_first_admin
from tests.browser.page_checks import check_page, collect_console_errors
from tests.support.site_template import run_in_transaction

LONG = "A teapot of blue glass with four cups, a tray and a box of tea to begin with, sent free of charge"
SERVER_REFUSAL = (
    "The mail server mail.example:465 refused this mail: "
    "550 5.1.1 The e-mail account that you tried to reach does not exist."
)


def add_mails(session: Session) -> None:
    session.merge(Setting(name="send_mails", value="1"))
    now = clock.now()
    for number, state in enumerate(("failed", "waiting", "sent", "dropped")):
        reason = f"Redeemed: {LONG if number == 0 else 'Mug'}"
        email = f"{'a-long-name-' * 4 if number == 0 else 'anna'}@shop.example"
        record(session, [Draft(email, 9), Draft(email, -5, kind="redeem", reason=reason)], "t", now)
        mail = session.get_one(Mail, number + 1)
        mail.state, mail.attempts = state, 8 if number == 0 else 1
        mail.message = SERVER_REFUSAL if number == 0 else None
        mail.sent_at = now if state == "sent" else None
    session.add(MailServerStatus(id=1, failures=2, message="The mail server mail.example:465 hung up.", failed_at=now))
    for line in sample_remotes.add_remote_of_each_status(session):
        line.dialect, line.checked_at, line.facts = "pointsync", now, {"lists": [], "sends_mails": True}


def test_mails(page: Page, url: str, app: Flask) -> None:
    console_errors = collect_console_errors(page)
    sign_in_first_admin(page, url, app, "/system/mails")
    expect(page.get_by_text("No mail server is set up.")).to_be_visible()
    page.get_by_label("Send mails from this site").check()
    page.get_by_role("button", name="Save Changes").click()
    expect(page.locator("#send_mails-error")).to_contain_text("Set POINTSYNC_SMTP_URL")
    check_page(page, "mails-none")

    with app.app_context():
        get_runtime().config = replace(get_runtime().config, smtp_url="smtp://127.0.0.1:1")
    page.goto(f"{url}/system/mails")
    page.get_by_label("Sender’s address").fill("shop@mugs.example")
    page.get_by_role("button", name="Save Changes").click()
    expect(page.get_by_text("Saved.")).to_be_visible()

    choose_action(page, "A reward is redeemed", "Edit")
    dialog = page.get_by_role("dialog", name="Text: A reward is redeemed")
    dialog.get_by_label("Subject").fill("Hi {name}")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.get_by_text("There is no placeholder {name}")).to_be_visible()
    check_page(page, "mails-text-wrong")
    dialog.get_by_label("Subject").fill("Hi {customer}")
    dialog.get_by_role("button", name="Save").click()
    expect(page.get_by_text("The text is saved.")).to_be_visible()
    choose_action(page, "A reward is redeemed", "Preview")
    dialog = page.get_by_role("dialog", name="Preview: A reward is redeemed")
    expect(dialog.get_by_text("Hi alice@example.com")).to_be_visible()
    check_page(page, "mails-preview")
    dialog.get_by_role("link", name="Done").click()
    expect(dialog).to_have_count(0)
    choose_action(page, "A level is reached", "Send a test mail")
    dialog = page.get_by_role("dialog", name="Send a test mail")
    check_page(page, "mails-test")
    dialog.get_by_label("Send it to").fill("ada@shop.example")
    dialog.get_by_role("button", name="Send").click()
    row = page.get_by_role("row").filter(has_text="ada@shop.example")
    expect(row).to_contain_text("Waiting")
    run_in_transaction(app, lambda session: setattr(session.get_one(Mail, 1), "state", "sent"))
    expect(row).to_contain_text("Sent")
    assert console_errors == []


def test_the_list_and_two_sites_that_send(page: Page, url: str, app: Flask) -> None:
    with app.app_context():
        get_runtime().config = replace(get_runtime().config, smtp_url="smtp://127.0.0.1:1")
    run_in_transaction(app, add_mails)
    sign_in_first_admin(page, url, app, "/system/mails")
    expect(page.get_by_text("Mails cannot be sent now.")).to_be_visible()
    check_page(page, "mails")
    page.get_by_label("Status").select_option("failed")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_role("row").filter(has_text="550 5.1.1")).to_have_count(1)
    page.goto(f"{url}/")
    expect(page.get_by_text("1 mail could not be sent.")).to_be_visible()
    page.goto(f"{url}/system/network")
    expect(page.get_by_text("5 sites send mails")).to_be_visible()
    check_page(page, "network-mails")
