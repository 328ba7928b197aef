"""Mails are queued in the transaction of their event, once, and only if this site sends mails."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from pointsync import db
from pointsync.ledger import mail_queue
from pointsync.ledger.apply import IncomingMovement
from pointsync.ledger.record import Draft, record
from pointsync.ledger.rewards import rewards
from pointsync.models import Customer, Mail, Setting
from tests.ledger.record_drafts import ANNA, record_all, record_one
from tests.ledger.rewards.level_steps import (
    BOB,
    ORIGIN,
    add_level,
    add_level_without_job,
    apply_statuses,
    run_level_job,
)
from tests.support.apps import get_reserve
from tests.support.moving_clock import START as NOW
from tests.support.queries import record_queries

pytestmark = pytest.mark.usefixtures("app")

OLD = NOW - timedelta(days=7)


@pytest.fixture
def _on(app) -> None:
    switch_mails("1")


def switch_mails(value: str) -> None:
    with db.transaction() as session:
        session.merge(Setting(name="send_mails", value=value))


def queued_mails() -> list[tuple]:
    """For each mail: kind, customer, points, balance and title; oldest first."""
    with db.transaction() as session:
        rows = session.execute(select(Mail, Customer.email).join(Mail.customer).order_by(Mail.id))
        return [
            (mail.kind, email, mail.facts["points"], mail.facts["balance"], mail.facts.get(mail.kind))
            for mail, email in rows
        ]


def redeem(title: str = "Mug", cost: int = 50, ref: str | None = None) -> None:
    with db.transaction() as session:
        reserve = get_reserve(session)
        existing = [each for each in rewards.list_all(session, reserve) if each.title == title]
        reward = existing[0] if existing else rewards.create(session, reserve, title, "", cost, NOW)
        rewards.redeem(session, reserve, reward.id, ANNA, ref, "test", NOW)


@pytest.mark.usefixtures("_on")
def test_a_reward_redeemed_here_is_mailed_once():
    record_one(100)
    redeem(ref="one")
    redeem(ref="one")
    assert queued_mails() == [("reward", ANNA, 50, 50, "Mug")]


@pytest.mark.usefixtures("_on")
def test_a_reward_redeemed_elsewhere_is_mailed_here_once():
    record_one(100)
    one = IncomingMovement("7", ANNA, -30, kind="redeem", reason="Redeemed: A <b>cup</b>", at=NOW)
    assert apply_statuses(one, IncomingMovement("8", BOB, -5, kind="redeem", at=NOW)) == ["applied"] * 2
    assert apply_statuses(one) == ["duplicate"]
    assert queued_mails() == [("reward", ANNA, 30, 70, "A <b>cup</b>"), ("reward", BOB, 5, -5, "a reward")]


@pytest.mark.usefixtures("_on")
def test_a_level_is_mailed_once_wherever_its_points_come_from():
    add_level("Silver", 100)
    add_level("Gold", 200)
    record_one(60)
    apply_statuses(IncomingMovement("1", ANNA, 60, at=NOW))
    record_one(-60)
    record_one(60)
    record_one(100)
    assert queued_mails() == [("level", ANNA, 100, 120, "Silver"), ("level", ANNA, 200, 220, "Gold")]


@pytest.mark.usefixtures("_on")
def test_a_level_that_was_reached_quietly_is_not_mailed_when_it_is_reached_again():
    record_one(100)
    add_level_without_job()
    run_level_job()
    record_one(-50)
    record_one(50)
    assert queued_mails() == []


@pytest.mark.usefixtures("_on")
def test_no_mail_for_old_backfilled_or_imported_movements():
    add_level()
    apply_statuses(
        IncomingMovement("1", ANNA, 300, at=OLD),
        IncomingMovement("2", BOB, 300, is_history=True, at=NOW),
        IncomingMovement("3", ANNA, -5, kind="redeem", at=OLD),
        IncomingMovement("4", BOB, -5, kind="redeem", is_history=True, at=NOW),
        IncomingMovement("5", "carol@shop.example", 300, kind="import", at=NOW),
    )
    record_all(Draft("dave@shop.example", 300, kind="opening"), Draft("erin@shop.example", 300, kind="import"))
    record_all(
        Draft("frank@shop.example", 300, ref="1"),
        Draft("frank@shop.example", -20, kind="redeem", ref="2"),
        source="import",
    )
    assert queued_mails() == []
    apply_statuses(IncomingMovement("6", ANNA, -5, kind="redeem", at=OLD + timedelta(milliseconds=1)))
    assert [whose for _, whose, *_ in queued_mails()] == [ANNA]


@pytest.mark.usefixtures("_on")
@pytest.mark.parametrize("draft", [Draft(ANNA, 5, kind="redeem"), Draft(ANNA, -5), Draft(ANNA, set_to=0)])
def test_other_movements_send_no_redemption_mail(draft):
    record_one(10)
    record_all(draft)
    assert queued_mails() == []


def test_with_mails_off_nothing_is_enqueued_and_nothing_is_sent_later():
    add_level()
    record_one(100)
    redeem()
    switch_mails("1")
    assert queued_mails() == []


@pytest.mark.usefixtures("_on")
def test_a_rolled_back_transaction_sends_no_mail():
    record_one(100)
    with db.transaction() as session:
        record(session, [Draft(ANNA, -5, kind="redeem")], "test", NOW)
        assert session.scalars(select(Mail)).one().cause.startswith("reward:wrk_")
        session.rollback()
    assert queued_mails() == []


@pytest.mark.usefixtures("_on")
def test_disabling_mails_drops_the_queue_and_returns_the_count():
    record_one(100)
    redeem()
    with db.transaction() as session:
        mail_queue.disable(session, "Off.")
    with db.transaction() as session:
        [mail] = session.scalars(select(Mail))
        assert (mail.state, mail.message, mail_queue.is_enabled(session)) == ("dropped", "Off.", False)


def test_a_batch_without_news_runs_no_query():
    with db.transaction() as session, record_queries() as found:
        record(session, [Draft(ANNA, 10), Draft(ANNA, -5)], "test", NOW)
    assert not [statement for statement, _ in found if "FROM setting" in statement or " mail " in statement]


@pytest.mark.usefixtures("_on")
def test_a_long_origin_and_id_fit():
    with db.transaction() as session:
        mail = mail_queue.build_mail("reward", f"{'w' * 191}:{'9' * 64}", {}, None, None, NOW, NOW)
        mail_queue.enqueue(session, [mail] * 2)
        assert len(session.scalars(select(Mail)).all()) == 1
    assert len(ORIGIN) < 191
