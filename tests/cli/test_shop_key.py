"""`pointsync shop key` and `shop read`, with a shop on loopback."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from pointsync import clock
from tests.cli.command_batch import run_commands
from tests.support.process import SiteProcess
from tests.support.woocommerce_shop import KEY, SECRET, WooCommerceShop, run_shop

HOOK = ("hook", "add", "orders", "--secret", "s", "--reserve", "default")


@pytest.fixture
def shop() -> Iterator[WooCommerceShop]:
    with run_shop() as shop:
        yield shop


def test_a_shop_is_connected_read_and_forgotten(site: SiteProcess, shop: WooCommerceShop) -> None:
    later = (clock.now() + timedelta(hours=1)).replace(tzinfo=None, microsecond=0).isoformat()  # the hook is older
    shop.add_order(1, date_created_gmt=later, date_modified_gmt=later)
    key = ("shop", "key", "orders", "--consumer-key", KEY)
    _, unread, no_url, no_key, wrong, connected, read, listed, table, gone, again = run_commands(
        site,
        [
            HOOK,
            ("shop", "read", "orders"),
            (*key, "--secret-stdin"),
            ("shop", "key", "orders", "--url", shop.url),
            (*key, "--url", shop.url, "--secret", "cs_" + "0" * 40),
            (*key, "--url", shop.url, "--secret-stdin", "--json"),
            ("shop", "read", "orders", "--all", "--json"),
            ("shop", "list", "--json"),
            ("shop", "list"),
            ("shop", "key", "1", "--remove", "--json"),
            ("shop", "key", "orders", "--remove"),
        ],
        stdin=f"{SECRET}\n",
    )
    assert (unread.code, "not connected for reading" in unread.err) == (1, True)
    assert (no_url.code, "Missing option '--url'" in no_url.err) == (2, True)
    assert (no_key.code, "Give --consumer-key and --secret" in no_key.err) == (2, True)
    assert (wrong.code, "refused the key" in wrong.err) == (2, True)
    assert connected.json["url"] == shop.url
    assert (read.json["orders"] >= 1, read.json["changes"]) == (True, 1)
    [row] = listed.json["shops"]
    assert (row["reading"]["key"], row["reading"]["code"], row["hooks"]) == (f"…{KEY[-7:]}", None, ["orders"])
    assert row["reading"]["last_read_at"]
    assert " read" in table.out
    assert gone.json == {"shop": 1, "removed": True}
    assert (again.code, "has no key" in again.err) == (1, True)
    assert not any(SECRET in each.out + each.err for each in (wrong, connected, read, listed, table))


def test_a_shop_that_failed_is_tried_again(site: SiteProcess, shop: WooCommerceShop) -> None:
    shop.answers = [(200, []), (404, {"code": "other"}), (500, ""), (500, ""), (500, "")]
    connect = ("shop", "key", "again", "--url", shop.url, "--consumer-key", KEY, "--secret", SECRET)
    _, connected, failed, read = run_commands(
        site,
        [
            ("hook", "add", "again", "--secret", "s", "--reserve", "default"),
            connect,
            ("shop", "read", "again"),
            ("shop", "read", "again", "--json"),
        ],
    )
    assert connected.code == 0, connected.err
    assert (failed.code, "answered with an error (500)" in failed.err) == (1, True)
    assert read.json["changes"] == 0
