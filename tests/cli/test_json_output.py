"""Every command once with `--json`, starting with an empty folder."""

from typing import Any

import pytest

from tests.cli.command_batch import CommandResult, run_commands
from tests.support.process import SiteProcess

AUTH, PASSWORD = "wrk_0123456789abcdef", "wrs_0123456789abcdef"
OTHER_AUTH = "wrk_fedcba9876543210"
LINE = ("--target", "default", "--observed", "default")
OTHER = ("--target", "other", "--observed", "default")
COMMANDS: tuple[tuple[str, ...], ...] = (
    ("site",),
    ("site", "--secrets"),
    ("fetch-back",),
    ("fetch-back", "decisions"),
    ("upgrade",),
    ("reserve", "list"),
    ("reserve", "add", "gold", "--name", "Gold points"),
    ("record", "Alice@Example.com", "100", "--ref", "order-1", "--reason", "Order 1"),
    ("record", "alice@example.com", "100", "--ref", "order-1"),
    ("record", "alice@example.com", "-50"),
    ("record", "alice@example.com", "--set", "-5"),
    ("record", "alice@example.com", "--set", "-5", "--ref", "set-1"),
    ("record", "alice@example.com", "7", "--reserve", "gold", "--kind", "opening"),
    ("reward", "list"),
    ("reward", "add", "Mug", "30", "--reserve", "gold", "--description", "A blue one"),
    ("reward", "add", "Tea", "5", "--reserve", "gold"),
    ("reward", "list", "--reserve", "gold"),
    ("reward", "redeem", "2", "alice@example.com", "--reserve", "gold", "--ref", "tea-1"),
    ("reward", "redeem", "2", "Alice@example.com", "--reserve", "gold", "--ref", "tea-1"),
    ("level", "add", "Silver", "1000", "--description", "From 1,000"),
    ("level", "list"),
    ("record", "alice@example.com", "5", "--reserve", "gold", "--kind", "correction"),
    ("balance", "alice@example.com"),
    ("balance", "alice@example.com", "--reserve", "gold"),
    ("history", "alice@example.com"),
    ("history", "alice@example.com", "--limit", "1"),
    ("record", "bob@example.com", "1"),
    ("customer", "rename", "bob@example.com", "bob@new.example"),
    ("customer", "alias", "bob@example.com", "bob@old.example"),
    ("customer", "merge", "bob@example.com", "alice@example.com"),
    ("customer", "unmerge", "bob@old.example"),
    ("customer", "changes", "bob@old.example"),
    ("customer", "changes", "--state", "undelivered"),
    ("customer", "report", "bob@old.example"),
    ("customer", "report", "bob@old.example", "--all-sites"),
    ("customer", "duplicates"),
    ("customer", "duplicates", "--limit", "1", "--cursor", "5"),
    ("customer", "not-same", "bob@old.example", "alice@example.com"),
    ("customer", "erase", "bob@old.example"),
    ("customer", "erasures"),
    ("customer", "erasures", "1"),
    ("vacuum",),
    ("setting", "list"),
    ("setting", "set", "delay_seconds", "5"),
    ("setting", "set", "only_listed", "on"),
    ("key", "create", "shop"),
    ("key", "rotate", "shop"),
    ("key", "list"),
    ("shop", "rule", "shop", "--reserve", "default", "--rate", "1/2", "--currency", "EUR=2", "--from", "all"),
    ("hook", "remove", "shop"),
    ("key", "revoke", "shop"),
    ("webhook", "add", "http://127.0.0.1:9/points"),
    ("webhook", "list"),
    ("webhook", "remove", "1"),
    ("hook", "add", "orders", "--secret", "s", "--reserve", "default", "--rate", "0.5"),
    ("hook", "list"),
    (
        *("hook", "change", "orders", "--status", "picked-up", "--status", "completed", "--base", "goods+tax"),
        *("--currency", "usd=1/3", "--from", "2026-01-31", "--minimum", "20", "--minimum", "USD=25.50"),
        *("--exclude-product", "12", "--exclude-product", "9", "--child-orders"),
    ),
    ("hook", "change", "orders", "--from", "all", "--exclude-product", "none", "--minimum", "0"),
    ("shop", "list"),
    ("shop", "other", "https://Staging.shop.example/"),
    ("shop", "orders"),
    ("shop", "dismiss-outages"),
    ("hook", "dismiss", "orders"),
    ("hook", "remove", "orders"),
    ("remote", "add", "--url", "http://127.0.0.1:9", "--auth", AUTH, "--pass", PASSWORD, *LINE, "--history"),
    ("remote", "ping", "1"),
    ("remote", "list"),
    ("remote", "pause", "1"),
    ("remote", "resume", "1"),
    ("remote", "retry", "1"),
    ("remote", "history", "1"),
    ("remote", "history", "1", "--stop"),
    ("remote", "change", "1", "--target", "other"),
    ("remote", "remove", "1"),
    ("remote", "add", "--url", "http://127.0.0.1:9", "--auth", AUTH, "--pass", PASSWORD, *OTHER, "--go-on"),
    ("remote", "key", "1"),
    ("refused", "list"),
    ("origin", "list"),
    ("origin", "block", AUTH, "--reason", "Sold"),
    ("origin", "reverse", AUTH, "--from", "2026-01-31", "--dry-run"),
    ("origin", "unblock", AUTH),
    ("origin", "hand-on"),
    ("origin", "allow-hand-on", AUTH, "--by", OTHER_AUTH),
    ("origin", "allow-hand-on"),
    ("origin", "allow-hand-on", AUTH, "--by", OTHER_AUTH, "--withdraw"),
    ("pass", "show"),
    ("pass", "rotate"),
    ("pass", "rotate", "--at-once", "--secrets"),
    ("verify",),
)


@pytest.fixture(scope="module")
def answers(site: SiteProcess) -> dict[str, CommandResult]:
    """The results by command line."""
    done = run_commands(site, [(*args, "--json") for args in COMMANDS])
    return {" ".join(each.args[:-1]): each for each in done}


def test_every_command_succeeds_and_prints_one_document(answers: dict[str, CommandResult]) -> None:
    for each in answers.values():
        assert each.json is not None
        assert "\x1b" not in each.out


def test_no_data_command_starts_a_scheduler_or_a_courier(answers: dict[str, CommandResult]) -> None:
    threads = {thread for each in answers.values() for thread in each.threads}
    assert threads <= {"call-watchdog"}  # from a ping


def test_site(answers: dict[str, CommandResult]) -> None:
    plain, whole = answers["site"].json, answers["site --secrets"].json
    assert set(plain) == {"name", "url", "auth", "fingerprint", "hold", "fetch_back"}
    assert plain["fetch_back"] is None
    assert plain["name"] == "Mug shop"
    assert plain["url"] is None
    assert set(whole) == {"name", "url", "auth", "pass", "sharing_key", "fingerprint", "hold", "fetch_back"}
    assert answers["upgrade"].json["upgraded"] is False


def test_fetching_back_and_handing_on(answers: dict[str, CommandResult]) -> None:
    assert answers["fetch-back"].json == {
        "running": False,
        "open": False,
        "since": None,
        "to_record": 0,
        "decisions": 0,
        "remotes": [],
    }
    assert answers["fetch-back decisions"].json == answers["origin hand-on"].json == []
    [allowed] = answers["origin allow-hand-on"].json
    assert (allowed["origin"], allowed["sender"], allowed["allowed_by"]) == (AUTH, OTHER_AUTH, "command")
    assert answers[f"origin allow-hand-on {AUTH} --by {OTHER_AUTH} --withdraw"].json == []


def test_record_prints_the_movement(answers: dict[str, CommandResult]) -> None:
    first = answers["record Alice@Example.com 100 --ref order-1 --reason Order 1"].json
    fields = {"id", "ref", "origin", "customer", "reserve", "kind", "points", "balance", "reason", "at", "recorded_at"}
    assert set(first) == {*fields, "status"}
    assert first["customer"] == "alice@example.com"
    assert first["status"] == "recorded"
    assert first["origin"] == answers["site"].json["auth"]
    again = answers["record alice@example.com 100 --ref order-1"].json
    assert (again["id"], again["status"]) == (first["id"], "duplicate")
    spent = answers["record alice@example.com -50"].json
    assert (spent["points"], spent["balance"], spent["kind"]) == (-50, 50, "spend")
    assert answers["record alice@example.com --set -5"].json["points"] == -55
    assert answers["record alice@example.com --set -5 --ref set-1"].json["status"] == "unchanged"


def test_a_customer(answers: dict[str, CommandResult]) -> None:
    balances = [{"reserve": "default", "points": -5}, {"reserve": "gold", "points": 7}]
    assert answers["balance alice@example.com"].json == {"customer": "alice@example.com", "balances": balances}
    assert answers["balance alice@example.com --reserve gold"].json["balances"] == balances[1:]
    movements = answers["history alice@example.com"].json["movements"]
    assert [each["points"] for each in movements] == [5, -5, 7, 0, -55, -50, 100]
    assert answers["history alice@example.com --limit 1"].json["movements"] == movements[:1]


def test_the_history_in_pages(site: SiteProcess, answers: dict[str, CommandResult]) -> None:
    everything, first = answers["history alice@example.com"].json, answers["history alice@example.com --limit 1"].json
    assert everything["next"] is None
    args = ("history", "alice@example.com", "--cursor", first["next"], "--json")
    [rest] = run_commands(site, [args])
    assert rest.json == {"movements": everything["movements"][1:], "next": None}


def test_reserves_settings_and_keys(answers: dict[str, CommandResult]) -> None:
    assert [each["key"] for each in answers["reserve list"].json] == ["default"]
    assert answers["reserve add gold --name Gold points"].json["name"] == "Gold points"
    assert {"name": "max_attempts", "value": 10}.items() <= answers["setting list"].json[0].items()
    hasty = answers["setting set delay_seconds 5"]
    assert hasty.json["value"] == 5
    assert hasty.json["warning"] in hasty.err
    assert answers["setting set only_listed on"].json == {"name": "only_listed", "value": "on"}
    key = answers["key create shop"].json
    assert set(key) == {"name", "key", "shop", "scopes"}
    assert key["scopes"] == ["record", "read", "shop", "people", "admin"]
    assert key["key"].startswith("psk_")
    rotated = answers["key rotate shop"].json
    assert (rotated["name"], rotated["shop"], rotated["old_ends_at"]) == ("shop", "shop", None)
    assert rotated["key"] != key["key"]
    assert [each["name"] for each in answers["key list"].json] == ["shop"]
    added = answers["webhook add http://127.0.0.1:9/points"].json
    assert (added["id"], added["url"], added["secret"][:6]) == (1, "http://127.0.0.1:9/points", "whsec_")
    [listed] = answers["webhook list"].json
    assert (listed["state"], listed["last_success_at"], listed["waiting_since"]) == ("new", None, None)
    assert answers["webhook remove 1"].json == {"id": 1, "removed": True}
    [rule] = [answer.json for args, answer in answers.items() if args.startswith("shop rule")]
    assert rule == {"name": "shop", "shop": "shop", "reserve": "default"}


def test_origins(answers: dict[str, CommandResult]) -> None:
    [listed] = answers["origin list"].json
    assert (listed["auth"], listed["blocked_at"], listed["reversal"], listed["turned_away"]) == (AUTH, None, None, 0)
    blocked = answers[f"origin block {AUTH} --reason Sold"].json
    assert blocked == {"auth": AUTH, "blocked": True}
    preview = answers[f"origin reverse {AUTH} --from 2026-01-31 --dry-run"].json["preview"]
    assert (preview["since"], preview["movements"], preview["first"]) == ("2026-01-31T00:00:00Z", 0, [])
    assert answers[f"origin unblock {AUTH}"].json == {"auth": AUTH, "blocked": False}


def test_rewards_and_levels(answers: dict[str, CommandResult]) -> None:
    assert answers["reward list"].json == []
    mug = answers["reward add Mug 30 --reserve gold --description A blue one"].json
    assert mug == {"id": 1, "title": "Mug", "description": "A blue one", "cost": 30, "active": True}
    tea = answers["reward add Tea 5 --reserve gold"].json
    assert answers["reward list --reserve gold"].json == [tea, mug]
    first = answers["reward redeem 2 alice@example.com --reserve gold --ref tea-1"].json
    assert (first["status"], first["kind"], first["points"], first["balance"]) == ("recorded", "redeem", -5, 2)
    assert first["reason"] == "Redeemed: Tea"
    again = answers["reward redeem 2 Alice@example.com --reserve gold --ref tea-1"].json
    assert (again["status"], again["id"]) == ("duplicate", first["id"])
    silver = answers["level add Silver 1000 --description From 1,000"].json
    assert silver == {"id": 1, "title": "Silver", "description": "From 1,000", "points": 1000, "active": True}
    assert answers["level list"].json == [silver]


def test_hooks(answers: dict[str, CommandResult]) -> None:
    hook = answers["hook add orders --secret s --reserve default --rate 0.5"].json
    assert set(hook) == {"name", "id", "url"}
    assert hook["url"].endswith(f"/hooks/woocommerce/{hook['id']}")
    assert answers["hook dismiss orders"].json == {"name": "orders", "dismissed": 0}
    [listed] = answers["hook list"].json
    assert hook.items() <= listed.items()
    assert (listed["rate"], listed["base"], listed["statuses"]) == ("0.5", "goods", ["completed"])
    changed, again = (answer.json for args, answer in answers.items() if args.startswith("hook change "))
    assert changed | {"from": None} == listed | {
        "status": "picked-up",
        "statuses": ["picked-up", "completed"],
        "base": "goods+tax",
        "rates": {"": "0.5", "USD": "1/3"},
        "from": None,
        "minimums": {"": "20", "USD": "25.5"},
        "excluded_products": [9, 12],
        "child_orders": True,
    }
    assert changed["from"].startswith("2026-01-3")
    assert again == changed | {"from": None, "minimums": {}, "excluded_products": []}


def test_shops(answers: dict[str, CommandResult]) -> None:
    assert answers["shop list"].json == {"shops": [], "connected": [], "waiting": [], "removed_hooks": []}
    assert answers["shop other https://Staging.shop.example/"].json["dropped"] == 0
    assert answers["shop orders"].json == []
    assert answers["shop dismiss-outages"].json == {"dismissed": 0}


def test_remotes(answers: dict[str, CommandResult]) -> None:
    added, again = (each.json for name, each in answers.items() if name.startswith("remote add"))
    assert added["id"] == again["id"] == 1
    assert set(added["ping"]) == {"ok", "code", "message"}
    assert added["ping"]["code"] == "refused_connection"
    assert answers["remote ping 1"].json["ping"]["ok"] is False
    [line] = answers["remote list"].json
    promised = {"id", "name", "url", "target", "observed", "dialect", "status", "status_text"}
    assert promised | {"waiting", "paused", "last_success_at", "last_error"} <= set(line)
    assert line["url"] == "http://127.0.0.1:9"
    assert answers["remote pause 1"].json["paused"] is True
    assert answers["remote resume 1"].json["paused"] is False
    # The history waits for a scheduler, so nothing is queued yet.
    progress: dict[str, Any] = answers["remote history 1"].json["history"]
    assert progress["state"] == "running"
    assert answers["remote history 1 --stop"].json["history"]["state"] == "stopped"
    assert answers["remote change 1 --target other"].json["id"] == 1
    assert answers["remote remove 1"].json == {"id": 1, "removed": True, "dropped": 0}


def test_the_pass(answers: dict[str, CommandResult]) -> None:
    assert answers["pass show"].json == {"old_pass": None}
    old = answers["pass rotate"].json["old_pass"]
    assert set(old) == {"works", "ends_at", "sites"}
    assert (old["works"], old["sites"]) == (True, [])
    whole = answers["pass rotate --at-once --secrets"].json
    assert whole["old_pass"]["works"] is False
    assert whole["pass"] != answers["site --secrets"].json["pass"]
    no_keys = {"pinned": None, "offered": None, "from_calls": False, "refused_at": None}
    assert answers["remote key 1"].json == {"id": 1, **no_keys}


def test_refused_and_verify(answers: dict[str, CommandResult]) -> None:
    assert answers["refused list"].json == []
    assert answers["verify"].json == {"ok": True, "differences": []}
