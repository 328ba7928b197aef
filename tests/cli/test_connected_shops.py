"""`pointsync shop connect`, `shop disconnect`, and connected shops in `shop list`."""

from pathlib import Path

from tests.cli.command_batch import run_commands
from tests.support.connected_shops import SITE_URL, decode
from tests.support.process import SiteProcess

CONNECT = ("shop", "connect", "mugs")
RULE = ("--reserve", "default", "--rate", "1/2", "--status", "processing", "--from", "all")


def test_a_shop_gets_a_code_and_is_disconnected(tmp_path: Path) -> None:
    site = SiteProcess(tmp_path, env={"POINTSYNC_PUBLIC_URL": SITE_URL}).create()
    no_rule, no_reserve, first, second, plain, again, listed, table, hooks, gone, unknown, empty = run_commands(
        site,
        [
            CONNECT,
            (*CONNECT, "--rate", "2"),
            (*CONNECT, *RULE, "--json"),
            (*CONNECT, "--json"),
            CONNECT,
            (*CONNECT, *RULE),
            ("shop", "list", "--json"),
            ("shop", "list"),
            ("hook", "list", "--json"),
            ("shop", "disconnect", "mugs", "--json"),
            ("shop", "disconnect", "mugs"),
            ("shop", "list", "--json"),
        ],
    )
    assert (no_rule.code, "Choose where the points of mugs go" in no_rule.err) == (1, True)
    assert (no_reserve.code, "Give --reserve as well" in no_reserve.err) == (2, True)
    assert set(first.json) == {"name", "code", "ends_at"}
    assert decode(first.json["code"])["u"] == SITE_URL
    assert first.json["code"] != second.json["code"]
    assert decode(plain.out.strip())["u"] == SITE_URL, "nothing else, so that it can be copied"
    assert (again.code, "There is a shop mugs already" in again.err) == (1, True)
    [row] = listed.json["connected"]
    assert (row["name"], row["status"], row["address"]) == ("mugs", "Waiting for the code", None)
    assert (row["last_contact_at"], row["waiting"], row["plugin_version"]) == (None, None, None)
    assert [each["code"] for each in row["problems"]] == ["waiting"]
    assert "Waiting for the code" in table.out
    [hook] = hooks.json
    assert (hook["name"], hook["rates"], hook["from"]) == ("mugs", {"": "0.5"}, None)
    assert gone.json == {"name": "mugs", "disconnected": True}
    assert (unknown.code, "There is no shop 'mugs' with the plugin" in unknown.err) == (1, True)
    assert empty.json["connected"] == []


def test_the_name_is_that_of_the_only_shop_with_keys(tmp_path: Path) -> None:
    site = SiteProcess(tmp_path).create()
    no_url, _ = run_commands(site, [(*CONNECT, *RULE), ("key", "create", "till", "--shop", "tea")])
    assert (no_url.code, "This site has no public URL yet" in no_url.err) == (1, True)
    site = SiteProcess(tmp_path, env={"POINTSYNC_PUBLIC_URL": SITE_URL})
    rule, code, asked, replaced, hooks, taken = run_commands(
        site,
        [
            ("shop", "rule", "tea", "--reserve", "default", "--json"),
            ("shop", "connect", "--json"),
            ("shop", "connect", *RULE),
            ("shop", "connect", "cups", *RULE, "--replace-rule", "--json"),
            ("hook", "list", "--json"),
            ("shop", "connect", "other", "--reserve", "nowhere"),
        ],
    )
    assert rule.json["name"] == "tea"
    assert code.json["name"] == "tea", "its rule stays"
    assert (asked.code, "There is a shop tea already" in asked.err) == (1, True)
    assert (replaced.json["name"], len(hooks.json)) == ("cups", 2), "there is none to replace"
    assert (taken.code, "There is no points reserve nowhere" in taken.err) == (2, True)
