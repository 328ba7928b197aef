"""System › API keys › Webhooks: add, test and remove them, and see how each is doing."""

import re
from datetime import timedelta

from flask import Flask
from sqlalchemy import update

from pointsync import clock
from pointsync.models import Webhook
from pointsync.runtime import get_runtime
from pointsync.webhooks import endpoints
from tests.admin.home.dashboard_page import attention_texts
from tests.admin.page_text import field_errors, main_text
from tests.support.panel_client import PanelClient
from tests.support.site_template import run_in_transaction

PAGE = "/system/api-keys"
ADD = "/system/webhooks/add"
NOBODY = "http://127.0.0.1:9/points"
SECRET = re.compile(r"whsec_[0-9A-Za-z+/]{43}=")


def test_a_webhook_is_added_and_its_secret_shown_once(app: Flask, ada: PanelClient) -> None:
    assert "No webhooks yet." in main_text(ada.get(PAGE).text)
    answer = ada.send(ADD, url=f" {NOBODY} ")
    assert answer.status_code == 201
    assert SECRET.search(answer.text)
    assert "This URL is not encrypted" in main_text(answer.text)
    page = ada.get(PAGE).text
    assert NOBODY in main_text(page)
    assert "Nothing sent yet" in main_text(page)
    assert not SECRET.search(page)
    answer = ada.send(ADD, url=NOBODY)
    assert answer.status_code == 422
    assert "There is a webhook with this URL already" in field_errors(answer.text)["url"]
    assert f'value="{NOBODY}"' in answer.text
    wrong = ada.send(ADD, url="shop.example")
    assert "must begin with https://" in field_errors(wrong.text)["url"]


def test_a_test_says_what_is_wrong(app: Flask, ada: PanelClient) -> None:
    ada.send(ADD, url=NOBODY)
    assert ada.send("/system/webhooks/1/tests", PAGE).location == f"{PAGE}#webhooks"
    text = main_text(ada.get(PAGE).text)
    assert "The test message was not accepted." in text
    assert "refused the connection" in text
    assert ada.send("/system/webhooks/2/tests", PAGE).status_code == 404


def test_a_webhook_is_removed_after_confirmation(app: Flask, ada: PanelClient) -> None:
    ada.send(ADD, url=NOBODY)
    path = "/system/webhooks/1/remove"
    assert "Remove the webhook?" in main_text(ada.get(path).text)
    assert NOBODY in main_text(ada.get(PAGE).text)
    assert ada.send(path).location == f"{PAGE}#webhooks"
    assert "No webhooks yet." in main_text(ada.get(PAGE).text)
    assert ada.send(path, PAGE).status_code == 404


def test_failing_and_switched_off_ones_are_shown(app: Flask, ada: PanelClient) -> None:
    run_in_transaction(
        app, lambda session: endpoints.add(session, get_runtime().vault, NOBODY, clock.now(), shop="web-shop")
    )
    now = clock.now()
    failing = {"failures": 4, "failing_since": now - timedelta(days=1), "last_error": "<i>It answered 500."}
    run_in_transaction(app, lambda session: session.execute(update(Webhook).values(**failing)))
    page = ada.get(PAGE).text
    text = main_text(page)
    assert "Failing" in text
    assert "&lt;i&gt;It answered 500." in page
    assert "Added by the shop web-shop" in text
    assert not any("webhook" in each for each in attention_texts(ada.get("/").text))
    run_in_transaction(app, lambda session: session.execute(update(Webhook).values(disabled_at=now)))
    assert "Switched off" in main_text(ada.get(PAGE).text)
    assert "send a test: that switches it on again" in main_text(ada.get(PAGE).text)
    [item] = [each for each in attention_texts(ada.get("/").text) if "webhook" in each]
    assert item.startswith("1 webhook is switched off, so a shop’s program does not learn")
    assert 'href="/system/api-keys#webhooks"' in ada.get("/").text
