"""System › Network: who lists whom, who sends without being listed, and what is accepted."""

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from pointsync import db
from pointsync.ledger import reserves
from pointsync.ledger.rewards import levels, rewards
from pointsync.models import Holding, Origin, Remote, Site
from pointsync.sync.site import catalogue as family
from pointsync.sync.site import settings
from tests.admin import sample_remotes
from tests.admin.conftest import BOTH
from tests.admin.page_text import words
from tests.support.panel_client import Visitor
from tests.support.queries import watched
from tests.support.site_template import change

PAGE = "/system/network"
pytestmark = pytest.mark.parametrize("where", BOTH, indirect=True)


def told(remote: Remote, *lists: str) -> None:
    """It has answered a ping, and lists these."""
    remote.dialect, remote.checked_at = "pointsync", sample_remotes.MADE
    remote.facts = {"version": "0.1.0", "lists": list(lists), "reserves": []}


def test_alone(ada: Visitor) -> None:
    assert "This site is alone so far." in ada.get(PAGE).text


def test_a_whole_family(app: Flask, ada: Visitor) -> None:
    def work(session: Session) -> None:
        own = session.get_one(Site, 1).auth
        lines = sample_remotes.add_four(session)
        auths = {own, *(line.auth for line in lines)}
        for line in lines:
            told(line, *(auths - {line.auth}))

    change(app, work)
    shown = words(ada.get(PAGE).text)
    assert "All 5 sites list each other." in shown
    assert "Missing" not in shown
    assert "PointSync 0.1.0" in shown


def test_what_is_missing_is_said_with_what_to_do(app: Flask, ada: Visitor) -> None:
    def work(session: Session) -> None:
        own = session.get_one(Site, 1).auth
        two, three = sample_remotes.add_four(session)[1:3]
        told(two, three.auth, "wrk_ffffffffffffffff")
        told(three, own)
        two.clock_offset_seconds = 610.0

    change(app, work)
    shown = words(ada.get(PAGE).text)
    assert "Shop 2 does not list this site , https://shop-1.test/points and Shop 4" in shown
    assert ": ask its admin to add them with their sharing keys." in shown
    assert "Shop 2 lists a site that this one does not: wrk_ffffffffffffffff" in shown
    assert "10 min ahead" in shown
    assert "It has not been reached yet." in shown


def test_a_woorewards_shop_tells_nothing(app: Flask, ada: Visitor) -> None:
    def work(session: Session) -> None:
        line = sample_remotes.add(session, "https://two.test", "wrk_" + "2" * 16)
        line.dialect, line.checked_at = "woorewards", sample_remotes.MADE

    change(app, work)
    shown = words(ada.get(PAGE).text)
    assert "A WooRewards shop tells nothing of its list" in shown
    assert "Nothing is missing, as far as it is known." in shown


def test_rewards_that_differ_are_named_with_what_to_do(app: Flask, ada: Visitor) -> None:
    def work(session: Session) -> None:
        default = reserves.get(session, "default")
        for title, cost in (("Mug", 50), ("Tea <b>pot</b>", 900)):
            rewards.add(session, default, title, "", cost, sample_remotes.MADE)
        levels.add(session, default, "Silver", "", 1000, sample_remotes.MADE)
        two, three, four = sample_remotes.add_four(session)[1:]
        for line in (two, three, four):
            told(line)
        there = [{"title": "Mug", "cost": 60}, {"title": "<i>Cup</i>", "cost": 1}]
        two.facts = two.facts | {"rewards_digest": "other", "rewards": there, "levels": []}
        three.facts = three.facts | family.tell(session, default)
        four.facts = four.facts | {"rewards_digest": "other"}

    change(app, work)
    text = ada.get(PAGE).text
    assert "<b>pot" not in text
    assert "<i>Cup" not in text
    shown = words(text)
    assert "Shop 2 has other rewards or levels in default than this site in Points" in shown
    assert "Only here: the reward Tea <b>pot</b> (900 points) and the level Silver (1,000 points)." in shown
    assert "Only there: the reward <i>Cup</i> (1 point). Add it here" in shown
    assert "The reward Mug : 50 points here, 60 there." in shown
    assert "Shop 3 has other rewards" not in shown
    assert "Shop 4 has other rewards" in shown
    assert "It did not tell by name what differs" in shown


def test_the_same_rewards_everywhere(app: Flask, ada: Visitor) -> None:
    change(app, sample_remotes.add_four)
    assert "No site has told of other rewards or levels" in words(ada.get(PAGE).text)


def test_who_sends_unlisted(app: Flask, ada: Visitor) -> None:
    def work(session: Session) -> None:
        session.add(Origin(auth="wrk_eeeeeeeeeeeeeeee", first_seen_at=sample_remotes.MADE))
        session.flush()
        session.add(Holding(origin="wrk_eeeeeeeeeeeeeeee", reserve_id=1, count=1234, max_id=9))
        sample_remotes.add(session, "https://two.test", "wrk_" + "2" * 16)

    change(app, work)
    shown = words(ada.get(PAGE).text)
    assert "A site that is not listed here sends: wrk_eeeeeeeeeeeeeeee" in shown
    assert "1,234" in shown


def test_what_is_accepted_is_saved_together(app: Flask, ada: Visitor) -> None:
    assert ada.send(PAGE, only_listed="y", check_seconds="60").status_code == 303
    with app.app_context():
        known = settings.read(db.db.session())
    assert (known.only_listed, known.create_customers, known.check_seconds) == (True, False, 60)
    assert ada.send(PAGE, create_customers="y", check_seconds="900").status_code == 303
    with app.app_context():
        known = settings.read(db.db.session())
    assert (known.only_listed, known.create_customers, known.check_seconds) == (False, True, 900)


@pytest.mark.parametrize("value", ["", "9", "86401", "1.5", "<script>", "9" * 300])
def test_a_wrong_number_changes_nothing(app: Flask, ada: Visitor, value: str) -> None:
    answer = ada.send(PAGE, only_listed="y", check_seconds=value)
    assert answer.status_code == 422
    assert "Type a whole number from 10 to 86,400." in answer.text
    assert "<script>" not in answer.text
    with app.app_context():
        assert not settings.read(db.db.session()).only_listed


def test_what_sites_tell_is_text(app: Flask, ada: Visitor) -> None:
    def work(session: Session) -> None:
        line = sample_remotes.add(session, "https://two.test", "wrk_" + "2" * 16)
        line.name = "<script>alert(1)</script>\u202e"
        told(line, "<b>wrk</b>")
        line.facts = line.facts | {"version": "<i>9</i>"}

    change(app, work)
    text = ada.get(PAGE).text
    assert "<script>alert" not in text
    assert "<b>wrk" not in text
    assert "<i>9" not in text
    assert "\u202e" not in text


def test_its_queries_do_not_grow(app: Flask, ada: Visitor) -> None:
    def counted() -> int:
        with app.app_context(), watched() as queries:
            assert ada.get(PAGE).status_code == 200
        return len(queries)

    def more(session: Session) -> None:
        for number in range(8):
            sample_remotes.add_reserve(session, f"r{number}")
            sample_remotes.add(session, f"https://more-{number}.test", f"wrk_{number + 100:016x}", f"r{number}")

    change(app, sample_remotes.add_four)
    few = counted()
    change(app, more)
    assert counted() == few
