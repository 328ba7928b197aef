"""Connecting a shop for reading: a key is tried before it is stored, pasted or sent by the shop."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from pointsync import clock, db
from pointsync.crypto import Vault
from pointsync.errors import Conflict, DomainError, InvalidInput, NotFound
from pointsync.ledger.orders import merge_shops, shops
from pointsync.models import AuditEntry, Hook, ShopKey, ShopOrder
from pointsync.net.http_client import HttpClient
from pointsync.ops import key_rotation
from pointsync.runtime import get_runtime
from pointsync.schedule import reading_ticks
from pointsync.woocommerce import hooks, outages
from pointsync.woocommerce.reading import connect, key_requests, keys, status
from pointsync.woocommerce.reading.key_requests import KeyAnswer
from pointsync.woocommerce.reading.signing import sign_params
from tests.site.woocommerce.connected_shops import add_hook
from tests.support.moving_clock import MovingClock
from tests.support.woocommerce_shop import KEY, SECRET, WooCommerceShop, run_shop

pytestmark = [pytest.mark.usefixtures("app"), pytest.mark.parametrize("app", ["sqlite"], indirect=True)]

MINUTE = timedelta(minutes=1)


@pytest.fixture
def time() -> Iterator[MovingClock]:
    moving = MovingClock()
    clock.set_source(moving.now)
    yield moving
    clock.set_source(None)


@pytest.fixture
def shop() -> Iterator[WooCommerceShop]:
    with run_shop() as shop:
        yield shop


def find_key() -> ShopKey | None:
    return db.session.get(ShopKey, 1)


def test_a_key_is_stored_encrypted_and_audited_without_it(shop: WooCommerceShop) -> None:
    hook = add_hook()
    connect.connect(hook.id, f" {shop.url}/ ", KEY, SECRET)
    row = find_key()
    assert row
    assert (row.url, row.key_end, get_runtime().vault.decrypt(row.sealed_consumer_secret)) == (
        shop.url,
        KEY[-7:],
        SECRET,
    )
    assert SECRET not in row.sealed_consumer_secret
    [entry] = [each for each in db.session.query(AuditEntry) if each.noun == "shop key"]
    assert SECRET not in str(entry.after)
    assert KEY not in str(entry.after)
    db.session.remove()
    new = Vault("another key")
    db.run_in_transaction(lambda session: key_rotation.reencrypt(session, get_runtime().vault, new))
    row = find_key()
    assert row
    assert new.decrypt(row.sealed_consumer_key) == KEY


@pytest.mark.parametrize(
    ("change", "field", "text"),
    [
        ({"permissions": "read_write"}, "consumer_key", "create a key with the permission Read"),
        ({"key": None}, "consumer_key", "Consumer key is invalid"),
        ({"answers": [(404, "<html>")]}, "url", "has no WooCommerce REST API"),
        ({"answers": [(500, "")]}, "url", "answered with an error"),
    ],
)
def test_a_key_that_is_no_good(shop: WooCommerceShop, change: dict[str, object], field: str, text: str) -> None:
    hook = add_hook()
    vars(shop).update(change)
    with pytest.raises(InvalidInput, match=text) as refused:
        connect.connect(hook.id, shop.url, KEY, SECRET)
    assert list(refused.value.fields) == [field]
    assert find_key() is None


@pytest.mark.parametrize(
    ("url", "key", "secret", "field"),
    [
        ("shop.example", KEY, SECRET, "url"),
        ("http://127.0.0.1:1", KEY, SECRET, "url"),
        ("https://a:b@shop.example", KEY, SECRET, "url"),
        ("https://shop.example", "cs_12345678", SECRET, "consumer_key"),
        ("https://shop.example", KEY, "", "consumer_secret"),
    ],
)
def test_a_form_that_is_not_filled_in(url: str, key: str, secret: str, field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        connect.connect(add_hook().id, url, key, secret)
    assert list(refused.value.fields) == [field]


def test_a_private_address_is_refused_where_it_is_not_allowed(shop: WooCommerceShop) -> None:
    api = keys.ShopApi(HttpClient(allow_private=False, url_noun="the shop's URL"), shop.url, KEY, SECRET)
    with pytest.raises(InvalidInput, match="correct the shop's URL, or set POINTSYNC_PRIVATE_REMOTES=on"):
        connect.try_key(api, [])


@pytest.mark.usefixtures("time")
def test_another_shop_is_refused(shop: WooCommerceShop) -> None:
    hook = add_hook()
    connect.connect(hook.id, shop.url, KEY, SECRET)
    shop.add_order(1)
    reading_ticks.read_shops()
    with run_shop() as other:
        other.add_order(1, order_key="wc_order_other")
        with pytest.raises(InvalidInput, match="is another shop"):
            connect.connect(hook.id, other.url, KEY, SECRET)
        other.add_order(1)
        connect.connect(hook.id, other.url, KEY, SECRET)
        assert db.session.query(ShopOrder).count() == 1
        db.session.remove()
        second = add_hook("other", reserve_key="default")
        db.run_in_transaction(lambda session: shops.create(session, other.url.removeprefix("http://"), clock.now()))
        connect.connect(second.id, other.url, KEY, SECRET)
        with pytest.raises(InvalidInput, match="pointsync shop merge"):
            connect.connect(hook.id, other.url, KEY, SECRET)


def test_a_key_outlives_its_hook_and_moves_with_its_shop(shop: WooCommerceShop) -> None:
    hook = add_hook()
    connect.connect(hook.id, shop.url, KEY, SECRET)
    db.run_in_transaction(lambda session: hooks.remove(session, "orders", clock.now()))
    reading_ticks.read_shops()
    assert shop.requests[-1][0].endswith(connect.PROBE_PATH), "nothing is read for nobody"
    [reading] = status.list_all(db.session())
    assert (reading.hook, reading.shop) == (None, shop.url)
    db.session.remove()
    second = add_hook("again", counts_all=True)
    other = db.run_in_transaction(lambda session: shops.create(session, "www.shop.example", clock.now()).id)
    db.run_in_transaction(lambda session: merge_shops.merge(session, 1, other, clock.now()))
    assert db.session.get_one(ShopKey, other).url == shop.url
    db.run_in_transaction(lambda session: setattr(session.get_one(Hook, second.id), "shop_id", other))
    reading_ticks.read_shops()
    assert db.session.get_one(ShopKey, other, populate_existing=True).last_success_at


def test_a_hook_of_movements_has_no_orders_to_read(shop: WooCommerceShop) -> None:
    with pytest.raises(Conflict, match="no orders"):
        connect.connect(add_hook(by_movements=True).id, shop.url, KEY, SECRET)


def test_a_shop_sends_its_key_once(shop: WooCommerceShop, time: MovingClock) -> None:
    hook = add_hook()
    url, state = ask(hook.id, shop.url)
    link = key_requests.authorize_url(url, state, "https://points.example/x")
    assert link.startswith(f"{shop.url}/wc-auth/v1/authorize?app_name=PointSync&scope=read&user_id={state}&")
    assert "callback_url=https%3A%2F%2Fpoints.example%2Fx%2Fhooks%2Fwoocommerce%2Fkey" in link
    key_requests.complete(KeyAnswer(state, KEY, SECRET, "read"))
    assert find_key()
    for used in (state, "0" * 32):
        with pytest.raises(NotFound, match="Connect it again"):
            key_requests.complete(KeyAnswer(used, KEY, SECRET, "read"))
    _, late = ask(hook.id, shop.url)
    time.advance(15 * MINUTE)
    with pytest.raises(NotFound):
        key_requests.complete(KeyAnswer(late, KEY, SECRET, "read"))


@pytest.mark.parametrize(("key", "permissions"), [(KEY, "read_write"), ("ck_" + "f" * 40, "read")])
def test_a_key_that_a_shop_sends_is_tried(shop: WooCommerceShop, key: str, permissions: str) -> None:
    hook = add_hook()
    _, state = ask(hook.id, shop.url)
    with pytest.raises(DomainError):
        key_requests.complete(KeyAnswer(state, key, SECRET, permissions))
    assert key_requests.list_failed(db.session())[hook.id].problem
    assert find_key() is None


def ask(hook_id: int, url: str) -> tuple[str, str]:
    return db.run_in_transaction(lambda session: key_requests.begin(session, hook_id, url, "ada", clock.now()))


def test_the_signature_of_a_call() -> None:
    """The way to sign was accepted by WooCommerce 10.9.1; the value keeps it as it is."""
    signed = sign_params(
        "GET",
        "http://127.0.0.1:8811/wp-json/wc/v3/orders",
        {"status": "any", "after": "2026-01-01T00:00:00"},
        KEY,
        SECRET,
        timestamp=1_800_000_000,
        nonce="n",
    )
    assert signed["oauth_signature"] == "xdkx6jflRVOawAVGXWc2KPi+cIr1pgCMCXeeLdPfy/8="
    assert SECRET not in str(signed)


def test_outages_of_sites_without_a_key(shop: WooCommerceShop, time: MovingClock) -> None:
    def unread() -> list[tuple[float, list[str]]]:
        found = outages.list_unread(db.session())
        minutes = [(each.outage.ended_at - each.outage.began_at) / MINUTE for each in found]
        db.session.remove()
        return list(zip(minutes, [[hook.name for hook in each.hooks] for each in found], strict=True))

    hook = add_hook()
    reading_ticks.note_alive()
    for minutes in (1, 4, -4):
        time.advance(minutes * MINUTE)
        reading_ticks.note_alive()
    assert unread() == [], "a restart, and a clock that was set back"
    time.advance(25 * MINUTE)
    reading_ticks.note_alive()
    assert unread() == [(25, ["orders"])]
    add_hook("new", reserve_key="default", now=time.advance(MINUTE))
    assert unread() == [(25, ["orders"])], "a hook from after it has lost nothing"
    connect.connect(hook.id, shop.url, KEY, SECRET)
    assert unread() == [], "what is missing is read"
    db.run_in_transaction(lambda session: keys.remove(session, 1))
    assert len(unread()) == 1
    db.run_in_transaction(lambda session: outages.dismiss(session, time.now()))
    assert unread() == []
