"""Mails are owed with what they tell, once, and only where this site sends them."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from pointsync import db
from pointsync.ledger import mail_queue
from pointsync.ledger.apply import Incoming
from pointsync.ledger.record import Draft, record
from pointsync.ledger.rewards import rewards
from pointsync.models import Customer, Mail, Setting
from tests.ledger.record_drafts import ANNA, made, recorded
from tests.ledger.rewards.level_steps import BOB, ORIGIN, applied, caught_up, level, new_level
from tests.support.apps import reserve
from tests.support.moving_clock import START as NOW
from tests.support.queries import watched

pytestmark = pytest.mark.usefixtures("app")

OLD = NOW - timedelta(days=7)


@pytest.fixture
def _on(app) -> None:
    switch("1")


def switch(value: str) -> None:
    with db.write() as session:
        session.merge(Setting(name="send_mails", value=value))


def owed() -> list[tuple]:
    """Of each mail: its kind, whose, its points, the balance, and the title; oldest first."""
    with db.write() as session:
        rows = session.execute(select(Mail, Customer.email).join(Mail.customer).order_by(Mail.id))
        return [
            (mail.kind, email, mail.facts["points"], mail.facts["balance"], mail.facts.get(mail.kind))
            for mail, email in rows
        ]


def redeem(title: str = "Mug", cost: int = 50, ref: str | None = None) -> None:
    with db.write() as session:
        pot = reserve(session)
        there = [each for each in rewards.every(session, pot) if each.title == title]
        reward = there[0] if there else rewards.add(session, pot, title, "", cost, NOW)
        rewards.redeem(session, pot, reward.id, ANNA, ref, "test", NOW)


@pytest.mark.usefixtures("_on")
def test_a_reward_redeemed_here_is_told_once():
    made(100)
    redeem(ref="one")
    redeem(ref="one")
    assert owed() == [("reward", ANNA, 50, 50, "Mug")]


@pytest.mark.usefixtures("_on")
def test_a_reward_redeemed_elsewhere_is_told_here_once():
    made(100)
    one = Incoming("7", ANNA, -30, kind="redeem", reason="Redeemed: A <b>cup</b>", at=NOW)
    assert applied(one, Incoming("8", BOB, -5, kind="redeem", at=NOW)) == ["applied"] * 2
    assert applied(one) == ["duplicate"]
    assert owed() == [("reward", ANNA, 30, 70, "A <b>cup</b>"), ("reward", BOB, 5, -5, "a reward")]


@pytest.mark.usefixtures("_on")
def test_a_level_is_told_once_wherever_its_points_come_from():
    level("Silver", 100)
    level("Gold", 200)
    made(60)
    applied(Incoming("1", ANNA, 60, at=NOW))
    made(-60)
    made(60)
    made(100)
    assert owed() == [("level", ANNA, 100, 120, "Silver"), ("level", ANNA, 200, 220, "Gold")]


@pytest.mark.usefixtures("_on")
def test_a_level_that_was_reached_quietly_is_no_news_when_it_is_reached_again():
    made(100)
    new_level()
    caught_up()
    made(-50)
    made(50)
    assert owed() == []


@pytest.mark.usefixtures("_on")
def test_nobody_is_told_of_what_is_old_history_or_imported():
    level()
    applied(
        Incoming("1", ANNA, 300, at=OLD),
        Incoming("2", BOB, 300, is_history=True, at=NOW),
        Incoming("3", ANNA, -5, kind="redeem", at=OLD),
        Incoming("4", BOB, -5, kind="redeem", is_history=True, at=NOW),
        Incoming("5", "carol@shop.example", 300, kind="import", at=NOW),
    )
    recorded(Draft("dave@shop.example", 300, kind="opening"), Draft("erin@shop.example", 300, kind="import"))
    recorded(
        Draft("frank@shop.example", 300, ref="1"),
        Draft("frank@shop.example", -20, kind="redeem", ref="2"),
        source="import",
    )
    assert owed() == []
    applied(Incoming("6", ANNA, -5, kind="redeem", at=OLD + timedelta(milliseconds=1)))
    assert [whose for _, whose, *_ in owed()] == [ANNA]


@pytest.mark.usefixtures("_on")
@pytest.mark.parametrize("draft", [Draft(ANNA, 5, kind="redeem"), Draft(ANNA, -5), Draft(ANNA, set_to=0)])
def test_what_is_no_redemption_is_not_told(draft):
    made(10)
    recorded(draft)
    assert owed() == []


def test_where_mails_are_off_nothing_is_owed_and_nothing_is_sent_later():
    level()
    made(100)
    redeem()
    switch("1")
    assert owed() == []


@pytest.mark.usefixtures("_on")
def test_what_is_rolled_back_is_not_told():
    made(100)
    with db.write() as session:
        record(session, [Draft(ANNA, -5, kind="redeem")], "test", NOW)
        assert session.scalars(select(Mail)).one().cause.startswith("reward:wrk_")
        session.rollback()
    assert owed() == []


@pytest.mark.usefixtures("_on")
def test_switched_off_what_waits_is_dropped_and_said():
    made(100)
    redeem()
    with db.write() as session:
        mail_queue.switch_off(session, "Off.")
    with db.write() as session:
        [mail] = session.scalars(select(Mail))
        assert (mail.state, mail.message, mail_queue.is_on(session)) == ("dropped", "Off.", False)


def test_what_tells_nothing_asks_nothing():
    with db.write() as session, watched() as found:
        record(session, [Draft(ANNA, 10), Draft(ANNA, -5)], "test", NOW)
    assert not [statement for statement, _ in found if "FROM setting" in statement or " mail " in statement]


@pytest.mark.usefixtures("_on")
def test_a_long_origin_and_id_fit():
    with db.write() as session:
        row = {"customer_id": None, "reserve_id": None, "at": NOW, "recorded_at": NOW}
        mail_queue.queue(session, [mail_queue.owed("reward", f"{'w' * 191}:{'9' * 64}", row, {})] * 2)
        assert len(session.scalars(select(Mail)).all()) == 1
    assert len(ORIGIN) < 191
