"""System › Activity: movements below zero, attempts, and changes of status."""

from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import func, select, update

from pointsync import db
from pointsync.ledger import reserves
from pointsync.ledger.integrity import verify
from pointsync.models import Attempt, Balance, Delivery, Movement
from tests.admin import sample_deliveries
from tests.admin.activity.activity_page import PAGE, empty_text, pager_link, row_texts
from tests.admin.conftest import BOTH_DATABASES
from tests.admin.page_text import field_errors, main_text
from tests.support.panel_client import PanelClient

ON_BOTH = pytest.mark.parametrize("database_settings", BOTH_DATABASES, indirect=True)

OVERDRAWN_PAGE = f"{PAGE}/below-zero"
ATTEMPTS = f"{PAGE}/attempts"
CHANGES = f"{PAGE}/changes"
MUG_SHOP_AUTH = "wrk_" + "2" * 16
UNKNOWN_REMOTE = "There is no such remote. Choose one from the list."


@ON_BOTH
class TestOverdrawn:
    """Movements that took a customer below zero, and their correction."""

    @pytest.fixture(autouse=True)
    def _overdrawn(self, app: Flask) -> None:
        with app.app_context(), db.transaction() as session:
            sample_deliveries.add_remote(session)
            sample_deliveries.record_points(session, 10)
            sample_deliveries.overdraw(session, 30, 5)

    def counts(self, app: Flask) -> tuple[int, int, int]:
        """Alice's balance, and how many movements and deliveries there are."""
        with app.app_context(), db.transaction() as session:
            assert verify.find_balance_differences(session) == []
            counts = [session.scalar(select(func.count()).select_from(model)) or 0 for model in (Movement, Delivery)]
            return session.scalars(select(Balance.points)).one(), counts[0], counts[1]

    def test_each_row_names_the_customer_and_the_site(self, ada: PanelClient) -> None:
        text = ada.get(OVERDRAWN_PAGE).text
        second, first = row_texts(text)
        assert first.startswith("−30 Spent in Points Spent there")
        assert first.endswith("alice@shop.test Tea shop −20 −25 Correct")
        assert second.endswith("alice@shop.test Tea shop −25 −25 Correct")
        assert "Movements of the last 31 days that took a customer below zero" in text

    def test_a_correction(self, app: Flask, ada: PanelClient) -> None:
        text = main_text(ada.get(f"{OVERDRAWN_PAGE}/2/correct?size=40").text)
        assert "alice@shop.test has −25 in Points . A movement of +25 brings the balance to 0, here and" in text
        answer = ada.send(f"{OVERDRAWN_PAGE}/2/correct?size=40")
        assert answer.location == f"{OVERDRAWN_PAGE}?size=40"
        assert self.counts(app) == (0, 4, 2)
        text = ada.get(answer.location).text
        assert "The balance is now 0. The correction goes to all sites." in text
        second, first = row_texts(text)
        assert first.endswith("Tea shop −20 0 Corrected: +25")
        assert second.endswith("Tea shop −25 0 No longer below zero")

    def test_the_balance_has_recovered(self, app: Flask, ada: PanelClient) -> None:
        token = ada.token(f"{OVERDRAWN_PAGE}/2/correct")
        with app.app_context(), db.transaction() as session:
            sample_deliveries.record_points(session, 100)
        before = self.counts(app)
        answer = ada.post(f"{OVERDRAWN_PAGE}/2/correct", {"csrf_token": token})
        assert answer.location == OVERDRAWN_PAGE
        assert (
            "alice@shop.test now has 75 points in default, so there is nothing to correct."
            in ada.get(OVERDRAWN_PAGE).text
        )
        assert ada.get(f"{OVERDRAWN_PAGE}/2/correct").location == OVERDRAWN_PAGE
        assert "Nothing to correct: the customer is no longer below zero" in ada.get(OVERDRAWN_PAGE).text
        assert self.counts(app) == before

    def test_a_second_correction_is_refused(self, app: Flask, ada: PanelClient) -> None:
        token = ada.token(f"{OVERDRAWN_PAGE}/2/correct")
        for _ in range(2):
            assert ada.post(f"{OVERDRAWN_PAGE}/2/correct", {"csrf_token": token}).status_code == 303
        assert "This was already corrected, by movement" in ada.get(OVERDRAWN_PAGE).text
        assert self.counts(app) == (0, 4, 2)

    def test_an_inactive_reserve(self, app: Flask, ada: PanelClient) -> None:
        with app.app_context(), db.transaction() as session:
            reserves.update(session, "default", "Points", False, False)
        answer = ada.send(f"{OVERDRAWN_PAGE}/2/correct")
        assert answer.status_code == 422
        assert "The points reserve default is not active." in answer.text
        assert self.counts(app) == (-25, 3, 1)

    def test_the_reserve_now_allows_it(self, app: Flask, ada: PanelClient) -> None:
        with app.app_context(), db.transaction() as session:
            reserves.update(session, "default", "Points", True, True)
        assert [row.rpartition("−25 ")[2] for row in row_texts(ada.get(OVERDRAWN_PAGE).text)] == [
            "The reserve now allows it"
        ] * 2

    def test_unknown_movements(self, ada: PanelClient) -> None:
        token = ada.token(OVERDRAWN_PAGE)
        for seq in ("1", "999", "9223372036854775807", "9223372036854775808", "x"):
            assert ada.get(f"{OVERDRAWN_PAGE}/{seq}/correct").status_code == 404
            assert ada.post(f"{OVERDRAWN_PAGE}/{seq}/correct", {"csrf_token": token}).status_code in (404, 405)
        assert ada.post(f"{OVERDRAWN_PAGE}/2/correct").status_code == 400

    def test_page_by_page(self, app: Flask, ada: PanelClient) -> None:
        with app.app_context(), db.transaction() as session:
            sample_deliveries.overdraw(session, 30, 5, *range(1, 44))
        pages, path = [], OVERDRAWN_PAGE
        while path:
            text = ada.get(path).text
            pages.append(len(row_texts(text)))
            path = pager_link(text, "Next page") or ""
        assert pages == [20, 20, 5]


@ON_BOTH
class TestAttempts:
    """The list of attempts."""

    @pytest.fixture(autouse=True)
    def _attempts(self, app: Flask) -> None:
        with app.app_context(), db.transaction() as session:
            sample_deliveries.add_remote(session)
            sample_deliveries.add_attempts(session)
            sample_deliveries.add_attempts(session, sample_deliveries.add_remote(session, "Mug shop", MUG_SHOP_AUTH).id)

    def test_each_row_names_the_outcome(self, ada: PanelClient) -> None:
        under_way, broken_off, bad, timed_out, partly, fine = row_texts(ada.get(f"{ATTEMPTS}?remote=1").text)
        assert under_way.endswith("Tea shop 7 In progress")
        assert broken_off == (
            "1 Mar 2026, 12:04 Tea shop 5 Interrupted This site stopped during the attempt. "
            "Its movements are sent again and count only once."
        )
        assert bad.endswith("Tea shop 3 Failed The call failed (bad_answer). 33 min 20 s")
        assert timed_out.endswith("3 Failed tea.test did not answer within 10 seconds. 1 min 40 s")
        assert partly.endswith("10 Partly delivered 9 of 10 delivered. See Deliveries for the others. 5.0 s")
        assert fine == "1 Mar 2026, 12:00 Tea shop 1,200 Delivered 250 ms"

    def test_an_attempt_that_delivered_nothing(self, app: Flask, ada: PanelClient) -> None:
        with app.app_context(), db.transaction() as session:
            session.execute(update(Attempt).where(Attempt.delivered == 9).values(delivered=0))
        partly = row_texts(ada.get(f"{ATTEMPTS}?remote=1").text)[4]
        assert partly.endswith("10 Nothing delivered 0 of 10 delivered. See Deliveries for the others. 5.0 s")

    def test_the_filter(self, ada: PanelClient) -> None:
        assert len(row_texts(ada.get(ATTEMPTS).text)) == 12
        failed = row_texts(ada.get(f"{ATTEMPTS}?outcome=failed").text)
        assert len(failed) == 4
        assert all("Failed" in row for row in failed)
        assert len(row_texts(ada.get(f"{ATTEMPTS}?outcome=failed&remote=2").text)) == 2

    @pytest.mark.parametrize(
        ("query", "field", "sentence"),
        [
            ("remote=9", "remote", UNKNOWN_REMOTE),
            ("remote=%00", "remote", UNKNOWN_REMOTE),
            ("outcome=good", "outcome", "There is no such outcome. Choose one from the list."),
        ],
    )
    def test_an_invalid_filter(self, ada: PanelClient, query: str, field: str, sentence: str) -> None:
        answer = ada.get(f"{ATTEMPTS}?{query}")
        assert answer.status_code == 422
        assert field_errors(answer.text) == {field: sentence}
        assert "nothing is listed" in empty_text(answer.text)

    def test_a_clock_that_was_set_back(self, app: Flask, ada: PanelClient) -> None:
        with app.app_context(), db.transaction() as session:
            for attempt in session.scalars(select(Attempt).where(Attempt.code.is_not(None))):
                attempt.ended_at = attempt.started_at - timedelta(hours=1)
            session.scalars(select(Attempt).where(Attempt.deliveries == 7)).first().started_at += timedelta(hours=1)
        shown_rows = row_texts(ada.get(f"{ATTEMPTS}?remote=1").text)
        assert shown_rows[-1].endswith("Delivered 0 ms")
        assert shown_rows[0].endswith("In progress")

    def test_page_by_page_with_its_filter(self, app: Flask, ada: PanelClient) -> None:
        with app.app_context(), db.transaction() as session:
            for _ in range(10):
                sample_deliveries.add_attempts(session)
        text = ada.get(f"{ATTEMPTS}?outcome=failed&remote=1").text
        following = pager_link(text, "Next page")
        assert following
        assert "outcome=failed" in following
        assert len(row_texts(text)) == 20
        assert len(row_texts(ada.get(following).text)) == 2


@ON_BOTH
def test_status_changes(app: Flask, ada: PanelClient) -> None:
    with app.app_context(), db.transaction() as session:
        sample_deliveries.add_remote(session)
        sample_deliveries.add_status_changes(session)
        sample_deliveries.add_status_changes(
            session, sample_deliveries.add_remote(session, "Mug shop", MUG_SHOP_AUTH).id
        )
    assert len(row_texts(ada.get(CHANGES).text)) == 4
    error, green = row_texts(ada.get(f"{CHANGES}?remote=1").text)
    assert error == "1 Mar 2026, 12:09 Tea shop In step Error tea.test refuses these credentials."
    assert green == "1 Mar 2026, 12:00 Tea shop Nothing sent yet In step"
    answer = ada.get(f"{CHANGES}?remote=9")
    assert answer.status_code == 422
    assert field_errors(answer.text) == {"remote": UNKNOWN_REMOTE}


def test_links_between_the_lists_keep_the_remote(app: Flask, ada: PanelClient) -> None:
    with app.app_context(), db.transaction() as session:
        sample_deliveries.add_remote(session)
    for path in (PAGE, ATTEMPTS, CHANGES):
        text = ada.get(f"{path}?remote=1").text
        for other in (PAGE, ATTEMPTS, CHANGES):
            assert f'href="{other}?remote=1"' in text
        assert text.count('aria-current="page"') >= 2
