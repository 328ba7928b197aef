"""System › WooCommerce: the page of a hook, with what came of each delivery."""

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
from tests.admin.conftest import BOTH
from tests.admin.page_text import words
from tests.admin.sample_hooks import PAGE, SECRET, deliver, made
from tests.support.panel_client import Visitor
from tests.support.site_template import change


@pytest.mark.parametrize("where", BOTH, indirect=True)
def test_what_came_of_a_shops_deliveries(app: Flask, ada: Visitor) -> None:
    hook_id = made(app)
    text = words(ada.get(f"{PAGE}/{hook_id}").text)
    assert "No deliveries yet. Set the webhook up in the shop" in text
    assert "the first signed delivery names it" in text
    body = json.dumps({"id": 9, "status": "completed"}).encode()
    signature = base64.b64encode(hmac.digest(SECRET.encode(), body, hashlib.sha256)).decode()
    with app.app_context():
        path = hooks.url(hooks.every(db.db.session())[0], None)
    said = {
        "X-WC-Webhook-Topic": "customer.updated",
        "X-WC-Webhook-Source": "https://shop.example/",
        "X-WC-Webhook-Signature": signature,
    }
    assert app.test_client().post(path, data=body, headers=said).status_code == 200
    text = words(ada.get(f"{PAGE}/{hook_id}").text)
    assert "https://shop.example/" in text
    assert "customer.updated Of no use. This hook counts orders; a delivery of the topic customer.updated" in text
    assert "https://shop.example/" in words(ada.get(PAGE).text)


def test_the_newest_twenty_first_with_outcomes_in_words(app: Flask, ada: Visitor) -> None:
    hook_id = made(app)

    def work(session: Session) -> None:
        for number in range(25):
            deliver(session, hook_id, "order.updated", "recorded", f"Line {number}.", 25 - number)
        deliver(session, hook_id, "order.updated", "duplicate", "This was recorded before, so nothing changed.")
        deliver(session, hook_id, "order.created", "unused", "The order is pending.")

    change(app, work)
    shown = re.findall(
        r'<span class="outcome">.*?<strong>([^<]+)</strong> <bdi>([^<]+)</bdi>', ada.get(f"{PAGE}/1").text
    )
    assert len(shown) == 20
    assert shown[:3] == [
        ("Of no use.", "The order is pending."),
        ("Recorded already.", "This was recorded before, so nothing changed."),
        ("Recorded.", "Line 24."),
    ]
    assert shown[-1] == ("Recorded.", "Line 7.")


def test_what_a_shop_tells_is_text(app: Flask, ada: Visitor) -> None:
    hook_id = made(app)

    def work(session: Session) -> None:
        session.get_one(Hook, hook_id).shop = "https://<script>alert(1)</script>\u202e"
        deliver(session, hook_id, "<script>alert(2)</script>\u202e", "unused", "<script>alert(3)</script>\u202e")

    change(app, work)
    for path in (PAGE, f"{PAGE}/{hook_id}", f"{PAGE}/{hook_id}/remove"):
        text = ada.get(path).text
        assert "<script>alert" not in text
        assert "\u202e" not in text
