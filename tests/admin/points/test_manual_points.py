"""Adjust points of one customer: recorded at once, and only once."""

from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote_from_bytes

import pytest
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from pointsync import clock, db
from pointsync.ledger import reserves
from pointsync.ledger.record import Draft, record
from pointsync.models import Admin, Customer, Delivery
from pointsync.models.remote import Remote
from tests.admin import sample_remotes
from tests.admin.conftest import BOTH_DATABASES
from tests.admin.page_text import field_errors, main_text
from tests.admin.points.points_page import (
    PAGE,
    balances,
    create_customers,
    filled_form,
    hidden_fields,
    manual_movements,
)
from tests.support.panel_client import PanelClient
from tests.support.site_template import run_in_transaction

FORM = "application/x-www-form-urlencoded"


@pytest.mark.parametrize("database_settings", BOTH_DATABASES, indirect=True)
def test_a_new_customer_gets_points(app: Flask, ada: PanelClient) -> None:
    run_in_transaction(app, sample_remotes.add_remote_of_each_status)
    sent = filled_form(ada, email=" Eve@Shop.TEST ", reason=" Thanks & more ")
    answer = ada.post(PAGE, sent)
    assert answer.status_code == 303
    with app.app_context():
        eve = db.session.scalars(select(Customer)).one()
        assert answer.location == f"/customers/{eve.id}"
        assert db.session.scalar(select(func.count()).select_from(Delivery)) == 4
    (movement,) = manual_movements(app)
    assert (movement.kind, movement.points, movement.source, movement.reason) == (
        "manual",
        50,
        "admin:Ada",
        "Thanks & more",
    )
    assert (movement.ref or "").startswith(f"hand:{sent['idempotency_key'][0]}:")
    assert balances(app) == {"eve": 50}
    assert "Recorded: 1 movement, +50 points. It is sent to 4 remotes." in main_text(ada.get(PAGE).text)


@pytest.mark.parametrize(
    ("what", "points", "after"),
    [
        ("add", "5", 105),
        ("subtract", " 5 ", 95),
        ("subtract", "100", 0),
        ("set", "0", 0),
        ("set", "-7", -7),
        ("set", "−7", -7),
        ("set", "2000000000", 2_000_000_000),
        ("set", "-2000000000", -2_000_000_000),
    ],
)
def test_a_known_customer(app: Flask, ada: PanelClient, what: str, points: str, after: int) -> None:
    (number,) = create_customers(app, bob=100)
    text = ada.get(f"{PAGE}?customer={number}").text
    assert "bob@shop.test" in text
    assert 'name="email"' not in text
    answer = ada.post(PAGE, filled_form(ada, f"?customer={number}", what=what, points=points))
    assert (answer.status_code, answer.location) == (303, f"/customers/{number}")
    assert balances(app) == {"bob": after}
    assert manual_movements(app)[0].set_to == (after if what == "set" else None)
    page_text = main_text(ada.get(PAGE).text)
    assert ("which is below zero" in page_text) == (after < 0)
    assert "No remote observes this reserve, so it stays on this site." in page_text


def test_closing_and_deleted_remotes_are_not_counted(app: Flask, ada: PanelClient) -> None:
    def change(session: Session) -> None:
        remotes = sample_remotes.add_remote_of_each_status(session)
        remotes[0].closing_at = remotes[1].deleted_at = sample_remotes.CREATED_AT
        session.get_one(Remote, 3).paused_at = sample_remotes.CREATED_AT

    run_in_transaction(app, change)
    ada.post(PAGE, filled_form(ada))
    assert "It is sent to 2 remotes." in main_text(ada.get(PAGE).text)
    with app.app_context():
        assert db.session.scalar(select(func.count()).select_from(Delivery)) == 2


def test_a_balance_that_already_has_the_value(app: Flask, ada: PanelClient) -> None:
    create_customers(app, eve=50)
    sent = filled_form(ada, what="set")
    assert ada.post(PAGE, sent).status_code == 303
    page_text = main_text(ada.get(PAGE).text)
    assert "1 balance already has this value, so nothing was recorded for it." in page_text
    assert "Recorded:" not in page_text
    run_in_transaction(app, lambda session: record(session, [Draft("eve@shop.test", points=1)], "test", clock.now()))
    ada.post(PAGE, sent)
    assert balances(app) == {"eve": 51}


@pytest.mark.parametrize("database_settings", BOTH_DATABASES, indirect=True)
@pytest.mark.parametrize("what", ["add", "subtract", "set"])
def test_the_same_form_again_records_nothing(app: Flask, ada: PanelClient, what: str) -> None:
    create_customers(app, eve=20)
    sent = filled_form(ada, what=what)
    assert ada.post(PAGE, sent).status_code == 303
    ada.get(PAGE)
    before = balances(app)
    for again in (sent, sent | {"email": "EVE@shop.test "}, sent | {"reason": "Other words"}):
        answer = ada.post(PAGE, again)
        assert answer.status_code == 303
        assert "This was already recorded. Nothing was recorded twice." in main_text(ada.get(PAGE).text)
    assert balances(app) == before
    assert len(manual_movements(app)) == 1


@pytest.mark.parametrize("database_settings", BOTH_DATABASES, indirect=True)
@pytest.mark.parametrize("what", ["add", "set"])
def test_a_double_click(app: Flask, ada: PanelClient, what: str) -> None:
    sent = filled_form(ada, what=what)
    others = [PanelClient(app) for _ in range(4)]
    for other in others:
        other.client.set_cookie("pointsync_session", ada.cookie())
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda other: other.post(PAGE, sent).status_code, others))
    assert answers == [303] * 4
    assert balances(app) == {"eve": 50}
    assert len(manual_movements(app)) == 1


@pytest.mark.parametrize("other", [{"points": "60"}, {"what": "subtract"}, {"what": "set"}, {"reserve": "gold"}])
def test_the_same_form_with_other_content_must_be_sent_again(
    app: Flask, ada: PanelClient, other: dict[str, str]
) -> None:
    run_in_transaction(app, lambda session: reserves.create(session, "gold", "Gold", clock.now()))
    sent = filled_form(ada)
    ada.post(PAGE, sent)
    answer = ada.post(PAGE, sent | other)
    assert answer.status_code == 422
    assert "This form was already used to record something else" in main_text(answer.text)
    assert len(manual_movements(app)) == 1
    assert hidden_fields(answer.text)["idempotency_key"] != sent["idempotency_key"]
    assert ada.post(PAGE, sent | other | hidden_fields(answer.text)).status_code == 303
    assert len(manual_movements(app)) == 2


POINTS_INPUTS = [
    "",
    " ",
    "1.5",
    "1,5",
    "3e9",
    "٣",
    "５",
    "+5",
    "0x5",
    "5\0",
    "9" * 5000,
    "2000000001",
    "NaN",
    "1_0",
    "²",
]
POSITIVE_HINT = "Type a whole number from 1 to 2,000,000,000"
SIGNED_HINT = "Type a whole number from −2,000,000,000 to 2,000,000,000"
ERRORS: dict[str, list[tuple[dict[str, str | None], str]]] = {
    "points": [
        *(({"points": each}, POSITIVE_HINT) for each in [*POINTS_INPUTS, "0", "-5", None]),
        *(({"what": "subtract", "points": each}, POSITIVE_HINT) for each in ["", "0", "-5", "+5"]),
        *(({"what": "set", "points": each}, SIGNED_HINT) for each in [*POINTS_INPUTS, "-2000000001", "--5", "-", None]),
    ],
    "email": [
        ({"email": ""}, "The e-mail address is empty"),
        ({"email": None}, "The e-mail address is empty"),
        ({"email": "no such"}, "is not a valid e-mail address"),
        ({"email": "a@b\0.test"}, "is not a valid e-mail address"),
        ({"email": "a" * 5000}, "at most 254"),
    ],
    "reserve": [({"reserve": each}, "does not exist or is not active") for each in ("old", "none", "\0", "", None)],
    "what": [({"what": each}, "Choose an action") for each in ("double", "\0", "", None)],
    "reason": [
        ({"reason": "a" * 501}, "At most 500 characters"),
        ({"reason": "a\nb"}, "control characters"),
        ({"reason": "a\0b"}, "control characters"),
    ],
}


@pytest.mark.parametrize("field", ERRORS)
def test_an_error_is_shown_at_its_field(app: Flask, ada: PanelClient, field: str) -> None:
    run_in_transaction(app, lambda session: reserves.create(session, "old", None, clock.now(), is_active=False))
    for typed, sentence in ERRORS[field]:
        sent = filled_form(ada) | typed
        answer = ada.post(PAGE, {name: value for name, value in sent.items() if value is not None})
        assert answer.status_code == 422, typed
        errors = field_errors(answer.text)
        assert list(errors) == [field], typed
        assert sentence in errors[field]
        assert field == "reason" or 'value="Thanks"' in answer.text
        assert field == "points" or 'value="50"' in answer.text
        assert hidden_fields(answer.text)["idempotency_key"] == sent["idempotency_key"]
    assert manual_movements(app) == []
    assert balances(app) == {}


def test_all_errors_are_shown_together(ada: PanelClient) -> None:
    answer = ada.post(PAGE, filled_form(ada, email="x", reserve="x", points="x", reason="\0"))
    assert set(field_errors(answer.text)) == {"email", "reserve", "points", "reason"}


@pytest.mark.parametrize("field", ["email", "reserve", "what", "points", "reason", "idempotency_key", "customer"])
def test_garbage_causes_no_server_error(ada: PanelClient, field: str) -> None:
    sent = filled_form(ada, email="no such")
    rest = "&".join(
        f"{name}={value}" for name, value in sent.items() if name not in (field, "csrf_token", "idempotency_key")
    )
    hidden = f"csrf_token={sent['csrf_token'][0]}" + (
        "" if field == "idempotency_key" else f"&idempotency_key={sent['idempotency_key'][0]}"
    )
    for rubbish in (b"\xed\xa0\x80", b"\xff\xfe", b"%", b"<script>", "\u202e\U0001f600".encode()):
        body = f"{rest}&{hidden}&{field}={quote_from_bytes(rubbish)}"
        answer = ada.post(PAGE, body, content_type=FORM)
        assert answer.status_code in (303, 422), rubbish
        assert "<script>" not in answer.text


def test_a_form_without_its_idempotency_key(app: Flask, ada: PanelClient) -> None:
    sent = filled_form(ada)
    del sent["idempotency_key"]
    for key in (
        {},
        {"idempotency_key": ""},
        {"idempotency_key": "x"},
        {"idempotency_key": "A" * 32},
        {"idempotency_key": "\0" * 32},
    ):
        answer = ada.post(PAGE, sent | key)
        assert answer.status_code == 422
        assert "This form is incomplete" in main_text(answer.text)
    assert manual_movements(app) == []
    assert ada.post(PAGE, sent | hidden_fields(answer.text)).status_code == 303


@pytest.mark.parametrize("database_settings", BOTH_DATABASES, indirect=True)
def test_an_admin_with_the_longest_name(app: Flask, ada: PanelClient) -> None:
    def change(session: Session) -> None:
        session.scalars(select(Admin)).one().name = "ä" * 191

    run_in_transaction(app, change)
    sent = filled_form(ada)
    assert ada.post(PAGE, sent).status_code == 303
    assert ada.post(PAGE, sent).status_code == 303
    assert balances(app) == {"eve": 50}


def test_no_active_reserve(app: Flask, ada: PanelClient) -> None:
    run_in_transaction(app, lambda session: reserves.update(session, "default", "Points", False, False))
    answer = ada.post(PAGE, filled_form(ada))
    assert answer.status_code == 422
    assert "Activate one under Points and Rewards" in field_errors(answer.text)["reserve"]


def test_a_request_that_is_too_large(app: Flask, ada: PanelClient) -> None:
    answer = ada.post(PAGE, filled_form(ada, reason="a" * 2 * 1024 * 1024))
    assert answer.status_code == 413
    assert "Send less data at once" in answer.text
    assert manual_movements(app) == []


def test_a_visitor_is_redirected_to_sign_in(app: Flask, stranger: PanelClient) -> None:
    assert stranger.get(PAGE).location.startswith("/sign-in")
    assert stranger.post(PAGE, {"email": "eve@shop.test", "points": "5"}).status_code == 400
    assert manual_movements(app) == []
