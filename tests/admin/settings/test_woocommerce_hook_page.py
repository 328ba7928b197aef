"""System › WooCommerce: the page of a hook, with the outcome of each delivery."""

import base64
import hashlib
import hmac
import json
import re

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from pointsync import db
from pointsync.models import Hook
from pointsync.woocommerce import hooks
from tests.admin.conftest import BOTH_DATABASES
from tests.admin.page_text import main_text
from tests.admin.sample_hooks import PAGE, SECRET, add_hook_delivery, create_hook
from tests.support.panel_client import PanelClient
from tests.support.site_template import run_in_transaction


@pytest.mark.parametrize("database_settings", BOTH_DATABASES, indirect=True)
def test_the_outcome_of_a_delivery(app: Flask, ada: PanelClient) -> None:
    hook_id = create_hook(app)
    text = main_text(ada.get(f"{PAGE}/{hook_id}").text)
    assert "No deliveries yet. Set up the webhook in the shop" in text
    assert "The first delivery that counts names it" in text
    body = json.dumps({"id": 9, "status": "completed"}).encode()
    signature = base64.b64encode(hmac.digest(SECRET.encode(), body, hashlib.sha256)).decode()
    with app.app_context():
        path = hooks.delivery_url(hooks.list_all(db.session())[0], None)
    request_headers = {
        "X-WC-Webhook-Topic": "product.updated",
        "X-WC-Webhook-Source": "https://shop.example/",
        "X-WC-Webhook-Signature": signature,
    }
    assert app.test_client().post(path, data=body, headers=request_headers).status_code == 200
    text = main_text(ada.get(f"{PAGE}/{hook_id}").text)
    assert "product.updated Not used. This hook counts orders, so it ignores the topic product.updated" in text
    assert "https://shop.example/" not in text, "it did not count"


def test_the_last_twenty_deliveries_with_their_outcomes(app: Flask, ada: PanelClient) -> None:
    hook_id = create_hook(app)

    def prepare(session: Session) -> None:
        for number in range(25):
            add_hook_delivery(session, hook_id, "order.updated", "recorded", f"Line {number}.", 25 - number)
        add_hook_delivery(
            session, hook_id, "order.updated", "duplicate", "This was recorded before, so nothing changed."
        )
        add_hook_delivery(session, hook_id, "order.created", "unused", "The order is pending.")

    run_in_transaction(app, prepare)
    outcomes = re.findall(
        r'<span class="hook-outcome">.*?<strong>([^<]+)</strong> <bdi>([^<]+)</bdi>', ada.get(f"{PAGE}/1").text
    )
    assert len(outcomes) == 20
    assert outcomes[:3] == [
        ("Ignored.", "The order is pending."),
        ("Already recorded.", "This was recorded before, so nothing changed."),
        ("Recorded.", "Line 24."),
    ]
    assert outcomes[-1] == ("Recorded.", "Line 7.")


def test_texts_of_a_shop_are_escaped(app: Flask, ada: PanelClient) -> None:
    hook_id = create_hook(app)

    def prepare(session: Session) -> None:
        session.get_one(Hook, hook_id).shop = "https://<script>alert(1)</script>\u202e"
        add_hook_delivery(
            session, hook_id, "<script>alert(2)</script>\u202e", "unused", "<script>alert(3)</script>\u202e"
        )

    run_in_transaction(app, prepare)
    for path in (PAGE, f"{PAGE}/{hook_id}", f"{PAGE}/{hook_id}/remove"):
        text = ada.get(path).text
        assert "<script>alert" not in text
        assert "\u202e" not in text
