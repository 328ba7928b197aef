"""What a remote has refused: sent again, set aside or corrected here, one by one or all that are ticked."""

import re
from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import func, select

from pointsync import clock, db
from pointsync.ledger import reserves, verify
from pointsync.models import Balance, Delivery, Movement, Remote, State
from pointsync.runtime import runtime
from tests.admin import sample_deliveries as shown
from tests.admin.activity.activity_page import PAGE, rows
from tests.admin.conftest import BOTH
from tests.admin.page_text import words, wrong
from tests.support.panel_client import Visitor

ON_BOTH = pytest.mark.parametrize("where", BOTH, indirect=True)

ONE = f"{PAGE}/deliveries/2"
KEPT = "?remote=1&state=failed"
MEANWHILE = "Nothing was changed: this movement was dealt with meanwhile, or is on its way again."


@pytest.fixture(autouse=True)
def _refused(app: Flask) -> None:
    """A delivery in each state; the second one, of 2 points, was refused."""
    with app.app_context(), db.write() as session:
        shown.add_each(session)


@pytest.fixture
def woken(app: Flask, monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether the couriers were rung for."""
    calls: list[bool] = []
    with app.app_context():
        here = runtime()
    monkeypatch.setattr(type(here), "wake", lambda _self: calls.append(True))
    return calls


def look(app: Flask) -> tuple[str, int, str | None, int, int]:
    """The delivery's state, attempts and message, Alice's balance, and how many movements there are."""
    with app.app_context(), db.write() as session:
        one = session.get_one(Delivery, 2)
        movement = session.get_one(Movement, one.movement_seq)
        balance = session.get_one(Balance, (movement.customer_id, movement.reserve_id))
        assert verify.differences(session) == []
        made = session.scalar(select(func.count()).select_from(Movement))
        return one.state, one.attempts, one.message, balance.points, made or 0


BEFORE = ("failed", 3, shown.SAID, 10, 5)


@ON_BOTH
def test_send_again(app: Flask, ada: Visitor, woken: list[bool]) -> None:
    answer = ada.send(f"{ONE}/again{KEPT}", PAGE)
    assert answer.status_code == 303
    assert answer.location == f"{PAGE}{KEPT}"
    assert look(app)[:2] == ("pending", 0)
    assert woken == [True]
    assert "It is sent again now." in ada.get(answer.location).text


@ON_BOTH
def test_set_aside_with_a_reason(app: Flask, ada: Visitor) -> None:
    text = ada.get(f"{ONE}/aside{KEPT}").text
    assert "+2 for alice@shop.test" in words(text)
    assert f"Said there {shown.SAID}" in words(text)
    assert f'href="{PAGE}?remote=1&amp;state=failed"' in text
    answer = ada.send(f"{ONE}/aside{KEPT}", reason=" Given by hand & noted. ")
    assert answer.status_code == 303
    assert answer.location == f"{PAGE}{KEPT}"
    assert look(app) == ("aside", 3, "Given by hand & noted.", 10, 5)
    assert "Set aside Attempts 3 Reason Given by hand & noted." in rows(ada.get(PAGE).text)[3]


@pytest.mark.parametrize(
    ("reason", "sentence"),
    [
        ("", "Type why it is not sent; it stays with the movement."),
        (" ", "Type why it is not sent; it stays with the movement."),
        ("x" * 501, "At most 500 characters; this has 501."),
        ("one\ntwo", "It holds control characters; type plain text on one line."),
        ("\0", "It holds control characters; type plain text on one line."),
    ],
)
def test_a_reason_that_cannot_be(app: Flask, ada: Visitor, reason: str, sentence: str) -> None:
    answer = ada.send(f"{ONE}/aside", reason=reason)
    assert answer.status_code == 422
    assert wrong(answer.text) == {"reason": sentence}
    assert look(app) == BEFORE


def test_a_reason_is_not_left_out(app: Flask, ada: Visitor) -> None:
    answer = ada.send(f"{ONE}/aside")
    assert answer.status_code == 422
    assert wrong(answer.text) == {"reason": "Type why it is not sent; it stays with the movement."}
    assert look(app) == BEFORE


@ON_BOTH
def test_correct_here(app: Flask, ada: Visitor) -> None:
    text = words(ada.get(f"{ONE}/correct").text)
    assert "a correction of −2" in text
    assert "The customer has 8 in Points then, after 10 now." in text
    assert "took it and keep" not in text
    answer = ada.send(f"{ONE}/correct{KEPT}")
    assert answer.status_code == 303
    assert answer.location == f"{PAGE}{KEPT}"
    state, _, message, balance, made = look(app)
    assert (state, balance, made) == ("aside", 8, 6)
    assert message
    assert message.startswith("Corrected here by movement ")
    with app.app_context(), db.write() as session:
        owed = session.scalar(select(func.count()).select_from(Delivery))
        assert owed == 5, "a correction is sent to nobody"


def test_who_took_it_is_named(app: Flask, ada: Visitor) -> None:
    with app.app_context(), db.write() as session:
        mug = shown.add_remote(session, "Mug shop", "wrk_" + "2" * 16)
        seq = session.get_one(Delivery, 2).movement_seq
        session.add(Delivery(movement_seq=seq, remote_id=mug.id, state=State.DELIVERED))
    text = words(ada.get(f"{ONE}/correct").text)
    assert "Mug shop took it and keeps it. To be in step, correct it there too." in text


def test_what_two_refuse_is_taken_back_once(app: Flask, ada: Visitor) -> None:
    with app.app_context(), db.write() as session:
        mug = shown.add_remote(session, "Mug shop", "wrk_" + "2" * 16)
        seq = session.get_one(Delivery, 2).movement_seq
        session.add(Delivery(movement_seq=seq, remote_id=mug.id, state=State.FAILED))
    ada.send(f"{ONE}/correct")
    second = f"{PAGE}/deliveries/6"
    assert "nothing is taken twice" in ada.get(f"{second}/correct").text
    assert ada.send(f"{second}/correct").status_code == 303
    assert look(app)[3:] == (8, 6)


def test_a_reserve_that_takes_no_points_says_so(app: Flask, ada: Visitor) -> None:
    with app.app_context(), db.write() as session:
        reserves.change(session, "default", "Points", False, False)
    answer = ada.send(f"{ONE}/correct")
    assert answer.status_code == 422
    assert "The points reserve default is not active." in answer.text
    assert look(app) == BEFORE


WAYS: dict[str, Callable[[Visitor], object]] = {
    "again": lambda ada: ada.send(f"{ONE}/again", PAGE),
    "aside": lambda ada: ada.post(f"{ONE}/aside", {"csrf_token": ada.token(PAGE), "reason": "x"}),
    "correct": lambda ada: ada.post(f"{ONE}/correct", {"csrf_token": ada.token(PAGE)}),
}


@pytest.mark.parametrize("first", WAYS)
@pytest.mark.parametrize("second", WAYS)
def test_what_was_dealt_with_meanwhile_is_left_alone(app: Flask, ada: Visitor, first: str, second: str) -> None:
    WAYS[first](ada)
    ada.get(PAGE)
    after = look(app)
    WAYS[second](ada)
    assert look(app) == after
    assert MEANWHILE in ada.get(PAGE).text
    for sheet in ("aside", "correct"):
        answer = ada.get(f"{ONE}/{sheet}", headers={"X-Dialog": "1"})
        assert (answer.status_code, answer.headers["X-Location"]) == (204, PAGE)


@pytest.mark.parametrize("number", ["999", "9223372036854775807", "9223372036854775808", "-1", "x"])
def test_what_is_not_there(app: Flask, ada: Visitor, number: str) -> None:
    token = ada.token(PAGE)
    for action in ("aside", "correct"):
        assert ada.get(f"{PAGE}/deliveries/{number}/{action}").status_code == 404
    for action in ("again", "aside", "correct"):
        data = {"csrf_token": token, "reason": "x"}
        assert ada.post(f"{PAGE}/deliveries/{number}/{action}", data).status_code in (404, 405)
    assert ada.get(f"{ONE}/again").status_code == 405
    assert look(app) == BEFORE


def test_a_form_needs_its_token(app: Flask, ada: Visitor) -> None:
    for path in (f"{ONE}/again", f"{ONE}/aside", f"{ONE}/correct", f"{PAGE}/again", f"{PAGE}/remotes/1/retries"):
        assert ada.post(path, {"delivery": "2", "reason": "x"}).status_code == 400
    assert look(app) == BEFORE


@ON_BOTH
class TestTicked:
    """All that are ticked at once."""

    def test_they_are_sent_again(self, app: Flask, ada: Visitor, woken: list[bool]) -> None:
        with app.app_context(), db.write() as session:
            shown.make(session, 20)
            shown.settle(session, 20, State.FAILED)
        text = ada.get(PAGE).text
        assert re.findall(r'name="delivery" value="(\d+)" form="again"', text) == ["6", "2"]
        answer = ada.send(f"{PAGE}/again{KEPT}", PAGE, delivery=["2", "6"])
        assert answer.location == f"{PAGE}{KEPT}"
        assert "2 movements are sent again now." in ada.get(PAGE).text
        assert look(app)[0] == "pending"
        assert woken == [True]
        assert 'name="delivery"' not in ada.get(PAGE).text

    def test_what_was_dealt_with_meanwhile_is_counted(self, app: Flask, ada: Visitor) -> None:
        ada.send(f"{PAGE}/again", PAGE, delivery=["1", "2", "999", "2"])
        text = ada.get(PAGE).text
        assert "1 movement is sent again now. 2 movements are dealt with meanwhile and left alone." in text
        ada.send(f"{PAGE}/again", PAGE, delivery=["1", "2"])
        assert MEANWHILE in ada.get(PAGE).text

    @pytest.mark.parametrize("ticked", [[], ["x"], ["-2"], ["9" * 400], ["\0"], ["٢"]])
    def test_nothing_is_ticked(self, app: Flask, ada: Visitor, ticked: list[str]) -> None:
        assert ada.send(f"{PAGE}/again", PAGE, delivery=ticked).status_code == 303
        assert "Nothing is ticked" in ada.get(PAGE).text
        assert look(app) == BEFORE


@ON_BOTH
def test_retry_now_for_the_remote_that_is_chosen(app: Flask, ada: Visitor, woken: list[bool]) -> None:
    assert "Retry now" not in ada.get(PAGE).text
    for path, query in ((PAGE, ""), (f"{PAGE}/attempts", "list=attempts&amp;")):
        with app.app_context(), db.write() as session:
            remote = session.get_one(Remote, 1)
            remote.is_probing, remote.next_attempt_at = True, clock.now()
        text = ada.get(f"{path}?remote=1&size=40").text
        assert "In step" in words(text)
        assert f'action="{PAGE}/remotes/1/retries?{query}remote=1&amp;size=40"' in text
        answer = ada.send(f"{PAGE}/remotes/1/retries?{query}remote=1&size=40".replace("&amp;", "&"), PAGE)
        assert answer.location == f"{path}?remote=1&size=40"
        assert "Trying Tea shop again now." in ada.get(answer.location).text
        with app.app_context(), db.write() as session:
            assert not session.get_one(Remote, 1).is_probing
    assert woken == [True, True]
    assert ada.send(f"{PAGE}/remotes/9/retries", PAGE).status_code == 404
