"""Redeeming a reward for a customer, once per form; and the levels on the customer's page."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from pointsync import db
from pointsync.ledger import reserves
from pointsync.ledger.rewards import levels, rewards
from pointsync.models import Movement
from tests.admin import sample_remotes
from tests.admin.conftest import BOTH_DATABASES
from tests.admin.page_text import field_errors, main_text
from tests.admin.points.points_page import balances, create_customers, hidden_fields
from tests.admin.sample_remotes import CREATED_AT
from tests.support.panel_client import PanelClient
from tests.support.site_template import run_in_transaction

PAGE = "/customers/1/redeem"


@pytest.fixture
def rewards_app(app: Flask) -> Flask:
    """Bob has 100 points. A mug costs 50, a teapot 900."""

    def change(session: Session) -> None:
        reserve = reserves.get(session, "default")
        rewards.create(session, reserve, "Mug", "A <b>blue</b> one", 50, CREATED_AT)
        rewards.create(session, reserve, "Teapot", "", 900, CREATED_AT)

    run_in_transaction(app, change)
    assert create_customers(app, bob=100) == [1]
    return app


def change_reward(app: Flask, title: str = "Mug", cost: int = 50, is_active: bool = True) -> None:
    """Change the mug."""
    run_in_transaction(
        app,
        lambda session: rewards.update(session, reserves.get(session, "default"), 1, title, "", cost, is_active),
    )


def filled_form(ada: PanelClient, choice: str = "1-50") -> dict[str, Any]:
    """The form's fields as a browser would send them."""
    return {"reward": choice} | hidden_fields(ada.get(PAGE).text)


def redemptions(app: Flask) -> list[tuple[int, str, str | None]]:
    """The redemptions: points, reason and source."""
    with app.app_context():
        rows = db.session.scalars(select(Movement).where(Movement.kind == "redeem").order_by(Movement.seq))
        return [(each.points, each.reason, each.source) for each in rows]


@pytest.mark.parametrize("database_settings", BOTH_DATABASES, indirect=True)
def test_a_reward_that_the_customer_can_afford(rewards_app: Flask, ada: PanelClient) -> None:
    run_in_transaction(rewards_app, sample_remotes.add_remote_of_each_status)
    assert 'href="/customers/1/redeem"' in ada.get("/customers/1").text
    text = ada.get(PAGE).text
    assert "<b>blue" not in text
    shown = main_text(text)
    assert "Mug Costs 50 points; 50 remain. A <b>blue</b> one" in shown
    assert "Teapot" not in shown
    answer = ada.post(PAGE, filled_form(ada))
    assert (answer.status_code, answer.location) == (303, "/customers/1")
    assert redemptions(rewards_app) == [(-50, "Redeemed: Mug", "admin:Ada")]
    shown = main_text(ada.get("/customers/1").text)
    assert "Recorded: 1 movement, −50 points. It is sent to 4 remotes." in shown
    assert "Redeemed: Mug" in shown


@pytest.mark.parametrize("database_settings", BOTH_DATABASES, indirect=True)
def test_the_same_form_again_redeems_nothing(rewards_app: Flask, ada: PanelClient) -> None:
    sent = filled_form(ada)
    assert ada.post(PAGE, sent).status_code == 303
    ada.get("/customers/1")
    change_reward(rewards_app, "Cup", 70, is_active=False)
    assert ada.post(PAGE, sent).status_code == 303
    assert "This was already recorded. Nothing was recorded twice." in main_text(ada.get("/customers/1").text)
    assert balances(rewards_app) == {"bob": 50}


@pytest.mark.parametrize("database_settings", BOTH_DATABASES, indirect=True)
def test_a_double_click(rewards_app: Flask, ada: PanelClient) -> None:
    sent = filled_form(ada)
    others = [PanelClient(rewards_app) for _ in range(4)]
    for each in others:
        each.sign_in()
    tokens = [each.token(PAGE) for each in others]
    with ThreadPoolExecutor(4) as pool:
        answers = list(
            pool.map(
                lambda pair: pair[0].post(PAGE, sent | {"csrf_token": pair[1]}).status_code,
                zip(others, tokens, strict=True),
            )
        )
    assert answers == [303] * 4
    assert len(redemptions(rewards_app)) == 1


@pytest.mark.parametrize("database_settings", BOTH_DATABASES, indirect=True)
def test_a_form_that_redeemed_something_else(rewards_app: Flask, ada: PanelClient) -> None:
    run_in_transaction(
        rewards_app, lambda session: rewards.create(session, reserves.get(session, "default"), "Tea", "", 5, CREATED_AT)
    )
    sent = filled_form(ada)
    ada.post(PAGE, sent)
    answer = ada.post(PAGE, sent | {"reward": "3-5"})
    assert answer.status_code == 422
    assert "This form was already used to record something else" in main_text(answer.text)
    assert hidden_fields(answer.text)["idempotency_key"] != sent["idempotency_key"]
    assert len(redemptions(rewards_app)) == 1
    assert ada.post(PAGE, hidden_fields(answer.text) | {"reward": "3-5"}).status_code == 303
    assert [points for points, _, _ in redemptions(rewards_app)] == [-50, -5]


@pytest.mark.parametrize(
    ("choice", "sentence"),
    [
        ("", "Choose a reward."),
        ("1", "Choose a reward."),
        ("x-5", "Choose a reward."),
        ("1-50-3", "Choose a reward."),
        ("\0-5", "Choose a reward."),
        ("99999999999-5", "Choose a reward."),
        ("7-50", "There is no reward 7 here."),
        ("1-40", "Mug now costs 50 points, not 40; check and confirm again."),
        ("2-900", "bob@shop.test has 100 points in default, fewer than 900."),
    ],
)
def test_an_invalid_choice(rewards_app: Flask, ada: PanelClient, choice: str, sentence: str) -> None:
    answer = ada.post(PAGE, filled_form(ada, choice))
    assert answer.status_code == 422
    assert field_errors(answer.text) == {"reward": sentence}
    assert redemptions(rewards_app) == []


def test_a_form_without_its_idempotency_key(rewards_app: Flask, ada: PanelClient) -> None:
    for idempotency_key in ("", "x", "\0"):
        answer = ada.post(PAGE, filled_form(ada) | {"idempotency_key": idempotency_key})
        assert answer.status_code == 422
        assert "This form is incomplete" in main_text(answer.text)
    assert redemptions(rewards_app) == []
    assert ada.post(PAGE, {"reward": "1-50"}).status_code == 400


def test_a_reward_that_is_not_active_any_more(rewards_app: Flask, ada: PanelClient) -> None:
    sent = filled_form(ada)
    change_reward(rewards_app, is_active=False)
    answer = ada.post(PAGE, sent)
    assert answer.status_code == 422
    shown = main_text(answer.text)
    assert "The reward Mug is not active" in shown
    assert "bob@shop.test does not have enough points for any reward." in shown
    assert "does not have enough points for any reward" in main_text(ada.get(PAGE).text)


def test_customers_who_do_not_exist(rewards_app: Flask, ada: PanelClient, stranger: PanelClient) -> None:
    for number in ("2", "0", "9223372036854775808", "x", "-1"):
        path = f"/customers/{number}/redeem"
        assert ada.get(path).status_code == 404
        assert ada.send(path, PAGE, reward="1-50").status_code in (404, 405)
    assert stranger.get(PAGE).location.startswith("/sign-in?next=")
    assert stranger.post(PAGE, {"csrf_token": stranger.token(), "reward": "1-50"}).status_code == 303
    assert redemptions(rewards_app) == []


@pytest.mark.parametrize("database_settings", BOTH_DATABASES, indirect=True)
def test_the_levels_of_a_customer(rewards_app: Flask, ada: PanelClient) -> None:
    def change(session: Session) -> None:
        gold = reserves.create(session, "gold", "Gold points", CREATED_AT)
        for reserve, title, points in ((reserves.get(session, "default"), "<b>Silver</b>", 150), (gold, "Star", 1)):
            levels.create(session, reserve, title, "", points, CREATED_AT)

    run_in_transaction(rewards_app, change)
    assert "Levels reached" not in ada.get("/customers/1").text
    create_customers(rewards_app, bob=50)
    text = ada.get("/customers/1").text
    assert "<b>Silver" not in text
    shown = main_text(text)
    assert "Levels reached <b>Silver</b> Points ," in shown
    assert "Star" not in shown
