"""Mails that are due go out, each once; what is refused is tried again, and given up for people to see."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from pointsync import config, db
from pointsync.errors import Conflict, Invalid, NotFound
from pointsync.ledger import mail_queue as owed
from pointsync.ledger.record import Draft, record
from pointsync.ledger.rewards import rewards
from pointsync.mail import mails, sender, smtp, templates
from pointsync.mail import send as mail_send
from pointsync.models import Mail, MailServer, Site
from pointsync.runtime import runtime
from pointsync.schedule import ticks
from pointsync.sync.site import general, settings
from tests.ledger.rewards.level_steps import level
from tests.support.apps import reserve
from tests.support.moving_clock import START as NOW

pytestmark = pytest.mark.usefixtures("app", "moving_clock")

ANNA, BOB = "anna@shop.example", "bob@shop.example"
SENDER = "shop@mugs.example"


def with_server(monkeypatch, url: str | None) -> config.Config:
    told = replace(runtime().config, smtp_url=url, site_name="Mug shop", site_name_is_set=True)
    monkeypatch.setattr(runtime(), "config", told)
    return told


@pytest.fixture
def told(monkeypatch, post) -> config.Config:
    """A site with a mail server, and mails switched on."""
    found = with_server(monkeypatch, post.url())
    write(sender.change, found, SENDER, "")
    write(sender.switch, found, "on")
    return found


def write(call, *args):
    with db.write() as session:
        return call(session, *args)


def redeem(*customers: str, title: str = "Mug", now=NOW) -> None:
    with db.write() as session:
        for email in customers:
            record(
                session, [Draft(email, 100), Draft(email, -40, kind="redeem", reason=f"Redeemed: {title}")], "t", now
            )


def states() -> list[tuple[str, int, str | None]]:
    with db.write() as session:
        return [
            tuple(row) for row in session.execute(select(Mail.state, Mail.attempts, Mail.message).order_by(Mail.id))
        ]


def server() -> MailServer | None:
    with db.write() as session:
        return session.get(MailServer, 1)


def test_a_mail_goes_out_once_with_what_it_tells(told, post, moving_clock):
    write(general.set_time_zone, "Europe/Paris")
    redeem(ANNA, title="Tasse à café")
    level("Silver", 100)
    redeem(BOB)
    for _ in range(3):
        ticks.send_mails()
    assert post.box.to == [ANNA, BOB, BOB]
    reward, tier, _ = post.box.mails
    assert reward["Subject"] == "Your reward: Tasse à café"
    assert reward["From"] == "Mug shop <shop@mugs.example>"
    assert reward["Auto-Submitted"] == "auto-generated"
    assert reward["Date"].datetime == NOW
    assert "redeemed 40 points at Mug shop for:\n\n    Tasse à café\n\n60 points are left in Points." in (
        reward.get_content().replace("\r\n", "\n")
    )
    assert tier["Subject"] == "You have reached Silver"
    assert len({each["Message-ID"] for each in post.box.mails}) == 3
    assert states() == [("sent", 1, None)] * 3


def test_nothing_that_is_redeemed_can_be_a_header_or_a_line(told, post):
    def title(session) -> None:
        reward = rewards.add(session, reserve(session), "Mug", "", 40, NOW)
        reward.title = "Mug\r\nBcc: eve@evil.example\r\n\r\nBuy!"
        record(session, [Draft(ANNA, 100)], "t", NOW)
        rewards.redeem(session, reserve(session), reward.id, ANNA, None, "t", NOW)

    with pytest.raises(Invalid):
        write(title)  # a reason with lines is refused already
    redeem(ANNA)
    with db.write() as session:
        mail = session.scalars(select(Mail)).one()
        mail.facts = mail.facts | {"reward": "Mug\r\nBcc: eve@evil.example\r\n\r\nBuy!"}
        sender.change(session, told, SENDER, 'Shop" <eve@evil.example>, "')
        setting = session.merge(owed.Setting(name="mail_name", value="Shop\r\nBcc: eve@evil.example"))
        assert setting.value
    ticks.send_mails()
    [sent] = post.box.mails
    assert post.box.to == [ANNA]
    assert sent["Bcc"] is None
    assert sent["Subject"] == "Your reward: Mug  Bcc: eve@evil.example    Buy!"
    assert sent["From"].addresses[0].addr_spec == SENDER
    assert len(sent["From"].addresses) == 1


def test_one_that_is_refused_for_good_and_one_that_is_tried_again(told, post, moving_clock):
    post.box.refuses = {ANNA: "550 no such box", BOB: "450 later"}
    redeem(ANNA, BOB, "carol@shop.example")
    ticks.send_mails()
    assert post.box.to == ["carol@shop.example"]
    assert [(state, attempts) for state, attempts, _ in states()] == [("failed", 1), ("waiting", 1), ("sent", 1)]
    assert "550 no such box" in (states()[0][2] or "")
    post.box.refuses = {}
    moving_clock.advance(timedelta(minutes=4, seconds=59))
    ticks.send_mails()
    assert states()[1][1] == 1
    moving_clock.advance(timedelta(seconds=1))
    ticks.send_mails()
    assert states()[1] == ("sent", 2, None)


def test_refused_for_long_it_fails_and_can_be_sent_again(told, post, moving_clock):
    post.box.refuses = {ANNA: "450 later"}
    redeem(ANNA)
    for _ in range(200):
        ticks.send_mails()
        if states()[0][0] != "waiting":
            break
        moving_clock.advance(timedelta(minutes=30))
    [(state, attempts, message)] = states()
    assert (state, attempts) == ("failed", mail_send.MOST_ATTEMPTS)
    assert "450 later" in (message or "")
    post.box.refuses = {}
    write(mails.again, 1, moving_clock.now())
    ticks.send_mails()
    assert states() == [("sent", 1, None)]
    for call in (mails.again, mails.drop):
        with pytest.raises(Conflict, match="Mail 1 was sent"):
            write(call, 1, *([NOW] if call is mails.again else []))
        with pytest.raises(NotFound):
            write(call, 2, *([NOW] if call is mails.again else []))


def test_a_server_that_is_away_costs_no_mail_an_attempt(monkeypatch, told, post, moving_clock):
    redeem(ANNA, BOB)
    with_server(monkeypatch, "smtp://127.0.0.1:1")
    ticks.send_mails()
    assert states() == [("waiting", 0, None)] * 2
    found = server()
    assert found is not None
    assert "nothing listens" in (found.message or "")
    assert (found.failures, found.next_at) == (1, NOW + timedelta(minutes=1))
    with_server(monkeypatch, post.url())
    ticks.send_mails()
    assert post.box.to == [], "the server has its rest"
    moving_clock.advance(timedelta(minutes=1))
    ticks.send_mails()
    assert post.box.to == [ANNA, BOB]
    found = server()
    assert found is not None
    assert (found.failures, found.message, found.next_at) == (0, None, None)


def test_away_for_three_days_it_is_given_up_for_people_to_see(monkeypatch, told, moving_clock):
    redeem(ANNA)
    with_server(monkeypatch, "smtp://127.0.0.1:1")
    ticks.send_mails()
    moving_clock.advance(timedelta(days=3))
    ticks.send_mails()
    [(state, attempts, message)] = states()
    assert (state, attempts) == ("failed", 0)
    assert "nothing listens" in (message or "")
    assert write(mails.hands).failed.number == 1


def test_a_line_that_breaks_in_the_middle_leaves_the_others_as_they_were(monkeypatch, told, post, moving_clock):
    redeem(ANNA, BOB)

    def breaks(*_args) -> None:
        raise smtp.ServerTrouble("It hung up.")

    with monkeypatch.context() as patch:
        patch.setattr(smtp.Line, "send", breaks)
        ticks.send_mails()
    assert [(state, attempts) for state, attempts, _ in states()] == [("waiting", 1), ("waiting", 0)]
    moving_clock.advance(timedelta(minutes=1))
    ticks.send_mails()
    assert post.box.to == [BOB], "what broke the line does not stand before the others"
    moving_clock.advance(timedelta(minutes=4))
    ticks.send_mails()
    assert post.box.to == [BOB, ANNA]


def test_killed_amid_it_is_sent_again_under_the_same_name(monkeypatch, told, post, moving_clock):
    redeem(ANNA)

    def killed(*_args, **_more) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(mail_send, "_settle", killed)
        with pytest.raises(KeyboardInterrupt):
            ticks.send_mails()
    ticks.send_mails()
    assert states() == [("waiting", 1, None)]
    moving_clock.advance(mail_send.UNSURE)
    ticks.send_mails()
    assert states() == [("sent", 2, None)]
    one, two = post.box.mails
    assert one["Message-ID"] == two["Message-ID"]


def test_switched_off_nothing_goes_now_or_later(told, post, moving_clock):
    redeem(ANNA)
    write(sender.switch, told, "off")
    ticks.send_mails()
    assert states() == [("dropped", 0, sender.OFF)]
    with pytest.raises(Conflict, match="switch “Send mails from this site” on first"):
        write(mails.again, 1, NOW)
    write(sender.switch, told, "on")
    ticks.send_mails()
    assert post.box.to == []
    redeem(BOB)
    with db.write() as session:  # off, but for one that was queued at that very moment
        session.merge(owed.Setting(name="send_mails", value="0"))
    ticks.send_mails()
    assert (post.box.to, states()[1][0]) == ([], "dropped")


def test_a_site_that_is_in_doubt_sends_none_and_a_copy_none_ever(told, post):
    redeem(ANNA)
    with db.write() as session:
        session.get_one(Site, 1).hold = "The marker is missing."
    ticks.send_mails()
    assert (post.box.to, states()) == ([], [("waiting", 0, None)])
    from pointsync.sync.site import local_site

    with db.write() as session:
        local_site.confirm(session, runtime().vault, told, "copy", NOW)
    ticks.send_mails()
    assert post.box.to == []
    assert states()[0][0] == "dropped"
    assert not write(owed.is_on)


def test_a_test_goes_out_though_mails_are_off(monkeypatch, told, post):
    write(sender.switch, told, "off")
    write(templates.change, "level", "{customer}: {level}", "{site} {date}")
    made = write(mails.test, told, "level", " Ada@Shop.example ", NOW)
    assert (made.address, made.is_test) == ("ada@shop.example", True)
    ticks.send_mails()
    [sent] = post.box.mails
    assert sent["Subject"] == "[Test] alice@example.com: Silver"
    assert sent.get_content().strip() == "Mug shop 1 March 2027"
    for _ in range(mails.MOST_TESTS):
        write(mails.test, told, "level", ANNA, NOW)
    with pytest.raises(Conflict, match="20 test mails wait"):
        write(mails.test, told, "level", ANNA, NOW)
    with pytest.raises(Invalid) as refusal:
        write(mails.test, told, "level", "nobody", NOW)
    assert list(refusal.value.fields) == ["address"]
    with pytest.raises(NotFound):
        write(mails.test, told, "birthday", ANNA, NOW)


def test_mails_cannot_be_switched_on_where_they_could_not_go(monkeypatch):
    nothing = with_server(monkeypatch, None)
    for call in ((sender.switch, nothing, "on"), (mails.test, nothing, "level", ANNA, NOW)):
        with pytest.raises(Conflict, match="POINTSYNC_SMTP_URL"):
            write(*call)
    nobody = with_server(monkeypatch, "smtp://user:pass@mail.example")
    with pytest.raises(Conflict, match="address that mails come from"):
        write(sender.switch, nobody, "on")
    with pytest.raises(Invalid):
        write(sender.switch, nobody, "perhaps")
    with pytest.raises(Invalid) as refusal:
        write(sender.change, nobody, "nobody", "x")
    assert list(refusal.value.fields) == ["mail_address"]
    by_user = with_server(monkeypatch, "smtp://Shop%40mugs.example:pass@mail.example")
    write(sender.switch, by_user, "on")
    assert write(sender.read, by_user) == sender.Sender(SENDER, "Mug shop")
    assert write(settings.read).send_mails
    with pytest.raises(Invalid, match="type the address"):
        write(sender.change, nobody, "", "")


def test_no_transaction_is_open_while_the_server_is_asked(monkeypatch, told, post):
    redeem(ANNA)
    send = smtp.Line.send

    def look(line, *args) -> None:
        assert db.db.engine.pool.checkedout() == 0
        send(line, *args)

    monkeypatch.setattr(smtp.Line, "send", look)
    ticks.send_mails()
    assert post.box.to == [ANNA]


def test_points_about_to_expire_are_told_by_a_job_once_a_day(told, post, moving_clock):
    from pointsync.ledger.expiry import rules
    from pointsync.ledger.expiry.rule import TRANSACTIONAL, Rule

    with db.write() as session:
        rules.set_rule(session, reserve(session), Rule(TRANSACTIONAL, NOW.date(), 20, "days"))
        record(session, [Draft(ANNA, 100)], "t", NOW)
    for _ in range(3):
        ticks.tell_expiry()
    assert states() == []
    moving_clock.advance(timedelta(days=6))
    for _ in range(3):
        ticks.tell_expiry()
        ticks.send_mails()
    [sent] = post.box.mails
    assert "100 of your 100 points in Points expire soon, from 21 March 2026 on." in sent.get_content()
    assert len(states()) == 1
    with db.write() as session:
        record(session, [Draft(BOB, 100, at=NOW - timedelta(days=1))], "t", NOW)
    moving_clock.advance(timedelta(days=12))
    ticks.tell_expiry()
    moving_clock.advance(timedelta(days=1))
    ticks.send_mails()
    assert (len(post.box.mails), states()[1][0]) == (1, "dropped"), "the day had come before it was sent"


def test_what_is_long_gone_is_forgotten(told, moving_clock):
    redeem(ANNA, BOB)
    write(mails.drop, 1)
    moving_clock.advance(mails.KEPT + timedelta(seconds=1))
    ticks.prune()
    assert [state for state, *_ in states()] == ["waiting"]


@given(st.integers(1, 100), st.integers(0, 100 * 3600))
def test_each_wait_is_longer_than_the_one_before_until_it_is_given_up(attempts, waited):
    now = NOW + timedelta(seconds=waited)
    here, after = (mail_send.next_try(each, NOW, now) for each in (attempts, attempts + 1))
    assert here is None or now + timedelta(minutes=5) <= here < NOW + mail_send.LASTS
    assert after is None or (here is not None and here <= after)
