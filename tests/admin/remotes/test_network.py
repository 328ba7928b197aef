"""System › Network: which site lists which, unlisted senders, and what this site accepts."""

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from pointsync import db
from pointsync.ledger import reserves
from pointsync.ledger.rewards import levels, rewards
from pointsync.models import Origin, ReceivedSummary, Remote, Site
from pointsync.sync.site import catalogue as family
from pointsync.sync.site import settings
from tests.admin import sample_remotes
from tests.admin.conftest import ALSO_POSTGRES
from tests.admin.page_text import main_text
from tests.support.panel_client import PanelClient
from tests.support.queries import record_queries
from tests.support.site_template import run_in_transaction

PAGE = "/system/network"
pytestmark = pytest.mark.parametrize("database_settings", ALSO_POSTGRES, indirect=True)


def save_ping_report(remote: Remote, *lists: str) -> None:
    """Set a remote as if it had answered a ping with this list of sites."""
    remote.dialect, remote.checked_at = "pointsync", sample_remotes.CREATED_AT
    remote.facts = {"version": "0.1.0", "lists": list(lists), "reserves": []}


def test_no_other_sites(ada: PanelClient) -> None:
    assert "No other sites yet." in ada.get(PAGE).text


def test_a_complete_family(app: Flask, ada: PanelClient) -> None:
    def prepare(session: Session) -> None:
        local_auth = session.get_one(Site, 1).auth
        added_remotes = sample_remotes.add_remote_of_each_status(session)
        auths = {local_auth, *(listed_remote.auth for listed_remote in added_remotes)}
        for listed_remote in added_remotes:
            save_ping_report(listed_remote, *(auths - {listed_remote.auth}))

    run_in_transaction(app, prepare)
    content = main_text(ada.get(PAGE).text)
    assert "All 5 sites list each other." in content
    assert "Missing" not in content
    assert "PointSync 0.1.0" in content


@pytest.mark.parametrize("is_refused", [True, False])
def test_a_site_that_ran_twice_is_named(app: Flask, ada: PanelClient, is_refused: bool) -> None:
    """After an ordinary restart, the run before is kept for ten minutes: that is nothing to tell."""

    def prepare(session: Session) -> None:
        listed_remote = sample_remotes.add_remote_of_each_status(session)[1]
        origin = session.get(Origin, listed_remote.auth) or Origin(auth=listed_remote.auth)
        origin.first_seen_at = sample_remotes.CREATED_AT
        origin.run, origin.previous_run = "0" * 32, "1" * 32
        origin.replaced_at = None if is_refused else sample_remotes.CREATED_AT
        session.add(origin)

    run_in_transaction(app, prepare)
    content = main_text(ada.get(PAGE).text)
    assert ("Shop 2 ran twice. A second installation with its database called here" in content) == is_refused
    assert ("Shop 2 Runs twice" in content) == is_refused


def test_what_is_missing_is_named_with_what_to_do(app: Flask, ada: PanelClient) -> None:
    def prepare(session: Session) -> None:
        local_auth = session.get_one(Site, 1).auth
        two, three = sample_remotes.add_remote_of_each_status(session)[1:3]
        save_ping_report(two, three.auth, "wrk_ffffffffffffffff")
        save_ping_report(three, local_auth)
        two.clock_offset_seconds = 610.0

    run_in_transaction(app, prepare)
    content = main_text(ada.get(PAGE).text)
    assert "Shop 2 does not list this site , https://shop-1.test/points and Shop 4" in content
    assert ": ask its admin to add them with their sharing keys." in content
    assert "Shop 2 lists a site that is not in your list: wrk_ffffffffffffffff" in content
    assert "10 min ahead" in content
    assert "Not reached yet." in content


def test_the_clock_of_a_site_that_was_never_reached_is_unknown(app: Flask, ada: PanelClient) -> None:
    def prepare(session: Session) -> None:
        for remote in sample_remotes.add_remote_of_each_status(session):
            remote.dialect, remote.checked_at, remote.clock_offset_seconds = None, sample_remotes.CREATED_AT, 0.0

    run_in_transaction(app, prepare)
    content = main_text(ada.get(PAGE).text)
    assert "Not reached yet." in content
    assert "In sync" not in content


def test_a_woorewards_shop_reports_nothing(app: Flask, ada: PanelClient) -> None:
    def prepare(session: Session) -> None:
        listed_remote = sample_remotes.add_remote(session, "https://two.test", "wrk_" + "2" * 16)
        listed_remote.dialect, listed_remote.checked_at = "woorewards", sample_remotes.CREATED_AT

    run_in_transaction(app, prepare)
    content = main_text(ada.get(PAGE).text)
    assert "A WooRewards shop does not report its list." in content
    assert "Nothing is missing, as far as known." in content


def test_rewards_that_differ_are_named_with_what_to_do(app: Flask, ada: PanelClient) -> None:
    def prepare(session: Session) -> None:
        default = reserves.get(session, "default")
        for title, cost in (("Mug", 50), ("Tea <b>pot</b>", 900)):
            rewards.create(session, default, title, "", cost, sample_remotes.CREATED_AT)
        levels.create(session, default, "Silver", "", 1000, sample_remotes.CREATED_AT)
        two, three, four = sample_remotes.add_remote_of_each_status(session)[1:]
        for listed_remote in (two, three, four):
            save_ping_report(listed_remote)
        there = [{"title": "Mug", "cost": 60}, {"title": "<i>Cup</i>", "cost": 1}]
        two.facts = two.facts | {"rewards_digest": "other", "rewards": there, "levels": []}
        three.facts = three.facts | family.build_ping_fields(session, default)
        four.facts = four.facts | {"rewards_digest": "other"}

    run_in_transaction(app, prepare)
    text = ada.get(PAGE).text
    assert "<b>pot" not in text
    assert "<i>Cup" not in text
    content = main_text(text)
    assert "Shop 2 has different rewards or levels in default than this site in Points" in content
    assert "Only here: the reward Tea <b>pot</b> (900 points) and the level Silver (1,000 points)." in content
    assert "Only there: the reward <i>Cup</i> (1 point). Add it here" in content
    assert "The reward Mug : 50 points here, 60 there." in content
    assert "Shop 3 has different rewards" not in content
    assert "Shop 4 has different rewards" in content
    assert "It did not report the details." in content


def test_the_rewards_are_the_same_everywhere(app: Flask, ada: PanelClient) -> None:
    run_in_transaction(app, sample_remotes.add_remote_of_each_status)
    assert "No site reported different rewards or levels." in main_text(ada.get(PAGE).text)


def test_unlisted_senders_are_named(app: Flask, ada: PanelClient) -> None:
    def prepare(session: Session) -> None:
        session.add(Origin(auth="wrk_eeeeeeeeeeeeeeee", first_seen_at=sample_remotes.CREATED_AT))
        session.flush()
        session.add(ReceivedSummary(origin="wrk_eeeeeeeeeeeeeeee", reserve_id=1, count=1234, max_id=9))
        sample_remotes.add_remote(session, "https://two.test", "wrk_" + "2" * 16)

    run_in_transaction(app, prepare)
    content = main_text(ada.get(PAGE).text)
    assert "wrk_eeeeeeeeeeeeeeee sends movements but is not in your list." in content
    assert "1,234" in content


def test_the_settings_are_saved_together(app: Flask, ada: PanelClient) -> None:
    assert ada.send(PAGE, only_listed="y", check_seconds="60").status_code == 303
    with app.app_context():
        current_settings = settings.read(db.session())
    assert (current_settings.only_listed, current_settings.create_customers, current_settings.check_seconds) == (
        True,
        False,
        60,
    )
    assert ada.send(PAGE, create_customers="y", check_seconds="30").status_code == 303
    with app.app_context():
        current_settings = settings.read(db.session())
    assert (current_settings.only_listed, current_settings.create_customers, current_settings.check_seconds) == (
        False,
        True,
        30,
    )


@pytest.mark.parametrize("value", ["", "4", "61", "1.5", "<script>", "9" * 300])
def test_a_wrong_number_changes_nothing(app: Flask, ada: PanelClient, value: str) -> None:
    answer = ada.send(PAGE, only_listed="y", check_seconds=value)
    assert answer.status_code == 422
    assert "Type a whole number from 5 to 60." in answer.text
    assert "<script>" not in answer.text
    with app.app_context():
        assert not settings.read(db.session()).only_listed


def test_what_sites_report_is_escaped(app: Flask, ada: PanelClient) -> None:
    def prepare(session: Session) -> None:
        listed_remote = sample_remotes.add_remote(session, "https://two.test", "wrk_" + "2" * 16)
        listed_remote.name = "<script>alert(1)</script>\u202e"
        save_ping_report(listed_remote, "<b>wrk</b>")
        listed_remote.facts = listed_remote.facts | {"version": "<i>9</i>"}

    run_in_transaction(app, prepare)
    text = ada.get(PAGE).text
    assert "<script>alert" not in text
    assert "<b>wrk" not in text
    assert "<i>9" not in text
    assert "\u202e" not in text


def test_its_queries_do_not_grow(app: Flask, ada: PanelClient) -> None:
    def count_queries() -> int:
        with app.app_context(), record_queries() as queries:
            assert ada.get(PAGE).status_code == 200
        return len(queries)

    def add_more(session: Session) -> None:
        for number in range(8):
            sample_remotes.add_reserve(session, f"r{number}")
            sample_remotes.add_remote(session, f"https://more-{number}.test", f"wrk_{number + 100:016x}", f"r{number}")

    run_in_transaction(app, sample_remotes.add_remote_of_each_status)
    query_count = count_queries()
    run_in_transaction(app, add_more)
    assert count_queries() == query_count
