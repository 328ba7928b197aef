"""System › Activity: a balance below zero is corrected on all sites, or here only, which is a declared difference."""

import pytest
from flask import Flask
from sqlalchemy import func, select, update

from pointsync import clock, db, leases
from pointsync.ledger.apply import IncomingMovement, apply
from pointsync.ledger.below_zero import overdrawn
from pointsync.models import Balance, Delivery, Movement, Remote, Reserve
from tests.admin import sample_deliveries, sample_remotes
from tests.admin.activity.activity_page import PAGE, empty_text, pager_link, row_texts
from tests.admin.conftest import BOTH_DATABASES
from tests.admin.page_text import main_text
from tests.support.panel_client import PanelClient

ON_BOTH = pytest.mark.parametrize("database_settings", BOTH_DATABASES, indirect=True)

LIST = f"{PAGE}/below-zero"
CORRECT, CORRECT_HERE = f"{LIST}/2/correct", f"{LIST}/2/correct-here"
DIFFERENCES = f"{PAGE}/declared-differences"


@pytest.fixture
def overdrawn_app(app: Flask) -> Flask:
    """Alice has −20 after a spend on another site, and a movement of hers is not delivered. A worker runs."""
    with app.app_context(), db.transaction() as session:
        leases.record_heartbeat(session, "a" * 32)
        sample_deliveries.add_remote(session)
        sample_deliveries.record_points(session, 10)
        sample_deliveries.overdraw(session, 30)
    return app


def state(app: Flask) -> tuple[int, list[str], int]:
    """Alice's balance, the kinds of all movements, and how many deliveries there are."""
    with app.app_context(), db.transaction() as session:
        kinds = list(session.scalars(select(Movement.kind).order_by(Movement.seq)))
        deliveries = session.scalar(select(func.count()).select_from(Delivery)) or 0
        return session.scalars(select(Balance.points)).one(), kinds, deliveries


def apply_correction(app: Flask, movement_id: str, ref: str) -> None:
    """The other site's correction arrives."""
    with app.app_context(), db.transaction() as session:
        reserve = session.scalars(select(Reserve)).one()
        incoming = IncomingMovement(movement_id, sample_deliveries.ALICE, points=20, kind="manual", ref=ref)
        apply(session, sample_deliveries.TEA_SHOP_AUTH, reserve, [incoming], clock.now())


@ON_BOTH
class TestCorrect:
    def test_the_sheet_says_what_is_late_and_offers_the_other_way(self, overdrawn_app: Flask, ada: PanelClient) -> None:
        text = ada.get(f"{CORRECT}?size=40").text
        assert "Not all sites are in step." in main_text(text)
        assert "Tea shop : 1 movement of this customer is not delivered." in main_text(text)
        assert "If another site corrects this at the same moment, one of the two" in main_text(text)
        assert f'href="{CORRECT_HERE}?size=40"' in text
        assert "Since the balance went below zero" not in text

    def test_the_sheet_shows_what_happened_since(self, overdrawn_app: Flask, ada: PanelClient) -> None:
        with overdrawn_app.app_context(), db.transaction() as session:
            session.execute(update(Delivery).values(state="delivered"))
            for number in range(7):
                sample_deliveries.record_points(session, 1, reason=f"Order {number} <b>")
            session.execute(update(Delivery).values(state="delivered"))
        text = ada.get(CORRECT).text
        assert "&lt;b&gt;" in text
        assert "<b>" not in text
        shown = main_text(text)
        assert [f"Order {number}" in shown for number in range(7)] == [False] * 2 + [True] * 5
        assert "Earlier movements are in the customer's history" in shown
        assert "Not all sites are in step." not in shown

    @pytest.mark.parametrize(
        ("values", "words"),
        [
            ({"status": "error", "status_text": "It refused the connection."}, "It refused the connection."),
            ({"paused_at": sample_remotes.CREATED_AT}, "Tea shop (paused)"),
        ],
    )
    def test_a_remote_that_is_not_in_step(
        self, overdrawn_app: Flask, ada: PanelClient, values: dict[str, object], words: str
    ) -> None:
        with overdrawn_app.app_context(), db.transaction() as session:
            session.execute(update(Delivery).values(state="delivered"))
            session.execute(update(Remote).values(values))
        assert words in main_text(ada.get(CORRECT).text)

    def test_it_goes_to_all_sites(self, overdrawn_app: Flask, ada: PanelClient) -> None:
        assert ada.send(CORRECT).location == LIST
        assert state(overdrawn_app) == (0, ["earn", "spend", "manual"], 2)
        [row] = row_texts(ada.get(LIST).text)
        assert row.endswith("Tea shop −20 0 Corrected: +20")
        assert row_texts(ada.get(DIFFERENCES).text) == []

    def test_the_other_site_was_first(self, overdrawn_app: Flask, ada: PanelClient) -> None:
        token = ada.token(CORRECT)
        apply_correction(overdrawn_app, "5", "below-zero:8:1")
        assert ada.post(CORRECT, {"csrf_token": token}).location == LIST
        assert "so there is nothing to correct" in ada.get(LIST).text
        assert state(overdrawn_app)[0] == 0

    def test_both_sites_were_first(self, overdrawn_app: Flask, ada: PanelClient) -> None:
        ada.send(CORRECT)
        apply_correction(overdrawn_app, "5", "below-zero:8:1")
        assert state(overdrawn_app) == (0, ["earn", "spend", "manual", "manual", "manual"], 3)
        [row] = row_texts(ada.get(LIST).text)
        assert row.endswith("Tea shop −20 0 Corrected by another site")

    def test_without_remotes(self, app: Flask, ada: PanelClient) -> None:
        with app.app_context(), db.transaction() as session:
            sample_deliveries.overdraw(session, 30)
        text = main_text(ada.get(f"{LIST}/1/correct").text)
        assert "A movement of +30 brings the balance to 0." in text
        assert "No remote site observes this points reserve" in text
        assert "Correct here only" not in text


@ON_BOTH
class TestCorrectHereOnly:
    def test_it_stays_here_and_is_a_declared_difference(self, overdrawn_app: Flask, ada: PanelClient) -> None:
        text = main_text(ada.get(f"{CORRECT_HERE}?size=40").text)
        assert "The other sites keep their balance." in text
        assert "the customer has 20 points more here than there" in text
        assert ada.send(f"{CORRECT_HERE}?size=40").location == f"{LIST}?size=40"
        assert state(overdrawn_app) == (0, ["earn", "spend", "correction"], 1)
        page = ada.get(LIST).text
        assert "The correction stays on this site, and is listed under Declared differences." in page
        assert row_texts(page)[0].endswith("Tea shop −20 0 Corrected here only: +20")
        [row] = row_texts(ada.get(DIFFERENCES).text)
        assert row.endswith("alice@shop.test Corrected in Points The balance was below zero +20")

    def test_refusals(self, overdrawn_app: Flask, ada: PanelClient) -> None:
        token = ada.token(CORRECT_HERE)
        with overdrawn_app.app_context(), db.transaction() as session:
            session.execute(update(Reserve).values(is_active=False))
        answer = ada.post(CORRECT_HERE, {"csrf_token": token})
        assert (answer.status_code, "The points reserve default is not active." in answer.text) == (422, True)
        assert "<title>Error: " in answer.text
        for seq in ("1", "999", "9223372036854775808", "x"):
            assert ada.get(f"{LIST}/{seq}/correct-here").status_code == 404
        assert ada.post(CORRECT_HERE).status_code == 400
        assert state(overdrawn_app)[1] == ["earn", "spend"]


class TestDeclaredDifferences:
    def test_an_empty_list_says_what_it_will_show(self, ada: PanelClient) -> None:
        assert empty_text(ada.get(DIFFERENCES).text).startswith(
            "No declared differences. If you correct a balance here"
        )

    @ON_BOTH
    def test_page_by_page(self, app: Flask, ada: PanelClient) -> None:
        with app.app_context(), db.transaction() as session:
            for number in range(25):
                sample_deliveries.overdraw(session, 7, customer=f"c{number}@shop.test", first_id=number + 1)
                overdrawn.correct_here(session, Movement.get_last_seq(session), clock.now())
        pages, path = [], DIFFERENCES
        while path:
            text = ada.get(path).text
            pages.append(len(row_texts(text)))
            path = pager_link(text, "Next page") or ""
        assert pages == [20, 5]

    def test_a_broken_page_number(self, ada: PanelClient) -> None:
        assert ada.get(f"{DIFFERENCES}?cursor=x").status_code == 422
