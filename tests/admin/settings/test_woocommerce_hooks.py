"""System › WooCommerce: the hooks where shops deliver, and their secrets."""

import html
import re

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from pointsync import clock, db
from pointsync.ledger import reserves
from pointsync.models import Site
from pointsync.runtime import get_runtime
from pointsync.woocommerce import hooks
from tests.admin.conftest import BOTH_DATABASES
from tests.admin.page_text import field_errors, main_text
from tests.admin.sample_hooks import PAGE, SECRET, add_hook_delivery, create_hook
from tests.support.panel_client import PanelClient
from tests.support.queries import record_queries
from tests.support.site_template import run_in_transaction

ADD = f"{PAGE}/add"
URL = "https://mugs.example/points"
ORDERS = {"name": "web-shop", "reserve": "default", "rule": "orders", "rate": "0.5", "status": "processing"}


def active_hooks(app: Flask) -> dict[str, tuple[str, str, str, str]]:
    """Reserve, rule, rate and status of the active hooks by name."""
    with app.app_context():
        found = hooks.list_all(db.session())
        return {each.name: (each.reserve.key, each.rule, f"{each.rate.normalize():f}", each.status) for each in found}


def decrypted_secret(app: Flask, name: str = "web-shop") -> str:
    """A hook's decrypted secret."""
    with app.app_context():
        [hook] = [each for each in hooks.list_all(db.session()) if each.name == name]
        return get_runtime().vault.decrypt(hook.sealed_secret)


def test_an_empty_list_says_how_to_start(ada: PanelClient) -> None:
    text = main_text(ada.get(PAGE).text)
    assert "No hooks yet. Press Add" in text
    assert "WooCommerce › Settings › Advanced › Webhooks" in text
    assert "Order created , Order updated , Order deleted and Order restored" in text
    assert "woocommerce_pointsync_movement" in text
    assert "Not both for one reserve" in text


def test_without_a_public_url_the_page_says_where_to_set_it(app: Flask, ada: PanelClient) -> None:
    hook_id = create_hook(app)
    for path in (PAGE, f"{PAGE}/{hook_id}"):
        assert "The public URL of this site is missing." in main_text(ada.get(path).text)
        assert 'Set it under <a href="/system/general">' in ada.get(path).text
    answer = ada.send(ADD, **(ORDERS | {"name": "other"}))
    assert 'href="/system/general"' in answer.text.partition("<main")[2]
    run_in_transaction(app, lambda session: setattr(session.get_one(Site, 1), "url", URL))
    for path in (PAGE, f"{PAGE}/{hook_id}"):
        assert "The public URL of this site is missing." not in main_text(ada.get(path).text)


@pytest.mark.parametrize("database_settings", BOTH_DATABASES, indirect=True)
def test_a_hook_with_a_secret_of_the_shops(app: Flask, ada: PanelClient) -> None:
    run_in_transaction(app, lambda session: setattr(session.get_one(Site, 1), "url", URL))
    answer = ada.send(ADD, **ORDERS, secret=f" {SECRET} ")
    assert answer.status_code == 201
    assert active_hooks(app) == {"web-shop": ("default", "orders", "0.5", "processing")}
    assert decrypted_secret(app) == SECRET
    assert html.escape(SECRET) not in answer.text
    assert SECRET not in html.unescape(answer.text)
    assert re.search(rf'value="{URL}/hooks/woocommerce/[0-9a-f]{{32}}"', answer.text)
    assert "the secret that you typed" in main_text(answer.text)
    assert "not shown again" not in answer.text
    text = main_text(ada.get(PAGE).text)
    assert f"{URL}/hooks/woocommerce/" in text
    assert "0.5 points per unit of the goods without tax and shipping, once paid (processing)" in text
    assert "None yet" in text


@pytest.mark.parametrize("database_settings", BOTH_DATABASES, indirect=True)
def test_a_generated_secret_is_shown_once(app: Flask, ada: PanelClient) -> None:
    answer = ada.send(ADD, **ORDERS, secret="  ")
    assert answer.status_code == 201
    assert answer.headers["Cache-Control"] == "no-store"
    kept = decrypted_secret(app)
    assert re.fullmatch("[0-9a-f]{32}", kept)
    assert f'value="{kept}"' in answer.text
    assert "Copy the secret now. It is not shown again." in main_text(answer.text)
    for path in (PAGE, f"{PAGE}/1", f"{PAGE}/1/remove", ADD):
        assert kept not in ada.get(path).text


def test_a_hook_for_the_shop_plugin(app: Flask, ada: PanelClient) -> None:
    answer = ada.send(ADD, name="plugin", reserve="default", rule="movements", rate="rubbish", status="rubbish")
    assert answer.status_code == 201
    assert "create one webhook with the topic Action and the event woocommerce_pointsync_movement" in main_text(
        answer.text
    )
    assert active_hooks(app) == {"plugin": ("default", "movements", "1", "completed")}
    assert "Movements of the shop plugin" in main_text(ada.get(PAGE).text)


def test_the_text_of_a_rule(app: Flask, ada: PanelClient) -> None:
    create_hook(app, "one", rate="1")
    create_hook(app, "many", rate="100000")
    create_hook(app, "few", rate="0.000001")
    text = main_text(ada.get(PAGE).text)
    assert "1 point per unit of the goods without tax and shipping, once completed" in text
    assert "100,000 points per unit" in text
    assert "0.000001 points per unit" in text


@pytest.mark.parametrize(
    ("submitted", "field", "sentence"),
    [
        ({"name": ""}, "name", "A name needs 1 to 64 letters"),
        ({"name": "a b"}, "name", "A name needs 1 to 64 letters"),
        ({"name": "\0"}, "name", "A name needs 1 to 64 letters"),
        ({"name": "x" * 65}, "name", "A name needs 1 to 64 letters"),
        ({"name": "taken"}, "name", "A hook named taken already exists"),
        ({"secret": "x" * 501}, "secret", "1 to 500 plain characters"),
        ({"secret": "a\0b"}, "secret", "plain characters"),
        ({"reserve": ""}, "reserve", "There is no points reserve"),
        ({"reserve": "none\0"}, "reserve", "The reserves are default"),
        ({"rule": ""}, "rule", "Choose what counts"),
        ({"rule": "both"}, "rule", "Choose what counts"),
        ({"rule": "movements"}, "reserve", "orders would count twice"),
        ({"rate": ""}, "rate", "The rate must be above 0"),
        ({"rate": "0"}, "rate", "The rate must be above 0"),
        ({"rate": "-1"}, "rate", "The rate must be above 0"),
        ({"rate": "NaN"}, "rate", "The rate must be above 0"),
        ({"rate": "Infinity"}, "rate", "The rate must be above 0"),
        ({"rate": "1e999999999"}, "rate", "The rate must be above 0"),
        ({"rate": "100001"}, "rate", "at most 100,000"),
        ({"rate": "0.0000001"}, "rate", "at most 6 decimals"),
        ({"rate": "1,5"}, "rate", "such as 1 or 0.5"),
        ({"rate": "9" * 5000}, "rate", "The rate must be above 0"),
        ({"status": "cancelled"}, "status", "must be one of processing, completed"),
        ({"status": ""}, "status", "must be one of processing, completed"),
    ],
)
def test_errors_are_shown_at_their_fields(
    app: Flask, ada: PanelClient, submitted: dict[str, str], field: str, sentence: str
) -> None:
    create_hook(app, "taken")
    before = active_hooks(app)
    answer = ada.send(ADD, **(ORDERS | {"secret": SECRET} | submitted))
    assert answer.status_code == 422
    errors = field_errors(answer.text)
    assert list(errors) == [field]
    assert sentence in errors[field]
    assert active_hooks(app) == before
    assert SECRET not in html.unescape(answer.text)


def test_the_form_keeps_its_values_but_not_the_secret(app: Flask, ada: PanelClient) -> None:
    run_in_transaction(app, lambda session: reserves.create(session, "gold", "Gold", clock.now()))
    answer = ada.send(
        ADD, name='<b>"', secret=SECRET, reserve="gold", rule="movements", rate='<i>"', status="processing"
    )
    text = answer.text
    assert 'value="&lt;b&gt;&#34;"' in text
    assert 'value="&lt;i&gt;&#34;"' in text
    assert '<option selected value="gold">' in text
    assert '<option selected value="processing">' in text
    assert re.search(r'<input[^>]* checked[^>]* value="movements"', text)
    assert SECRET not in html.unescape(text)
    assert "<b>&#34;" not in text


def test_fields_that_are_missing(app: Flask, ada: PanelClient) -> None:
    assert ada.send(ADD).status_code == 422
    token = ada.token(ADD)
    body = f"csrf_token={token}&name=%ff%fe&secret=%ED%A0%80&reserve=%00&rate=%C3%28&rule=orders"
    assert ada.post(ADD, body, content_type="application/x-www-form-urlencoded").status_code == 422
    assert active_hooks(app) == {}


def test_inactive_reserves_are_not_offered(app: Flask, ada: PanelClient) -> None:
    run_in_transaction(app, lambda session: reserves.create(session, "old", "Old", clock.now(), is_active=False))
    text = ada.get(ADD).text
    assert '<option value="default">Points (default)</option>' in text
    assert 'value="old"' not in text


@pytest.mark.parametrize("database_settings", BOTH_DATABASES, indirect=True)
def test_a_hook_is_removed_after_confirmation(app: Flask, ada: PanelClient) -> None:
    hook_id = create_hook(app)
    path = f"{PAGE}/{hook_id}/remove"
    text = main_text(ada.get(path).text)
    assert "Remove the hook web-shop?" in text
    assert "orders that have counted do not count again" in text
    assert list(active_hooks(app)) == ["web-shop"], "the confirmation page changes nothing"
    assert ada.send(path).location == PAGE
    assert active_hooks(app) == {}
    assert "The hook web-shop is removed" in main_text(ada.get(PAGE).text)
    assert ada.send(path, ADD).status_code == 404


def test_a_page_left_open_does_not_remove_the_next_hook_of_that_name(app: Flask, ada: PanelClient) -> None:
    first = create_hook(app)
    ada.send(f"{PAGE}/{first}/remove")
    create_hook(app)
    assert ada.send(f"{PAGE}/{first}/remove", ADD).status_code == 404
    assert list(active_hooks(app)) == ["web-shop"]


@pytest.mark.parametrize("name", [".", "..", "add"])
def test_odd_names_have_a_page_and_can_be_removed(app: Flask, ada: PanelClient, name: str) -> None:
    create_hook(app, name)
    path = re.search(rf'href="({PAGE}/[^"]+)/remove"', ada.get(PAGE).text)
    assert path
    assert f"The hook {name}" in main_text(ada.get(path[1]).text)
    assert ada.send(f"{path[1]}/remove").status_code == 303
    assert active_hooks(app) == {}


@pytest.mark.parametrize("number", ["0", "7", "2147483647", "2147483648", "9" * 40, "-1", "x", "%00", "web-shop"])
def test_unknown_hooks(app: Flask, ada: PanelClient, number: str) -> None:
    create_hook(app)
    assert ada.get(f"{PAGE}/{number}").status_code == 404
    assert ada.get(f"{PAGE}/{number}/remove").status_code == 404
    assert ada.send(f"{PAGE}/{number}/remove", ADD).status_code in (404, 405)
    assert list(active_hooks(app)) == ["web-shop"]


def test_no_page_shows_a_secret(app: Flask, ada: PanelClient) -> None:
    hook_id = create_hook(app)
    for path in (PAGE, ADD, f"{PAGE}/{hook_id}", f"{PAGE}/{hook_id}/remove"):
        assert SECRET not in html.unescape(ada.get(path).text)


def test_strangers_see_and_change_nothing(app: Flask, stranger: PanelClient) -> None:
    hook_id = create_hook(app)
    for path in (PAGE, ADD, f"{PAGE}/{hook_id}", f"{PAGE}/{hook_id}/remove"):
        assert stranger.get(path).location.startswith("/sign-in?next=")
    for path in (ADD, f"{PAGE}/{hook_id}/remove"):
        answer = stranger.post(path, ORDERS | {"csrf_token": stranger.token(), "name": "x"})
        assert answer.location == "/sign-in"
    assert list(active_hooks(app)) == ["web-shop"]


def test_forms_need_their_token(app: Flask, ada: PanelClient) -> None:
    hook_id = create_hook(app)
    assert ada.post(ADD, ORDERS | {"name": "x"}).status_code == 400
    assert ada.post(f"{PAGE}/{hook_id}/remove").status_code == 400
    assert list(active_hooks(app)) == ["web-shop"]


def test_queries_do_not_grow_with_the_lists(app: Flask, ada: PanelClient) -> None:
    def count_queries(path: str) -> int:
        with app.app_context(), record_queries() as found:
            assert ada.get(path).status_code == 200
        return len(found)

    def add_more(session: Session) -> None:
        for number in range(9):
            add_hook_delivery(session, hook_id, "order.updated", "recorded", f"{number}")
            reserves.create(session, f"r{number}", None, clock.now())

    hook_id = create_hook(app)
    query_count = [count_queries(PAGE), count_queries(f"{PAGE}/{hook_id}"), count_queries(ADD)]
    run_in_transaction(app, add_more)
    for number in range(9):
        create_hook(app, f"hook-{number}", reserve_key=f"r{number}")
    assert [count_queries(PAGE), count_queries(f"{PAGE}/{hook_id}"), count_queries(ADD)] == query_count
