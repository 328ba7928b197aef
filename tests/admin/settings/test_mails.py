"""System › Mails: settings, texts, test mails and the list; and problems on Network and the Dashboard."""

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from pointsync import clock, db
from pointsync.ledger import mail_queue
from pointsync.ledger.record import Draft, record
from pointsync.ledger.rewards import rewards
from pointsync.models import Mail, MailServerStatus, MailText, Reserve, Setting
from pointsync.sync.site import settings as site_settings
from tests.admin import sample_remotes
from tests.admin.conftest import ALSO_POSTGRES
from tests.admin.home.dashboard_page import attention_texts
from tests.admin.page_text import field_errors, main_text
from tests.support.panel_client import PanelClient
from tests.support.queries import record_queries
from tests.support.site_template import run_in_transaction

PAGE, TEXT = "/system/mails", "/system/mails/texts/reward"
ANNA = "anna@shop.example"
SETTINGS_FORM = {"send_mails": "y", "mail_address": "Shop@mugs.example", "mail_name": "Mugs", "expiry_mail_days": "7"}
pytestmark = pytest.mark.parametrize("database_settings", ALSO_POSTGRES, indirect=True)


@pytest.fixture
def settings() -> dict[str, str]:
    return {"POINTSYNC_SMTP_URL": "smtp://user:s3cret-word@127.0.0.1:1"}


def current_settings(app: Flask) -> site_settings.Settings:
    with app.app_context():
        return site_settings.read(db.session())


def mail_state(app: Flask, mail_id: int = 1) -> str:
    return run_in_transaction(app, lambda session: session.get_one(Mail, mail_id).state)


def add_mails(session: Session) -> None:
    """Add a mail in each state, with a hostile text in one."""
    session.merge(Setting(name="send_mails", value="1"))
    for number in range(4):
        reason = "Redeemed: <script>alert(1)</script>\u202e"
        record(session, [Draft(ANNA, 9), Draft(ANNA, -5, kind="redeem", reason=reason)], "t", clock.now())
        mail = session.get_one(Mail, number + 1)
        mail.state = ("failed", "waiting", "sent", "dropped")[number]
        mail.message = "550 <b>no</b> such box" if number == 0 else None


def test_the_settings_are_saved_together(app: Flask, ada: PanelClient) -> None:
    text = ada.get(PAGE).text
    assert "s3cret-word" not in text
    assert "No mail server is set up" not in text
    assert "Send a test mail from a text above, then turn mails on." in text
    assert list(field_errors(ada.send(PAGE, **(SETTINGS_FORM | {"mail_name": "x\ny"})).text)) == ["mail_name"]
    assert (
        "the address that mails come from"
        in field_errors(ada.send(PAGE, **(SETTINGS_FORM | {"mail_address": ""})).text)["mail_address"]
    )
    assert list(field_errors(ada.send(PAGE, **(SETTINGS_FORM | {"mail_address": "nobody"})).text)) == ["mail_address"]
    assert list(field_errors(ada.send(PAGE, **(SETTINGS_FORM | {"expiry_mail_days": "91"})).text)) == [
        "expiry_mail_days"
    ]
    assert not current_settings(app).send_mails
    assert ada.send(PAGE, **SETTINGS_FORM).status_code == 303
    assert (current_settings(app).send_mails, current_settings(app).expiry_mail_days) == (True, 7)
    text = ada.get(PAGE).text
    assert 'value="shop@mugs.example"' in text
    assert "Send a test mail from a text above. All mails are listed here." in text
    run_in_transaction(app, add_mails)
    run_in_transaction(app, lambda session: setattr(session.get_one(Mail, 2), "state", "waiting"))
    assert (
        ada.send(PAGE, **{name: value for name, value in SETTINGS_FORM.items() if name != "send_mails"}).status_code
        == 303
    )
    assert (current_settings(app).send_mails, mail_state(app, 2)) == (False, "dropped")


@pytest.mark.parametrize("settings", [{}])
def test_without_a_server_the_page_says_how_to_set_one(app: Flask, ada: PanelClient) -> None:
    assert "No mail server is set up. Set the environment variable POINTSYNC_SMTP_URL" in main_text(ada.get(PAGE).text)
    answer = ada.send(PAGE, **SETTINGS_FORM)
    assert answer.status_code == 422
    assert "Set POINTSYNC_SMTP_URL, such as" in field_errors(answer.text)["send_mails"]
    assert "POINTSYNC_SMTP_URL" in field_errors(ada.send(f"{TEXT}/tests", address=ANNA).text)["address"]


def test_a_text_is_changed_previewed_and_reset(app: Flask, ada: PanelClient) -> None:
    assert "Your reward: A blue mug" in main_text(ada.get(f"{TEXT}/preview").text)
    answer = ada.send(f"{TEXT}/edit", subject="Hi {name}", body="")
    assert answer.status_code == 422
    found = field_errors(answer.text)
    assert "{customer}, {site}" in found["subject"]
    assert found["body"] == "Enter the text of the mail."
    assert 'value="Hi {name}"' in answer.text
    assert (
        ada.send(f"{TEXT}/edit", subject="<b>{reward}</b>", body="Dear {customer}\r\n<i>{points}</i>").status_code
        == 303
    )
    content = ada.get(f"{TEXT}/preview").text
    assert "<b>A blue" not in content
    assert "<b>A blue mug</b> Dear alice@example.com <i>500</i>" in main_text(content)
    assert "Your own" in main_text(ada.get(PAGE).text)
    assert ada.send(f"{TEXT}/reset", page=PAGE).status_code == 303
    assert run_in_transaction(app, lambda session: session.get(MailText, "reward")) is None
    for path in ("edit", "preview", "tests"):
        assert ada.get(f"/system/mails/texts/birthday/{path}").status_code == 404


def test_a_test_mail_is_queued_without_calling_the_server(app: Flask, ada: PanelClient) -> None:
    run_in_transaction(app, lambda session: session.merge(Setting(name="mail_address", value="shop@mugs.example")))
    assert list(field_errors(ada.send(f"{TEXT}/tests", address="nobody").text)) == ["address"]
    assert ada.send(f"{TEXT}/tests", address=ANNA).status_code == 303
    assert mail_state(app) == "waiting"
    assert f"{ANNA} Test A reward is redeemed" in main_text(ada.get(PAGE).text)


def test_the_list_and_its_actions(app: Flask, ada: PanelClient) -> None:
    run_in_transaction(app, add_mails)
    text = ada.get(PAGE).text
    assert "<script>alert" not in text
    assert "<b>no" not in text
    assert "\u202e" not in text
    assert "550 <b>no</b> such box" in main_text(text)
    assert ada.get(f"{PAGE}?state=failed").text.count('data-live-row="') == 1
    for query in ("?state=lost", "?cursor=x", "?size=3"):
        assert ada.get(PAGE + query).status_code == 422
    assert "No results." not in text
    assert ada.send(f"{PAGE}/1/retries?state=failed", page=PAGE).location.endswith("?state=failed#mails")
    assert mail_state(app) == "waiting"
    ada.send(f"{PAGE}/1/drop", page=PAGE)
    assert mail_state(app) == "dropped"
    ada.send(f"{PAGE}/3/drop", page=PAGE)
    assert "Mail 3 was sent" in main_text(ada.get(PAGE).text)
    assert ada.send(f"{PAGE}/99/drop", page=PAGE).status_code == 404
    assert ada.post(f"{PAGE}/1/retries").status_code == 400


def test_its_queries_do_not_grow(app: Flask, ada: PanelClient) -> None:
    def count_queries() -> int:
        with app.app_context(), record_queries() as queries:
            assert ada.get(PAGE).status_code == 200
        return len(queries)

    run_in_transaction(app, add_mails)
    query_count = count_queries()

    def add_more(session: Session) -> None:
        drafts = [Draft(f"c{number}@shop.example", -1, kind="redeem") for number in range(40)]
        session.get_one(Reserve, 1).may_go_below_zero = True
        record(session, drafts, "t", clock.now())

    run_in_transaction(app, add_more)
    assert count_queries() == query_count


def test_the_dashboard_shows_mail_problems(app: Flask, ada: PanelClient) -> None:
    run_in_transaction(app, add_mails)
    run_in_transaction(
        app,
        lambda session: session.add(
            MailServerStatus(id=1, failures=1, message="It hung <b>up.", failed_at=clock.now())
        ),
    )
    found = attention_texts(ada.get("/").text)
    assert "Mails cannot be sent now. It hung <b>up. See the waiting mails under Mails ." in found
    assert any(each.startswith("1 mail could not be sent.") for each in found)
    assert "It hung <b>up." in main_text(ada.get(PAGE).text)


def test_network_names_the_sites_that_send_mails(app: Flask, ada: PanelClient) -> None:
    def family(session: Session) -> None:
        mail_queue.disable(session, "")
        rewards.create(session, session.get_one(Reserve, 1), "Mug", "", 5, clock.now())
        for number, remote in enumerate(sample_remotes.add_remote_of_each_status(session)):
            remote.dialect, remote.checked_at = "pointsync", sample_remotes.CREATED_AT
            remote.facts = {"lists": [], "sends_mails": False}
            if number == 3:
                remote.dialect, remote.facts = "woorewards", {}

    run_in_transaction(app, family)
    content = main_text(ada.get("/system/network").text)
    assert "No site reports that it sends mails, so customers may get no mails" in content
    assert "Unknown for Shop 4 : WooRewards shops do not report it" in content
    run_in_transaction(app, lambda session: session.merge(Setting(name="send_mails", value="1")))
    assert "Mails are sent from this site." in main_text(ada.get("/system/network").text)

    def second(session: Session) -> None:
        remote = session.get_one(sample_remotes.Remote, 2)
        remote.facts = {"lists": [], "sends_mails": True}

    run_in_transaction(app, second)
    content = main_text(ada.get("/system/network").text)
    assert "2 sites send mails: this site and Shop 2" in content
    assert "turn off “Send mails from this site” on the others" in content
