"""System › Shops: connect a shop, see how each is doing, give another code, disconnect."""

import io
import re
import zipfile
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from pointsync import clock, db
from pointsync.accounts import api_keys
from pointsync.runtime import get_runtime
from pointsync.shops import connected_shops, plugin_zip
from pointsync.sync.site import settings as site_settings
from pointsync.woocommerce import api_rule
from tests.admin.conftest import BOTH_DATABASES
from tests.admin.home.dashboard_page import attention_texts
from tests.admin.page_text import field_errors, main_text
from tests.support.connected_shops import SITE_URL, PluginClient, begin
from tests.support.moving_clock import MovingClock
from tests.support.panel_client import PanelClient
from tests.support.queries import record_queries
from tests.support.sample_shops import LONG_NAME, add_samples

PAGE = "/system/shops"
CONNECT = f"{PAGE}/connect"
CODE = re.compile(r"psc1\.[0-9A-Za-z_-]+")
FORM = {"name": "mugs", "reserve": "default", "base": "goods", "rate": "2", "status": "processing", "currency": ""}


@pytest.fixture
def settings() -> dict[str, str]:
    """The site has a public URL."""
    return {"POINTSYNC_PUBLIC_URL": SITE_URL}


def add_key_and_rule() -> None:
    """The shop mugs has an API key, by which its orders count already."""

    def add(session: Session) -> None:
        api_keys.create(session, "old", clock.now(), shop="mugs")
        rule = {"rate": "3", "status": ["processing"], "now": clock.now()}
        api_rule.add(session, get_runtime().vault, key_shop="mugs", reserve_key="default", **rule)

    db.run_in_transaction(add)


def test_an_empty_list_says_how_to_begin(ada: PanelClient) -> None:
    text = main_text(ada.get(PAGE).text)
    assert "No shops yet. Press Connect a WordPress shop . You choose how its orders count" in text
    assert f"Version {plugin_zip.get_version()}" in text


@pytest.mark.parametrize("database_settings", BOTH_DATABASES, indirect=True)
def test_a_shop_is_connected(app: Flask, ada: PanelClient) -> None:
    answer = ada.send(CONNECT, **FORM)
    assert answer.status_code == 201
    assert answer.headers["Cache-Control"] == "no-store"
    assert 'data-seconds-left="900"' in answer.text
    text = main_text(answer.text)
    assert "Install the plugin in the shop" in text
    assert "2 points per unit of the goods without tax and shipping, once paid (processing)" in text
    [code] = set(CODE.findall(answer.text))
    for path in (PAGE, f"{PAGE}/1", CONNECT):
        assert not CODE.search(ada.get(path).text), "it is shown once"
    assert "Waiting for the code" in main_text(ada.get(PAGE).text)
    plugin = PluginClient(app.test_client())
    assert plugin.connect(code).json["rule"]["rates"] == {"": "2"}
    text = main_text(ada.get(PAGE).text)
    assert "mugs https://mugs.example Connected" in text
    text = main_text(ada.get(f"{PAGE}/1").text)
    assert "Calls itself Mugs & more" in text
    assert "WooCommerce 9.1" in text


@pytest.mark.parametrize(
    ("field", "value", "problem"),
    [
        ("name", "", "A name needs 1 to 64 letters"),
        ("name", "a b", "A name needs 1 to 64 letters"),
        ("reserve", "nowhere", "There is no"),
        ("rate", "x", "The rate must be above 0"),
        ("base", "x", "The base must be one of"),
        ("status", "pending", "The status must be one of"),
        ("currency", "USD", "Write each currency with its rate"),
    ],
)
def test_a_wrong_field_keeps_what_was_typed(app: Flask, ada: PanelClient, field: str, value: str, problem: str) -> None:
    answer = ada.send(CONNECT, **(FORM | {field: value}))
    assert answer.status_code == 422
    assert problem in field_errors(answer.text)[field]
    assert 'value="2"' in answer.text or field == "rate"
    assert "No shops yet." in main_text(ada.get(PAGE).text)


def test_a_name_that_is_taken(app: Flask, ada: PanelClient) -> None:
    assert ada.send(CONNECT, **FORM).status_code == 201
    answer = ada.send(CONNECT, **FORM)
    assert "There is a shop mugs already" in field_errors(answer.text)["name"]


@pytest.mark.parametrize(("choice", "points"), [("keep", 3), ("replace", 2)])
def test_a_shop_whose_orders_count_already(app: Flask, ada: PanelClient, choice: str, points: int) -> None:
    with app.app_context():
        add_key_and_rule()
    text = main_text(ada.get(CONNECT).text)
    assert "mugs : 3 points per unit of the goods" in text
    refused = ada.send(CONNECT, **FORM)
    assert "The orders of mugs count already: 3 points per unit" in field_errors(refused.text)["existing"]
    assert "Choose whether" in field_errors(ada.send(CONNECT, **FORM, existing="x").text)["existing"]
    answer = ada.send(CONNECT, **FORM, existing=choice)
    assert answer.status_code == 201
    assert f"{points} points per unit" in main_text(answer.text)
    plugin = PluginClient(app.test_client())
    [code] = set(CODE.findall(answer.text))
    assert plugin.connect(code).json["rule"]["rates"] == {"": str(points)}
    assert "count already" not in main_text(ada.get(CONNECT).text)


def test_another_code(app: Flask, ada: PanelClient) -> None:
    [first] = set(CODE.findall(ada.send(CONNECT, **FORM).text))
    answer = ada.send(f"{PAGE}/1/code")
    assert answer.status_code == 201
    [second] = set(CODE.findall(answer.text))
    plugin = PluginClient(app.test_client())
    assert plugin.connect(first).status_code == 401
    assert plugin.connect(second).status_code == 201
    assert "The key that it has now works until the code is used" in main_text(ada.get(f"{PAGE}/1/code").text)


def test_disconnecting(app: Flask, ada: PanelClient) -> None:
    plugin = PluginClient(app.test_client())
    plugin.connect(begin(app, set_url=False))
    assert "Disconnect the shop mugs?" in main_text(ada.get(f"{PAGE}/1/disconnect").text)
    assert ada.send(f"{PAGE}/1/disconnect").status_code == 303
    text = main_text(ada.get(PAGE).text)
    assert "The shop mugs is disconnected." in text
    assert "No shops yet." in text
    assert plugin.state().status_code == 401
    for path in ("", "/code", "/disconnect"):
        assert ada.get(f"{PAGE}/1{path}").status_code == 404


def test_the_plugin_is_downloaded(ada: PanelClient) -> None:
    answer = ada.get(f"{PAGE}/plugin.zip")
    assert answer.mimetype == "application/zip"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="pointsync-{plugin_zip.get_version()}.zip"'
    with zipfile.ZipFile(io.BytesIO(answer.data)) as archive:
        assert "pointsync/pointsync.php" in archive.namelist()


@pytest.mark.parametrize("settings", [{}])
def test_without_a_public_url(app: Flask, ada: PanelClient) -> None:
    assert "The public URL of this site is missing" in main_text(ada.get(PAGE).text)
    answer = ada.send(CONNECT, **FORM)
    assert "This site has no public URL yet" in field_errors(answer.text)["name"]


@pytest.mark.parametrize("settings", [{}])
def test_each_state_in_words(app: Flask, ada: PanelClient) -> None:
    ids = add_samples(app)
    text = main_text(ada.get(PAGE).text)
    for label in (
        "mugs https://mugs.example Connected",
        "1,204 orders wait to be sent for more than 5 hours",
        "The hook old-hook counts its orders already",
        "Remove the hook old-hook",
        "It has not called for 9 days",
        "Disconnected in the shop",
        "Nothing says how its orders count",
        "Its API key was revoked",
        "Waiting for the code",
        "The code was not used in time",
    ):
        assert label in text
    text = main_text(ada.get(f"{PAGE}/{ids[LONG_NAME]}").text)
    assert "Version 0.9 of the plugin is older than" in text
    assert "The plugin reports an error. PointSync did not answer: cURL error 28" in text
    assert "Its webhooks to this site Order updated, Order created" in text
    assert "WooCommerce is not active in the shop" in main_text(ada.get(f"{PAGE}/{ids['plates']}").text)
    found = " ".join(attention_texts(ada.get("/").text))
    assert "The shop plates: The hook old-hook counts its orders already." in found
    assert "1 more shop needs attention" in found
    assert "The shop mugs" not in found
    assert "The shop pots" not in found, "nothing is wrong while it waits"


@pytest.mark.parametrize("settings", [{}])
def test_a_page_of_many_shops_asks_no_more_queries(app: Flask, ada: PanelClient) -> None:
    add_samples(app)

    def count_queries() -> int:
        with app.app_context(), record_queries() as queries:
            ada.get(PAGE)
        return len(queries)

    few = count_queries()
    for number in range(9):
        begin(app, f"shop{number}")
    assert count_queries() == few


def test_a_silent_shop(app: Flask, ada: PanelClient, stopped_clock: MovingClock) -> None:
    plugin = PluginClient(app.test_client())
    plugin.connect(begin(app, set_url=False))
    stopped_clock.advance(timedelta(days=7))
    ada.sign_in_by_cookie()
    assert not any("The shop mugs" in each for each in attention_texts(ada.get("/").text))
    stopped_clock.advance(timedelta(seconds=1))
    assert any("It has not called for 7 days" in each for each in attention_texts(ada.get("/").text))
    with app.app_context():
        db.run_in_transaction(lambda session: site_settings.change(session, "hook_silent_days", "0"))
    assert not any("The shop mugs" in each for each in attention_texts(ada.get("/").text))


def test_a_shop_with_another_program(app: Flask) -> None:
    """Its rule stays when the plugin is disconnected."""
    PluginClient(app.test_client()).connect(begin(app, set_url=False))
    with app.app_context():
        db.run_in_transaction(lambda session: api_keys.create(session, "till", clock.now(), shop="mugs"))
        db.run_in_transaction(lambda session: connected_shops.disconnect(session, 1, clock.now()))
        assert api_rule.find(db.session(), "mugs") is not None
