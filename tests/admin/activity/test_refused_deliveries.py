"""System › Activity: refused movements are sent again, set aside or corrected, one by one or selected."""

import re
from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import func, select

from pointsync import clock, db
from pointsync.ledger import reserves
from pointsync.ledger.integrity import verify
from pointsync.models import Balance, Delivery, DeliveryState, Movement, Remote
from pointsync.runtime import get_runtime
from tests.admin import sample_deliveries
from tests.admin.activity.activity_page import PAGE, row_texts
from tests.admin.conftest import ALSO_POSTGRES
from tests.admin.page_text import field_errors, main_text
from tests.support.panel_client import PanelClient

ON_BOTH = pytest.mark.parametrize("database_settings", ALSO_POSTGRES, indirect=True)

DELIVERY_PAGE = f"{PAGE}/deliveries/2"
LIST_QUERY = "?remote=1&state=failed"
CHANGED_MEANWHILE = "Nothing was changed: this movement was already resolved or is being sent again."


@pytest.fixture(autouse=True)
def _refused(app: Flask) -> None:
    """Add a delivery in each state; the second one, of 2 points, is refused."""
    with app.app_context(), db.transaction() as session:
        sample_deliveries.add_all_states(session)


@pytest.fixture
def couriers_woken(app: Flask, monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """One entry for each time the couriers were woken."""
    calls: list[bool] = []
    with app.app_context():
        state = get_runtime()
    monkeypatch.setattr(type(state), "wake_couriers", lambda _self: calls.append(True))
    return calls


def current_state(app: Flask) -> tuple[str, int, str | None, int, int]:
    """The delivery's state, attempts and message, Alice's balance, and how many movements there are."""
    with app.app_context(), db.transaction() as session:
        delivery = session.get_one(Delivery, 2)
        movement = session.get_one(Movement, delivery.movement_seq)
        balance = session.get_one(Balance, (movement.customer_id, movement.reserve_id))
        assert verify.find_balance_differences(session) == []
        movement_count = session.scalar(select(func.count()).select_from(Movement))
        return delivery.state, delivery.attempts, delivery.message, balance.points, movement_count or 0


BEFORE = ("failed", 3, sample_deliveries.REFUSAL, 10, 5)


@ON_BOTH
def test_send_again(app: Flask, ada: PanelClient, couriers_woken: list[bool]) -> None:
    answer = ada.send(f"{DELIVERY_PAGE}/again{LIST_QUERY}", PAGE)
    assert answer.status_code == 303
    assert answer.location == f"{PAGE}{LIST_QUERY}"
    assert current_state(app)[:2] == ("pending", 0)
    assert couriers_woken == [True]
    assert "Sending it again now." in ada.get(answer.location).text


@ON_BOTH
def test_set_aside_with_a_reason(app: Flask, ada: PanelClient) -> None:
    text = ada.get(f"{DELIVERY_PAGE}/aside{LIST_QUERY}").text
    assert "+2 for alice@shop.test" in main_text(text)
    assert f"Their answer {sample_deliveries.REFUSAL}" in main_text(text)
    assert f'href="{PAGE}?remote=1&amp;state=failed"' in text
    answer = ada.send(f"{DELIVERY_PAGE}/aside{LIST_QUERY}", reason=" Given by hand & noted. ")
    assert answer.status_code == 303
    assert answer.location == f"{PAGE}{LIST_QUERY}"
    assert current_state(app) == ("aside", 3, "Given by hand & noted.", 10, 5)
    assert "Set aside Attempts 3 Reason Given by hand & noted." in row_texts(ada.get(PAGE).text)[3]


@pytest.mark.parametrize(
    ("reason", "sentence"),
    [
        ("", "Type a reason. It is kept with the movement."),
        (" ", "Type a reason. It is kept with the movement."),
        ("x" * 501, "At most 500 characters; this has 501."),
        ("one\ntwo", "It contains control characters; type plain text on one line."),
        ("\0", "It contains control characters; type plain text on one line."),
    ],
)
def test_an_invalid_reason(app: Flask, ada: PanelClient, reason: str, sentence: str) -> None:
    answer = ada.send(f"{DELIVERY_PAGE}/aside", reason=reason)
    assert answer.status_code == 422
    assert field_errors(answer.text) == {"reason": sentence}
    assert current_state(app) == BEFORE


def test_a_reason_is_required(app: Flask, ada: PanelClient) -> None:
    answer = ada.send(f"{DELIVERY_PAGE}/aside")
    assert answer.status_code == 422
    assert field_errors(answer.text) == {"reason": "Type a reason. It is kept with the movement."}
    assert current_state(app) == BEFORE


@ON_BOTH
def test_correct_here(app: Flask, ada: PanelClient) -> None:
    text = main_text(ada.get(f"{DELIVERY_PAGE}/correct").text)
    assert "a correction of −2" in text
    assert "The balance in Points goes from 10 to 8 ." in text
    assert "took it and keep" not in text
    answer = ada.send(f"{DELIVERY_PAGE}/correct{LIST_QUERY}")
    assert answer.status_code == 303
    assert answer.location == f"{PAGE}{LIST_QUERY}"
    state, _, message, balance, movement_count = current_state(app)
    assert (state, balance, movement_count) == ("aside", 8, 6)
    assert message
    assert message.startswith("Corrected here by movement ")
    with app.app_context(), db.transaction() as session:
        delivery_count = session.scalar(select(func.count()).select_from(Delivery))
        assert delivery_count == 5, "a correction is sent to nobody"


def test_remotes_that_applied_it_are_named(app: Flask, ada: PanelClient) -> None:
    with app.app_context(), db.transaction() as session:
        mug = sample_deliveries.add_remote(session, "Mug shop", "wrk_" + "2" * 16)
        seq = session.get_one(Delivery, 2).movement_seq
        session.add(Delivery(movement_seq=seq, remote_id=mug.id, state=DeliveryState.DELIVERED))
    text = main_text(ada.get(f"{DELIVERY_PAGE}/correct").text)
    assert "Mug shop has applied it. To stay in step, correct it there too." in text


def test_a_movement_that_two_refuse_is_taken_back_once(app: Flask, ada: PanelClient) -> None:
    with app.app_context(), db.transaction() as session:
        mug = sample_deliveries.add_remote(session, "Mug shop", "wrk_" + "2" * 16)
        seq = session.get_one(Delivery, 2).movement_seq
        session.add(Delivery(movement_seq=seq, remote_id=mug.id, state=DeliveryState.FAILED))
    ada.send(f"{DELIVERY_PAGE}/correct")
    second = f"{PAGE}/deliveries/6"
    assert "so nothing more is taken back" in ada.get(f"{second}/correct").text
    assert ada.send(f"{second}/correct").status_code == 303
    assert current_state(app)[3:] == (8, 6)


def test_an_inactive_reserve(app: Flask, ada: PanelClient) -> None:
    with app.app_context(), db.transaction() as session:
        reserves.update(session, "default", "Points", False, False)
    answer = ada.send(f"{DELIVERY_PAGE}/correct")
    assert answer.status_code == 422
    assert "The points reserve default is not active." in answer.text
    assert current_state(app) == BEFORE


WAYS: dict[str, Callable[[PanelClient], object]] = {
    "again": lambda ada: ada.send(f"{DELIVERY_PAGE}/again", PAGE),
    "aside": lambda ada: ada.post(f"{DELIVERY_PAGE}/aside", {"csrf_token": ada.token(PAGE), "reason": "x"}),
    "correct": lambda ada: ada.post(f"{DELIVERY_PAGE}/correct", {"csrf_token": ada.token(PAGE)}),
}


@pytest.mark.parametrize("first", WAYS)
@pytest.mark.parametrize("second", WAYS)
def test_a_resolved_movement_stays_unchanged(app: Flask, ada: PanelClient, first: str, second: str) -> None:
    WAYS[first](ada)
    ada.get(PAGE)
    after = current_state(app)
    WAYS[second](ada)
    assert current_state(app) == after
    assert CHANGED_MEANWHILE in ada.get(PAGE).text
    for sheet in ("aside", "correct"):
        answer = ada.get(f"{DELIVERY_PAGE}/{sheet}", headers={"X-Dialog": "1"})
        assert (answer.status_code, answer.headers["X-Location"]) == (204, PAGE)


@pytest.mark.parametrize("number", ["999", "9223372036854775807", "9223372036854775808", "-1", "x"])
def test_unknown_deliveries(app: Flask, ada: PanelClient, number: str) -> None:
    token = ada.token(PAGE)
    for action in ("aside", "correct"):
        assert ada.get(f"{PAGE}/deliveries/{number}/{action}").status_code == 404
    for action in ("again", "aside", "correct"):
        data = {"csrf_token": token, "reason": "x"}
        assert ada.post(f"{PAGE}/deliveries/{number}/{action}", data).status_code in (404, 405)
    assert ada.get(f"{DELIVERY_PAGE}/again").status_code == 405
    assert current_state(app) == BEFORE


def test_a_form_needs_its_token(app: Flask, ada: PanelClient) -> None:
    for path in (
        f"{DELIVERY_PAGE}/again",
        f"{DELIVERY_PAGE}/aside",
        f"{DELIVERY_PAGE}/correct",
        f"{PAGE}/again",
        f"{PAGE}/remotes/1/retries",
    ):
        assert ada.post(path, {"delivery": "2", "reason": "x"}).status_code == 400
    assert current_state(app) == BEFORE


@ON_BOTH
class TestSelected:
    """Send all selected movements again."""

    def test_they_are_sent_again(self, app: Flask, ada: PanelClient, couriers_woken: list[bool]) -> None:
        with app.app_context(), db.transaction() as session:
            sample_deliveries.record_points(session, 20)
            sample_deliveries.set_delivery_state(session, 20, DeliveryState.FAILED)
        text = ada.get(PAGE).text
        assert re.findall(r'name="delivery" value="(\d+)" form="resend-form"', text) == ["6", "2"]
        answer = ada.send(f"{PAGE}/again{LIST_QUERY}", PAGE, delivery=["2", "6"])
        assert answer.location == f"{PAGE}{LIST_QUERY}"
        assert "Sending 2 movements again now." in ada.get(PAGE).text
        assert current_state(app)[0] == "pending"
        assert couriers_woken == [True]
        assert 'name="delivery"' not in ada.get(PAGE).text

    def test_resolved_movements_are_skipped_and_counted(self, app: Flask, ada: PanelClient) -> None:
        ada.send(f"{PAGE}/again", PAGE, delivery=["1", "2", "999", "2"])
        text = ada.get(PAGE).text
        assert "Sending 1 movement again now. Skipped 2 movements: already resolved." in text
        ada.send(f"{PAGE}/again", PAGE, delivery=["1", "2"])
        assert CHANGED_MEANWHILE in ada.get(PAGE).text

    @pytest.mark.parametrize("selected", [[], ["x"], ["-2"], ["9" * 400], ["\0"], ["٢"]])
    def test_nothing_is_selected(self, app: Flask, ada: PanelClient, selected: list[str]) -> None:
        assert ada.send(f"{PAGE}/again", PAGE, delivery=selected).status_code == 303
        assert "Nothing is selected" in ada.get(PAGE).text
        assert current_state(app) == BEFORE


@ON_BOTH
def test_retry_now_for_the_selected_remote(app: Flask, ada: PanelClient, couriers_woken: list[bool]) -> None:
    assert "Retry now" not in ada.get(PAGE).text
    for path, query in ((PAGE, ""), (f"{PAGE}/attempts", "list=attempts&amp;")):
        with app.app_context(), db.transaction() as session:
            remote = session.get_one(Remote, 1)
            remote.is_probing, remote.next_attempt_at = True, clock.now()
        text = ada.get(f"{path}?remote=1&size=40").text
        assert "In step" in main_text(text)
        assert f'action="{PAGE}/remotes/1/retries?{query}remote=1&amp;size=40"' in text
        answer = ada.send(f"{PAGE}/remotes/1/retries?{query}remote=1&size=40".replace("&amp;", "&"), PAGE)
        assert answer.location == f"{path}?remote=1&size=40"
        assert "Retrying Tea shop now." in ada.get(answer.location).text
        with app.app_context(), db.transaction() as session:
            assert not session.get_one(Remote, 1).is_probing
    assert couriers_woken == [True, True]
    assert ada.send(f"{PAGE}/remotes/9/retries", PAGE).status_code == 404
