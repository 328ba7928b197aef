"""System › WooCommerce › Reading shops: connecting a shop, how its reading goes, and outages."""

import re
from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from flask import Flask

from pointsync import clock, db
from pointsync.ledger import reserves
from pointsync.models import LastAlive, Outage, ShopKey, Site
from pointsync.schedule import reading_ticks
from pointsync.sync.site import settings
from tests.admin.home.dashboard_page import attention_texts
from tests.admin.page_text import field_errors, main_text
from tests.admin.sample_hooks import PAGE, create_hook
from tests.support.panel_client import PanelClient
from tests.support.site_template import run_in_transaction
from tests.support.woocommerce_shop import KEY, SECRET, WooCommerceShop, run_shop

TYPED = {"consumer_key": KEY, "consumer_secret": SECRET}


@pytest.fixture
def shop() -> Iterator[WooCommerceShop]:
    with run_shop() as shop:
        yield shop


def key_path(hook_id: int) -> str:
    return f"{PAGE}/{hook_id}/key"


def test_a_key_is_pasted_used_and_forgotten(app: Flask, ada: PanelClient, shop: WooCommerceShop) -> None:
    hook_id = create_hook(app, counts_all=True)
    paste = f"{key_path(hook_id)}/paste"
    text = main_text(ada.get(key_path(hook_id)).text)
    assert "only to a site whose public URL begins with https://" in text
    assert ada.send(paste, url=shop.url, **TYPED).location == f"{PAGE}#reading"
    text = main_text(ada.get(PAGE).text)
    assert "is connected. Its orders of the last 90 days are read now." in text
    today = clock.now().replace(tzinfo=None, microsecond=0).isoformat()
    shop.add_order(1, date_created_gmt=today, date_modified_gmt=today)
    assert ada.send(f"{key_path(hook_id)}/read", PAGE).location == f"{PAGE}#reading"
    with app.app_context():
        reading_ticks.read_shops()
    text = main_text(ada.get(PAGE).text)
    assert f"Last read: {clock.now():%-d %b %Y}" in text
    assert f"Key …{KEY[-7:]}." in text
    assert ada.send(f"{key_path(hook_id)}/remove").location == f"{PAGE}#reading"
    assert "Not connected." in main_text(ada.get(PAGE).text)
    assert ada.get(f"{key_path(hook_id)}/remove").status_code == 404


def test_what_was_typed_stays_after_an_error_but_not_the_secret(
    app: Flask, ada: PanelClient, shop: WooCommerceShop
) -> None:
    hook_id = create_hook(app)
    shop.permissions = "read_write"
    answer = ada.send(f"{key_path(hook_id)}/paste", url=shop.url, **TYPED)
    assert answer.status_code == 422
    assert "create a key with the permission Read" in str(field_errors(answer.text))
    assert shop.url in answer.text
    assert KEY in answer.text
    assert SECRET not in answer.text
    movements_id = create_hook(app, "plugin", by_movements=True, reserve_key=add_reserve(app))
    assert ada.get(key_path(movements_id)).status_code == 404


def test_a_shop_is_asked_and_sends_its_key(app: Flask, ada: PanelClient, shop: WooCommerceShop) -> None:
    hook_id = create_hook(app)
    run_in_transaction(app, lambda session: setattr(session.get_one(Site, 1), "url", "https://points.test"))
    assert ada.send(key_path(hook_id), url="shop").status_code == 422
    page = ada.send(key_path(hook_id), url=shop.url).text
    [link] = re.findall(rf'href="({shop.url}/wc-auth[^"]+)"', page)
    asked = {name: value[0] for name, value in parse_qs(urlsplit(link.replace("&amp;", "&")).query).items()}
    assert (asked["scope"], asked["callback_url"]) == ("read", "https://points.test/hooks/woocommerce/key")
    answer = {"key_id": 1, "user_id": asked["user_id"], "key_permissions": "read"} | TYPED
    for broken in ({}, answer | {"user_id": "0" * 32}, answer | {"consumer_secret": None}, [], "x"):
        assert app.test_client().post("/hooks/woocommerce/key", json=broken).status_code in (404, 422)
    assert app.test_client().post("/hooks/woocommerce/key", json=answer).status_code == 200
    assert app.test_client().post("/hooks/woocommerce/key", json=answer).status_code == 404, "once"
    back = f"{urlsplit(asked['return_url']).path}?success=1&user_id={asked['user_id']}"
    assert ada.get(back).location == f"{PAGE}#reading"
    assert "The shop is connected." in ada.get(PAGE).text
    assert ada.get(f"{urlsplit(asked['return_url']).path}?success=0").location == f"{PAGE}#reading"
    assert "has given no key" in ada.get(PAGE).text


def test_a_shop_that_cannot_be_read_needs_attention(app: Flask, ada: PanelClient, shop: WooCommerceShop) -> None:
    hook_id = create_hook(app)
    ada.send(f"{key_path(hook_id)}/paste", url=shop.url, **TYPED)
    shop.key = None
    with app.app_context():
        reading_ticks.read_shops()
    for text in (main_text(ada.get(PAGE).text), " ".join(attention_texts(ada.get("/").text))):
        assert "cannot be read since" in text
        assert "refused the key (401: Consumer key is invalid)" in text
    run_in_transaction(app, lambda session: setattr(session.get_one(ShopKey, 1), "code", "timeout"))
    assert "cannot be read since" not in ada.get("/").text, "it may be restarting"
    later = clock.now() - timedelta(minutes=6)
    run_in_transaction(app, lambda session: setattr(session.get_one(ShopKey, 1), "failing_since", later))
    assert "cannot be read since" in ada.get("/").text


def test_an_outage_is_shown_until_the_shop_is_connected(app: Flask, ada: PanelClient, shop: WooCommerceShop) -> None:
    hook_id = create_hook(app)
    run_in_transaction(app, lambda session: session.add(LastAlive(id=1, at=clock.now() - timedelta(minutes=20))))
    with app.app_context():
        reading_ticks.note_alive()
    page = ada.get(PAGE).text
    for text in (main_text(page), " ".join(attention_texts(ada.get("/").text))):
        assert "Orders may be missing from" in text
        assert "Connect the shop for reading" in text
    assert f'href="{key_path(hook_id)}"' in ada.get("/").text
    assert ada.send(f"{PAGE}/outages", PAGE).location == f"{PAGE}#reading"
    assert "Orders may be missing" not in ada.get("/").text
    run_in_transaction(app, lambda session: setattr(session.get_one(Outage, 1), "dismissed_at", None))
    ada.send(f"{key_path(hook_id)}/paste", url=shop.url, **TYPED)
    assert "Orders may be missing" not in ada.get("/").text


def test_how_often_shops_are_read(app: Flask, ada: PanelClient) -> None:
    create_hook(app)
    path = f"{PAGE}/reading"
    ada.send(path, PAGE, shop_read_minutes="15")
    ada.send(path, PAGE, shop_read_minutes="0")
    assert "Type a whole number from 1 to 1,440." in ada.get(PAGE).text
    with app.app_context():
        assert settings.read(db.session()).shop_read_minutes == 15


def add_reserve(app: Flask) -> str:
    run_in_transaction(app, lambda session: reserves.create(session, "bonus", None, clock.now()))
    return "bonus"
