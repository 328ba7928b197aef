"""Sending mails: each due mail goes out once. Refused mails are retried, then marked as failed."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, update

from pointsync import config, db
from pointsync.errors import Conflict, InvalidInput, NotFound
from pointsync.ledger import mail_queue
from pointsync.ledger.record import Draft, record
from pointsync.ledger.rewards import rewards
from pointsync.mail import mails, sender, smtp, templates
from pointsync.mail import send as mail_send
from pointsync.models import Mail, MailServerStatus, Site
from pointsync.runtime import get_runtime
from pointsync.schedule import ticks
from pointsync.sync.site import general, settings
from tests.ledger.rewards.level_steps import add_level
from tests.support.apps import get_reserve
from tests.support.moving_clock import START as NOW

pytestmark = pytest.mark.usefixtures("app", "moving_clock")

ANNA, BOB = "anna@shop.example", "bob@shop.example"
SENDER = "shop@mugs.example"


def set_mail_server(monkeypatch, url: str | None) -> config.Config:
    new_config = replace(get_runtime().config, smtp_url=url, site_name="Mug shop", site_name_is_set=True)
    monkeypatch.setattr(get_runtime(), "config", new_config)
    return new_config


@pytest.fixture
def mails_on(monkeypatch, mail_server) -> config.Config:
    """A site with a mail server and mails switched on."""
    site_config = set_mail_server(monkeypatch, mail_server.url())
    run_committed(sender.change, site_config, SENDER, "")
    run_committed(sender.set_enabled, site_config, "on")
    return site_config


def run_committed(call, *args):
    with db.transaction() as session:
        return call(session, *args)


def redeem(*customers: str, title: str = "Mug", now=NOW) -> None:
    with db.transaction() as session:
        for email in customers:
            record(
                session, [Draft(email, 100), Draft(email, -40, kind="redeem", reason=f"Redeemed: {title}")], "t", now
            )


def mail_states() -> list[tuple[str, int, str | None]]:
    with db.transaction() as session:
        return [
            tuple(row) for row in session.execute(select(Mail.state, Mail.attempts, Mail.message).order_by(Mail.id))
        ]


def server_status() -> MailServerStatus | None:
    with db.transaction() as session:
        return session.get(MailServerStatus, 1)


def test_a_mail_goes_out_once_with_its_content(mails_on, mail_server, moving_clock):
    run_committed(general.set_time_zone, "Europe/Paris")
    redeem(ANNA, title="Tasse à café")
    add_level("Silver", 100)
    redeem(BOB)
    for _ in range(3):
        ticks.send_mails()
    assert mail_server.box.to == [ANNA, BOB, BOB]
    reward, level, _ = mail_server.box.mails
    assert reward["Subject"] == "Your reward: Tasse à café"
    assert reward["From"] == "Mug shop <shop@mugs.example>"
    assert reward["Auto-Submitted"] == "auto-generated"
    assert reward["Date"].datetime == NOW
    assert (
        "redeemed 40 points at Mug shop for this reward:\n\n    Tasse à café\n\nYou have 60 points left in Points."
        in (reward.get_content().replace("\r\n", "\n"))
    )
    assert level["Subject"] == "You have reached Silver"
    assert len({each["Message-ID"] for each in mail_server.box.mails}) == 3
    assert mail_states() == [("sent", 1, None)] * 3


def test_a_reward_title_cannot_add_headers_or_lines(mails_on, mail_server):
    def redeem_hostile_title(session) -> None:
        reward = rewards.create(session, get_reserve(session), "Mug", "", 40, NOW)
        reward.title = "Mug\r\nBcc: eve@evil.example\r\n\r\nBuy!"
        record(session, [Draft(ANNA, 100)], "t", NOW)
        rewards.redeem(session, get_reserve(session), reward.id, ANNA, None, "t", NOW)

    with pytest.raises(InvalidInput):
        run_committed(redeem_hostile_title)  # a reason with line breaks is refused already
    redeem(ANNA)
    with db.transaction() as session:
        mail = session.scalars(select(Mail)).one()
        mail.facts = mail.facts | {"reward": "Mug\r\nBcc: eve@evil.example\r\n\r\nBuy!"}
        sender.change(session, mails_on, SENDER, 'Shop" <eve@evil.example>, "')
        setting = session.merge(mail_queue.Setting(name="mail_name", value="Shop\r\nBcc: eve@evil.example"))
        assert setting.value
    ticks.send_mails()
    [sent] = mail_server.box.mails
    assert mail_server.box.to == [ANNA]
    assert sent["Bcc"] is None
    assert sent["Subject"] == "Your reward: Mug  Bcc: eve@evil.example    Buy!"
    assert sent["From"].addresses[0].addr_spec == SENDER
    assert len(sent["From"].addresses) == 1


def test_a_permanent_refusal_fails_and_a_temporary_one_is_retried(mails_on, mail_server, moving_clock):
    mail_server.box.refuses = {ANNA: "550 no such box", BOB: "450 later"}
    redeem(ANNA, BOB, "carol@shop.example")
    ticks.send_mails()
    assert mail_server.box.to == ["carol@shop.example"]
    assert [(state, attempts) for state, attempts, _ in mail_states()] == [("failed", 1), ("waiting", 1), ("sent", 1)]
    assert "550 no such box" in (mail_states()[0][2] or "")
    mail_server.box.refuses = {}
    moving_clock.advance(timedelta(minutes=4, seconds=59))
    ticks.send_mails()
    assert mail_states()[1][1] == 1
    moving_clock.advance(timedelta(seconds=1))
    ticks.send_mails()
    assert mail_states()[1] == ("sent", 2, None)


def test_a_mail_refused_for_long_fails_and_can_be_retried(mails_on, mail_server, moving_clock):
    mail_server.box.refuses = {ANNA: "450 later"}
    redeem(ANNA)
    for _ in range(200):
        ticks.send_mails()
        if mail_states()[0][0] != "waiting":
            break
        moving_clock.advance(timedelta(minutes=30))
    [(state, attempts, message)] = mail_states()
    assert (state, attempts) == ("failed", mail_send.MAX_ATTEMPTS)
    assert "450 later" in (message or "")
    mail_server.box.refuses = {}
    run_committed(mails.retry, 1, moving_clock.now())
    ticks.send_mails()
    assert mail_states() == [("sent", 1, None)]
    for call in (mails.retry, mails.drop):
        with pytest.raises(Conflict, match="Mail 1 was sent"):
            run_committed(call, 1, *([NOW] if call is mails.retry else []))
        with pytest.raises(NotFound):
            run_committed(call, 2, *([NOW] if call is mails.retry else []))


def test_an_unreachable_server_uses_up_no_attempts(monkeypatch, mails_on, mail_server, moving_clock):
    redeem(ANNA, BOB)
    set_mail_server(monkeypatch, "smtp://127.0.0.1:1")
    ticks.send_mails()
    assert mail_states() == [("waiting", 0, None)] * 2
    status = server_status()
    assert status is not None
    assert "refused the connection" in (status.message or "")
    assert (status.failures, status.next_at) == (1, NOW + timedelta(minutes=1))
    set_mail_server(monkeypatch, mail_server.url())
    ticks.send_mails()
    assert mail_server.box.to == [], "the server is not called before the delay is over"
    moving_clock.advance(timedelta(minutes=1))
    ticks.send_mails()
    assert mail_server.box.to == [ANNA, BOB]
    status = server_status()
    assert status is not None
    assert (status.failures, status.message, status.next_at) == (0, None, None)


def test_a_mail_that_waits_for_three_days_fails(monkeypatch, mails_on, moving_clock):
    redeem(ANNA)
    set_mail_server(monkeypatch, "smtp://127.0.0.1:1")
    ticks.send_mails()
    moving_clock.advance(timedelta(days=3))
    ticks.send_mails()
    [(state, attempts, message)] = mail_states()
    assert (state, attempts) == ("failed", 0)
    assert "refused the connection" in (message or "")
    assert run_committed(mails.count_attention).failed.number == 1


def test_a_broken_connection_leaves_the_other_mails_waiting(monkeypatch, mails_on, mail_server, moving_clock):
    redeem(ANNA, BOB)

    def break_off(*_args) -> None:
        raise smtp.MailServerError("It hung up.")

    with monkeypatch.context() as patch:
        patch.setattr(smtp.SmtpConnection, "send", break_off)
        ticks.send_mails()
    assert [(state, attempts) for state, attempts, _ in mail_states()] == [("waiting", 1), ("waiting", 0)]
    moving_clock.advance(timedelta(minutes=1))
    ticks.send_mails()
    assert mail_server.box.to == [BOB], "the mail that broke the connection does not block the others"
    moving_clock.advance(timedelta(minutes=4))
    ticks.send_mails()
    assert mail_server.box.to == [BOB, ANNA]


def test_a_mail_interrupted_by_a_kill_is_sent_again_with_the_same_message_id(
    monkeypatch, mails_on, mail_server, moving_clock
):
    redeem(ANNA)

    def kill(*_args, **_options) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(mail_send, "_save_outcome", kill)
        with pytest.raises(KeyboardInterrupt):
            ticks.send_mails()
    ticks.send_mails()
    assert mail_states() == [("waiting", 1, None)]
    moving_clock.advance(mail_send.CLAIM_TIMEOUT)
    ticks.send_mails()
    assert mail_states() == [("sent", 2, None)]
    first, second = mail_server.box.mails
    assert first["Message-ID"] == second["Message-ID"]


def test_switching_mails_off_drops_waiting_mails(mails_on, mail_server, moving_clock):
    redeem(ANNA)
    run_committed(sender.set_enabled, mails_on, "off")
    ticks.send_mails()
    assert mail_states() == [("dropped", 0, sender.DROPPED_WHEN_OFF)]
    with pytest.raises(Conflict, match="Turn on “Send mails from this site” first"):
        run_committed(mails.retry, 1, NOW)
    run_committed(sender.set_enabled, mails_on, "on")
    ticks.send_mails()
    assert mail_server.box.to == []
    redeem(BOB)
    with db.transaction() as session:  # switched off at the moment when a mail was queued
        session.merge(mail_queue.Setting(name="send_mails", value="0"))
    ticks.send_mails()
    assert (mail_server.box.to, mail_states()[1][0]) == ([], "dropped")


def test_a_stopped_site_sends_no_mails_and_a_copy_drops_them(mails_on, mail_server):
    redeem(ANNA)
    with db.transaction() as session:
        session.get_one(Site, 1).hold = "The marker is missing."
    ticks.send_mails()
    assert (mail_server.box.to, mail_states()) == ([], [("waiting", 0, None)])
    from pointsync.sync.site import installation

    with db.transaction() as session:
        installation.confirm(session, get_runtime().vault, mails_on, "copy", NOW)
    ticks.send_mails()
    assert mail_server.box.to == []
    assert mail_states()[0][0] == "dropped"
    assert not run_committed(mail_queue.is_enabled)


def test_test_mails_go_out_even_if_mails_are_off(monkeypatch, mails_on, mail_server):
    run_committed(sender.set_enabled, mails_on, "off")
    run_committed(templates.change, "level", "{customer}: {level}", "{site} {date}")
    test_mail = run_committed(mails.enqueue_test, mails_on, "level", " Ada@Shop.example ", NOW)
    assert (test_mail.address, test_mail.is_test) == ("ada@shop.example", True)
    ticks.send_mails()
    [sent] = mail_server.box.mails
    assert sent["Subject"] == "[Test] alice@example.com: Silver"
    assert sent.get_content().strip() == "Mug shop 1 March 2027"
    for _ in range(mails.MAX_WAITING_TESTS):
        run_committed(mails.enqueue_test, mails_on, "level", ANNA, NOW)
    with pytest.raises(Conflict, match="20 test mails are already waiting"):
        run_committed(mails.enqueue_test, mails_on, "level", ANNA, NOW)
    with pytest.raises(InvalidInput) as refusal:
        run_committed(mails.enqueue_test, mails_on, "level", "nobody", NOW)
    assert list(refusal.value.fields) == ["address"]
    with pytest.raises(NotFound):
        run_committed(mails.enqueue_test, mails_on, "birthday", ANNA, NOW)


def test_mails_cannot_be_switched_on_without_a_server_and_a_sender(monkeypatch):
    no_server = set_mail_server(monkeypatch, None)
    for call in ((sender.set_enabled, no_server, "on"), (mails.enqueue_test, no_server, "level", ANNA, NOW)):
        with pytest.raises(Conflict, match="POINTSYNC_SMTP_URL"):
            run_committed(*call)
    no_sender = set_mail_server(monkeypatch, "smtp://user:pass@mail.example")
    with pytest.raises(Conflict, match="address that mails come from"):
        run_committed(sender.set_enabled, no_sender, "on")
    with pytest.raises(InvalidInput):
        run_committed(sender.set_enabled, no_sender, "perhaps")
    with pytest.raises(InvalidInput) as refusal:
        run_committed(sender.change, no_sender, "nobody", "x")
    assert list(refusal.value.fields) == ["mail_address"]
    user_is_sender = set_mail_server(monkeypatch, "smtp://Shop%40mugs.example:pass@mail.example")
    run_committed(sender.set_enabled, user_is_sender, "on")
    assert run_committed(sender.get_sender, user_is_sender) == sender.Sender(SENDER, "Mug shop")
    assert run_committed(settings.read).send_mails
    with pytest.raises(InvalidInput, match="Enter the address"):
        run_committed(sender.change, no_sender, "", "")


def test_no_transaction_is_open_while_a_mail_is_sent(monkeypatch, mails_on, mail_server):
    redeem(ANNA)
    send = smtp.SmtpConnection.send

    def check_and_send(connection, *args) -> None:
        assert db.get_engine().pool.checkedout() == 0
        send(connection, *args)

    monkeypatch.setattr(smtp.SmtpConnection, "send", check_and_send)
    ticks.send_mails()
    assert mail_server.box.to == [ANNA]


def test_expiry_notices_are_queued_once_a_day(mails_on, mail_server, moving_clock):
    from pointsync.ledger.expiry import rules
    from pointsync.ledger.expiry.rule import TRANSACTIONAL, ExpiryRule

    with db.transaction() as session:
        rules.set_rule(session, get_reserve(session), ExpiryRule(TRANSACTIONAL, NOW.date(), 20, "days"))
        record(session, [Draft(ANNA, 100)], "t", NOW)
    for _ in range(3):
        ticks.queue_expiry_notices()
    assert mail_states() == []
    moving_clock.advance(timedelta(days=6))
    for _ in range(3):
        ticks.queue_expiry_notices()
        ticks.send_mails()
    [sent] = mail_server.box.mails
    assert "100 of your 100 points in Points will expire soon, starting on 21 March 2026." in sent.get_content()
    assert len(mail_states()) == 1
    with db.transaction() as session:
        record(session, [Draft(BOB, 100, at=NOW - timedelta(days=1))], "t", NOW)
    moving_clock.advance(timedelta(days=12))
    ticks.queue_expiry_notices()
    moving_clock.advance(timedelta(days=1))
    ticks.send_mails()
    assert (len(mail_server.box.mails), mail_states()[1][0]) == (1, "dropped"), "the points expire before it is sent"


def test_old_mails_are_deleted(mails_on, moving_clock):
    redeem(ANNA, BOB)
    run_committed(mails.drop, 1)
    moving_clock.advance(mails.RETENTION + timedelta(seconds=1))
    ticks.prune_tables()
    assert [state for state, *_ in mail_states()] == ["waiting"]


@given(st.integers(1, 100), st.integers(0, 100 * 3600))
def test_each_delay_is_at_least_as_long_as_the_one_before(attempts, waited_seconds):
    now = NOW + timedelta(seconds=waited_seconds)
    current, following = (mail_send.compute_next_attempt(each, NOW, now) for each in (attempts, attempts + 1))
    assert current is None or now + timedelta(minutes=5) <= current < NOW + mail_send.GIVE_UP_AFTER
    assert following is None or (current is not None and current <= following)


@pytest.mark.parametrize("jump", [timedelta(hours=1), timedelta(days=365)])
def test_waiting_mails_go_out_after_the_clock_was_set_back(mails_on, mail_server, moving_clock, jump):
    redeem(ANNA)
    with db.transaction() as session:
        session.execute(update(Mail).values(attempts=1, next_at=moving_clock.now() + mail_send.MIN_RETRY_DELAY))
    moving_clock.advance(timedelta(seconds=1))
    ticks.send_mails()
    assert mail_server.box.to == []
    moving_clock.advance(-jump)
    ticks.send_mails()
    assert mail_server.box.to == [ANNA]


@pytest.mark.parametrize("jump", [timedelta(hours=1), timedelta(days=365)])
def test_a_failing_mail_server_is_tried_after_the_clock_was_set_back(mails_on, mail_server, moving_clock, jump):
    redeem(ANNA)
    with db.transaction() as session:
        mail_send._save_server_failure(session, "It refused the connection.", moving_clock.now())
    moving_clock.advance(timedelta(seconds=1))
    ticks.send_mails()
    assert mail_server.box.to == []
    moving_clock.advance(-jump)
    ticks.send_mails()
    assert mail_server.box.to == [ANNA]
