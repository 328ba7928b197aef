"""A WordPress shop connects with a one-use code. Its key works from its own address only."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from pointsync import db
from pointsync.accounts import api_keys
from pointsync.models import ApiKey, AuditEntry, ConnectedShop, Hook
from pointsync.shops import connected_shops, plugin_report
from tests.api.api_clients import ApiClient, HookClient, create_api_client, make_order
from tests.support.apps import run_concurrently
from tests.support.connected_shops import (
    HOME,
    PLUGIN_ID,
    SITE_URL,
    VERSIONS,
    PluginClient,
    begin,
    connect,
    decode,
    renew,
)
from tests.support.moving_clock import MovingClock

STAGING = "https://staging.mugs.example"
OTHER_ID = "f" * 32


def active_keys(app: Flask) -> list[str]:
    with app.app_context():
        return [each.name for each in api_keys.list_all(db.session())]


def read_shop(app: Flask, name: str = "mugs") -> ConnectedShop:
    with app.app_context():
        session = db.session()
        return connected_shops.get(session, connected_shops.get_by_name(session, name).id)


def test_a_code_becomes_a_key_and_orders_count(app_on_each_database: Flask) -> None:
    app = app_on_each_database
    code = begin(app, rate="2", status=["processing"])
    assert decode(code)["u"] == SITE_URL
    plugin = PluginClient(app.test_client())
    answer = plugin.connect(code)
    assert answer.status_code == 201
    assert answer.json == {
        "shop": "mugs",
        "site": answer.json["site"],
        "lineage": answer.json["lineage"],
        "reserve": {"key": "default", "name": "Points"},
        "has_rule": True,
        "rule": answer.json["rule"],
        "erased_addresses": 0,
        "double_counting": [],
        "key": plugin.key,
    }
    assert answer.json["rule"]["rates"] == {"": "2"}
    assert answer.json["rule"]["statuses"] == ["processing", "completed"]
    assert answer.json["site"]["url"] == SITE_URL
    assert plugin.report(make_order(total="10.00")).json["results"][0]["points"] == 20
    stored = read_shop(app)
    assert (stored.home_url, stored.plugin_id, stored.title) == (HOME, PLUGIN_ID, "Mugs & more")
    assert code not in stored.code_digest


def test_the_key_may_do_what_a_plugin_needs(app: Flask) -> None:
    plugin = connect(app)
    with app.app_context():
        [key] = api_keys.list_all(db.session())
    assert (key.name, key.shop, key.scopes) == ("mugs", "mugs", "shop people")
    assert plugin.call("/remotes", method="GET").status_code == 403


def test_a_code_counts_once_and_for_15_minutes(app: Flask, moving_clock: MovingClock) -> None:
    code = begin(app)
    moving_clock.advance(timedelta(minutes=15))
    plugin = PluginClient(app.test_client())
    for wrong, problem in ((code, "is older than 15 minutes"), ("0" * 32, "is unknown here"), ("\0", "is unknown")):
        answer = plugin.connect(wrong)
        assert (answer.status_code, answer.json["error"]["code"]) == (401, "wrong_code")
        assert problem in answer.json["error"]["message"]
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    renewed = renew(app)
    assert "is unknown here" in plugin.connect(code).json["error"]["message"], "the newer one has replaced it"
    moving_clock.advance(timedelta(minutes=15, seconds=-1))
    assert plugin.connect(renewed).status_code == 201
    assert "was used already" in plugin.connect(renewed).json["error"]["message"]
    assert active_keys(app) == ["mugs"]


def test_a_code_from_before_the_clock_was_set_back_is_too_old(app: Flask, moving_clock: MovingClock) -> None:
    code = begin(app)
    moving_clock.advance(timedelta(days=-1))
    assert PluginClient(app.test_client()).connect(code).status_code == 401


def test_a_code_that_is_used_twice_at_once_counts_once(app_on_each_database: Flask) -> None:
    code = begin(app_on_each_database)
    plugins = [PluginClient(app_on_each_database.test_client(), plugin_id=f"{number:032x}") for number in range(4)]
    app = app_on_each_database
    codes = run_concurrently(app, *(partial(_connect, plugin, code) for plugin in plugins))
    assert sorted(codes) == [201, 401, 401, 401]
    assert active_keys(app_on_each_database) == ["mugs"]


def _connect(plugin: PluginClient, code: str) -> int:
    return plugin.connect(code).status_code


def test_wrong_codes_are_limited(app: Flask) -> None:
    plugin = PluginClient(app.test_client())
    assert [plugin.connect("0" * 32).status_code for _ in range(21)] == [401] * 20 + [429]
    assert plugin.connect(begin(app)).status_code == 201, "the right one is not limited"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("shop_id", "F" * 32),
        ("shop_id", "f" * 31),
        ("shop_id", "f" * 32 + "\n"),
        ("home_url", "mugs.example"),
        ("home_url", "https://" + "m" * 500),
        ("home_url", "https://mugs.example/\0"),
        ("name", "m" * 501),
        ("plugin_version", None),
        ("php_version", "8" * 65),
        ("code", 17),
        ("secret", "x"),
    ],
)
def test_a_wrong_field_is_named_and_the_code_stays(app: Flask, field: str, value: Any) -> None:
    plugin, code = PluginClient(app.test_client()), begin(app)
    answer = plugin.connect(code, **{field: value})
    assert answer.status_code == 422
    assert list(answer.json["error"]["fields"]) == [field]
    assert plugin.connect(code).status_code == 201


def test_connecting_again_replaces_the_key(app: Flask) -> None:
    plugin = connect(app)
    before = plugin.key
    assert plugin.connect(renew(app)).status_code == 201
    assert plugin.state().status_code == 200
    plugin.key = before
    assert plugin.state().status_code == 401
    assert active_keys(app) == ["mugs"]


def test_a_shop_is_not_connected_under_two_names(app: Flask) -> None:
    plugin = connect(app)
    code = begin(app, "cups")
    answer = plugin.connect(code)
    assert (answer.status_code, answer.json["error"]["code"]) == (409, "connected_already")
    assert "connected as mugs" in answer.json["error"]["message"]
    assert plugin.state().status_code == 200
    other = PluginClient(app.test_client(), home="https://cups.example", plugin_id=OTHER_ID)
    assert other.connect(code).status_code == 201, "the code was not used up"


def test_the_key_gets_a_free_name(app: Flask) -> None:
    create_api_client(app, "mugs")
    connect(app)
    assert active_keys(app) == ["mugs", "mugs-wordpress"]


@pytest.mark.parametrize(
    "headers",
    [
        {"pointsync_home": STAGING},
        {"pointsync_home": f"{HOME}/shop"},
        {"pointsync_home": None},
        {"pointsync_home": ""},
        {"pointsync_shop": None},
        {"pointsync_shop": OTHER_ID},
        {"pointsync_home": "https://müll.example"},
    ],
)
def test_a_call_from_elsewhere_changes_nothing(app: Flask, headers: dict[str, str | None]) -> None:
    plugin = connect(app)
    for path, body in (
        ("/orders", {"shop": STAGING, "orders": [make_order()]}),
        ("/movements", {"customer": "alice@example.test", "points": 5}),
        ("/shops/state", VERSIONS),
        ("/shops/disconnect", None),
        ("/customers/alice@example.test/rename", {"to": "b@example.test"}),
    ):
        answer = plugin.call(path, body, **headers)
        assert (answer.status_code, answer.json["error"]["code"]) == (409, "other_address"), path
        assert "belongs to the shop at https://mugs.example" in answer.json["error"]["message"]
    assert plugin.call("/orders", method="GET", **headers).status_code == 409
    assert plugin.call("/customers/alice@example.test", method="GET").status_code == 404


@pytest.mark.parametrize("home", ["http://mugs.example/", "https://MUGS.example:443", "https://mugs.example./"])
def test_another_way_to_write_the_address_is_the_same_shop(app: Flask, home: str) -> None:
    assert connect(app).call("/orders", method="GET", pointsync_home=home).status_code == 200


def test_an_address_with_other_letters_in_a_header(app: Flask) -> None:
    plugin = connect(app, home="https://müll.example/tassen")
    as_bytes = "https://müll.example/tassen".encode().decode("latin-1")
    assert plugin.call("/orders", method="GET", pointsync_home=as_bytes).status_code == 200
    assert plugin.call("/orders", method="GET", pointsync_home="https://xn--mll-hoa.example/tassen").status_code == 200


def test_a_moved_shop(app: Flask) -> None:
    plugin, new = connect(app), "https://new.mugs.example"
    assert plugin.report(make_order()).json["results"][0]["points"] == 100
    body = {"from": HOME, "to": new}
    copy = plugin.call("/shops/moved", body)
    assert copy.json["error"]["code"] == "other_address", "the call is from the old address"
    assert plugin.call("/shops/moved", body, pointsync_shop=OTHER_ID, pointsync_home=new).status_code == 409
    for _ in range(2):
        moved = plugin.call("/shops/moved", body, pointsync_home=new)
        assert (moved.status_code, moved.json) == (200, {"shop": "mugs", "home_url": new}), "it can be repeated"
    assert plugin.state().status_code == 409, "the old address is the copy now"
    plugin.home = new
    results = plugin.report(make_order(total="50.00", id=18)).json["results"]
    assert results == [{"id": 18, "status": "applied", "points": 50}], "no admin has to say that it is the same shop"
    strange = plugin.call("/shops/moved", {"from": STAGING, "to": HOME}, pointsync_home=HOME)
    assert strange.json["error"]["code"] == "other_address"
    for wrong, field in (({"from": new, "to": "x"}, "to"), ({"from": new}, "to"), ({"to": new}, "from")):
        answer = plugin.call("/shops/moved", wrong)
        assert (answer.status_code, list(answer.json["error"]["fields"])) == (422, [field])


def test_a_shop_does_not_move_to_the_address_of_another(app: Flask, add_hook: Callable[..., HookClient]) -> None:
    add_hook("cups", shop="https://cups.example").order(id=5)
    plugin = connect(app)
    plugin.report(make_order())
    answer = plugin.call(
        "/shops/moved", {"from": HOME, "to": "https://cups.example"}, pointsync_home="https://cups.example"
    )
    assert (answer.status_code, answer.json["error"]["code"]) == (409, "other_shop")
    assert plugin.state().status_code == 200


def test_the_state_is_stored_and_answered(app_on_each_database: Flask) -> None:
    app = app_on_each_database
    plugin = connect(app)
    errors = [{"code": "no_answer", "message": "PointSync did not answer.\n", "at": "2026-11-30T10:00:00Z"}]
    fields = {
        "outbox": {"waiting": 3, "failed": 1, "oldest_at": "2026-11-30T09:00:00Z"},
        "feed": {"cursor_at": "2026-11-30T09:00:00Z", "behind": True},
        "errors": errors,
        "hpos": True,
        "coupons_enabled": False,
        "double_counting": ["Order updated"],
        "from_a_later_version": {"x": 1},
    }
    answer = plugin.state(**fields)
    assert answer.status_code == 200
    assert answer.json == {name: value for name, value in plugin.answer.items() if name != "key"}
    plugin.state(**fields)
    report = plugin_report.read(read_shop(app))
    assert report is not None
    assert (report.outbox.waiting, report.outbox.failed, report.feed.behind, report.hpos) == (3, 1, True, True)
    assert report.errors[0].message == "PointSync did not answer."


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("outbox", {"waiting": -1}),
        ("outbox", {"waiting": 10**20}),
        ("outbox", {"waiting": 1, "oldest_at": "today"}),
        ("outbox", {}),
        ("feed", {"cursor_at": "2026-11-30T09:00:00"}),
        ("errors", [{"code": "x", "message": "y", "at": "2026-11-30T09:00:00Z"}] * 21),
        ("errors", [{"code": "x", "message": "y" * 501, "at": "2026-11-30T09:00:00Z"}]),
        ("double_counting", ["x"] * 21),
        ("plugin_version", None),
        ("hpos", "yes"),
    ],
)
def test_a_wrong_state_is_refused(app: Flask, field: str, value: Any) -> None:
    plugin = connect(app)
    answer = plugin.state(**{field: value})
    assert (answer.status_code, list(answer.json["error"]["fields"])) == (422, [field])


def test_a_key_that_was_not_got_for_a_code(api_client: ApiClient) -> None:
    for path, body in (
        ("/shops/state", VERSIONS),
        ("/shops/moved", {"from": HOME, "to": STAGING}),
        ("/shops/hooks/remove", {"hook": "x"}),
        ("/shops/disconnect", None),
    ):
        answer = api_client.post(path, body)
        assert (answer.status_code, answer.json["error"]["code"]) == (409, "not_connected"), path
    assert api_client.get("/orders").status_code == 200, "it works from anywhere"


def test_the_plugin_disconnects_and_comes_back(app: Flask) -> None:
    plugin = connect(app)
    plugin.report(make_order())
    answer = plugin.call("/shops/disconnect")
    assert (answer.status_code, answer.data) == (204, b"")
    assert plugin.state().status_code == 401
    assert active_keys(app) == []
    assert read_shop(app).disconnected_at is not None
    assert plugin.connect(renew(app)).json["has_rule"]
    assert read_shop(app).disconnected_at is None
    assert plugin.report(make_order()).json["results"][0]["status"] == "unchanged"


def test_a_hook_that_counts_the_same_orders_is_named_and_removed(
    app: Flask, add_hook: Callable[..., HookClient]
) -> None:
    hook = add_hook("old-hook", shop=f"{HOME}/")
    hook.order(id=17)
    add_hook("cups", shop="https://cups.example").order(id=1)
    plugin = connect(app)
    [double] = plugin.answer["double_counting"]
    assert (double["name"], double["key_shop"]) == ("old-hook", None)
    assert plugin.report(make_order()).json["error"]["code"] == "counted_twice"
    assert plugin.state().json["double_counting"] == [double]
    unknown = plugin.call("/shops/hooks/remove", {"hook": "cups"})
    assert (unknown.status_code, unknown.json["error"]["code"]) == (422, "unknown_hook")
    assert plugin.call("/shops/hooks/remove", {"hook": "old-hook"}).json["double_counting"] == []
    results = plugin.report(make_order(id=17), make_order(id=18)).json["results"]
    assert [each["status"] for each in results] == ["unchanged", "applied"], "17 has counted by the hook"


def test_the_audit_log_says_who_connected(app: Flask) -> None:
    plugin = connect(app)
    plugin.state()
    plugin.call("/shops/disconnect")
    with app.app_context():
        rows = db.session.scalars(
            select(AuditEntry).where(AuditEntry.noun == "shop connection").order_by(AuditEntry.id)
        )
        found = [(row.action, row.thing, row.actor, row.how) for row in rows]
    assert found == [
        ("added", "mugs", "", "site"),
        ("changed", "mugs", "mugs.example", "code"),
        ("changed", "mugs", "mugs", "key"),
    ]


def test_disconnected_by_an_admin(app: Flask, moving_clock: MovingClock) -> None:
    plugin = connect(app)
    plugin.report(make_order())
    with app.app_context():
        shop = connected_shops.get_by_name(db.session(), "mugs")
        db.run_in_transaction(lambda session: connected_shops.disconnect(session, shop.id, moving_clock.now()))
        assert connected_shops.list_all(db.session()) == []
        assert db.session.scalars(select(Hook).where(Hook.removed_at.is_(None))).all() == []
        assert db.session.scalars(select(ApiKey).where(ApiKey.revoked_at.is_(None))).all() == []
    assert plugin.state().status_code == 401
    assert plugin.connect(begin(app)).status_code == 201, "under the same name"
    assert plugin.report(make_order()).json["results"][0]["status"] == "unchanged", "it goes on where it was"
