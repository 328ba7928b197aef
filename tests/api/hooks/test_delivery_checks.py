"""Which deliveries a hook accepts: signatures, pings, bodies, topics and shops."""

import base64
import errno
import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from pointsync import clock, crypto, db
from pointsync.api import hooks as api_hooks
from pointsync.models import Hook
from pointsync.web import upload_limits
from pointsync.web.upload_limits import MAX_ORDERS_BODY_BYTES
from pointsync.woocommerce import hooks
from tests.api.api_clients import ApiClient, HookClient, make_order

Outcomes = Callable[[], list[tuple[str, str]]]
AddHook = Callable[..., HookClient]


def test_an_unknown_hook(app: Flask, add_hook: AddHook) -> None:
    woo = add_hook()
    for token in ("0" * 32, "abc", "%00", "A" * 32):
        woo.path = f"/hooks/woocommerce/{token}"
        answer = woo.post(b"{}", "order.created")
        assert answer.status_code == 404
        assert answer.json["error"]["code"] == "not_found"


def test_a_removed_hook(app: Flask, add_hook: AddHook) -> None:
    woo = add_hook()
    with app.app_context():
        db.run_in_transaction(lambda session: hooks.remove(session, "shop", clock.now()))
    assert woo.post(b"{}", "order.created").status_code == 404


@pytest.mark.parametrize(
    "signature",
    [
        "",
        "=",
        "!!!",
        "\xff\xfe",
        "AAAA",
        base64.b64encode(b"x" * 32).decode(),
        crypto.sign_hmac("probe-secret", b"{}").hex(),
    ],
)
def test_a_wrong_signature(add_hook: AddHook, hook_outcomes: Outcomes, signature: str) -> None:
    answer = add_hook().post(b"{}", "order.created", X_WC_Webhook_Signature=signature)
    assert answer.status_code == 401
    assert answer.json["error"]["code"] == "bad_signature"
    assert hook_outcomes() == []


def test_a_different_secret(add_hook: AddHook, api_client: ApiClient) -> None:
    woo = add_hook()
    woo.secret = "other-secret"
    assert woo.post(b'{"id": 17}', "order.created").status_code == 401


def test_a_secret_that_cannot_be_decrypted(
    app: Flask, add_hook: AddHook, hook_outcomes: Outcomes, caplog: pytest.LogCaptureFixture
) -> None:
    """The site was started with another secret key. The answer says that the fault is not the shop's."""
    woo = add_hook()
    with app.app_context():
        encrypted = crypto.Vault("another secret key").encrypt(woo.secret)
        db.run_in_transaction(lambda session: setattr(session.get_one(Hook, 1), "sealed_secret", encrypted))
    caplog.clear()
    answer = woo.post(b'{"id": 17}', "order.created")
    assert (answer.status_code, answer.json["error"]["code"]) == (503, "wrong_secret")
    assert "POINTSYNC_SECRET_KEY" in answer.json["error"]["message"]
    [record] = caplog.records
    assert "hook shop:" in record.getMessage()
    assert record.exc_info is None
    assert hook_outcomes() == []


def test_wrong_signatures_are_limited_and_right_ones_are_not(add_hook: AddHook) -> None:
    woo = add_hook()
    statuses = [woo.post(b"{}", "order.created", X_WC_Webhook_Signature="wrong").status_code for _ in range(40)]
    assert (statuses[0], statuses[-1]) == (401, 429)
    assert woo.order()["outcome"] == "recorded"


def send_ping(woo: HookClient, raw: bytes, content_type: str = "application/x-www-form-urlencoded") -> int:
    """Send an unsigned form, as a shop does when an admin saves a webhook."""
    return woo.app.test_client().post(woo.path, data=raw, headers={"Content-Type": content_type}).status_code


def test_the_ping_when_a_webhook_is_saved(add_hook: AddHook, hook_outcomes: Outcomes) -> None:
    assert send_ping(add_hook(), b"webhook_id=12") == 200
    assert hook_outcomes() == []


@pytest.mark.parametrize("raw", [b"webhook_id=", b"webhook_id=x", b"webhook_id=1&id=17", b"id=17", b"", b'{"id":17}'])
def test_no_other_unsigned_body_is_accepted(add_hook: AddHook, raw: bytes) -> None:
    assert send_ping(add_hook(), raw) == 401


def test_a_ping_with_another_content_type_is_refused(add_hook: AddHook) -> None:
    assert send_ping(add_hook(), b"webhook_id=12", "application/json") == 401


def test_a_body_too_large(add_hook: AddHook) -> None:
    answer = add_hook().post(b'{"a": "' + b"x" * MAX_ORDERS_BODY_BYTES + b'"}', "order.created")
    assert answer.status_code == 413
    assert answer.json["error"]["code"] == "too_large"


def pad(order: dict[str, Any], size: int) -> bytes:
    """The order as JSON of so many bytes."""
    raw = json.dumps(order | {"meta_data": ""}).encode()
    return raw.replace(b'"meta_data": "', b'"meta_data": "' + b"x" * (size - len(raw)))


@pytest.mark.parametrize("size", [1024 * 1024, 1024 * 1024 + 1, MAX_ORDERS_BODY_BYTES])
def test_large_bodies_are_recorded_one_after_the_other(
    add_hook: AddHook, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    locked = []
    decode = api_hooks._decode_json
    lock = upload_limits._large_body_lock
    monkeypatch.setattr(api_hooks, "_decode_json", lambda raw: locked.append(lock.locked()) or decode(raw))
    assert add_hook().deliver("order.created", pad(make_order(), size))["outcome"] == "recorded"
    assert (locked, lock.locked()) == ([size > 1024 * 1024], False)


def test_an_order_of_many_lines(add_hook: AddHook, api_client: ApiClient) -> None:
    meta = [{"id": 1, "key": "_reduced_stock", "value": "1", "display_value": "x" * 1030}]
    lines = [{"id": number, "product_id": 7, "total": "0.50", "meta_data": meta} for number in range(1, 1201)]
    order = make_order(total="600.00", line_items=lines)
    assert 1_300_000 < len(json.dumps(order)) < 1_500_000
    assert add_hook().deliver("order.created", order)["outcome"] == "recorded"
    assert api_client.points("alice@example.test") == 600


def test_a_large_body_of_a_stranger_is_never_in_memory(add_hook: AddHook, tmp_path: Path) -> None:
    woo = add_hook()
    file = tmp_path / "body"
    file.write_bytes(b"x" * MAX_ORDERS_BODY_BYTES)
    with file.open("rb") as stream:
        tracemalloc.start()
        try:
            answer = woo.app.test_client().post(woo.path, input_stream=stream, content_length=MAX_ORDERS_BODY_BYTES)
            _, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert answer.status_code == 401
    assert most < 4 * 1024 * 1024


def test_a_large_body_onto_a_full_disk(add_hook: AddHook, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> bytes:
        raise OSError(errno.ENOSPC, "No space left on device")

    woo = add_hook()
    monkeypatch.setattr(api_hooks, "_receive_body", fail)
    answer = woo.post(b"{}", "order.created")
    assert (answer.status_code, answer.json["error"]["code"]) == (507, "disk_full")


def test_the_delivery_url_in_a_browser(add_hook: AddHook) -> None:
    woo = add_hook()
    client = woo.app.test_client()
    assert "delivery URL" in client.get(woo.path).json["message"]
    assert client.head(woo.path).status_code == 200
    assert client.get(f"/hooks/woocommerce/{'0' * 32}").status_code == 404


@pytest.mark.parametrize(
    "raw", [b"", b"{", b"\xff", b"[" * 100_000, b"NaN", b'{"id": 1e400}', b"[]", b"null", b"5", b'"x"']
)
@pytest.mark.parametrize("by_movements", [False, True])
def test_a_signed_body_without_an_order_or_movement_is_ignored(
    add_hook: AddHook, hook_outcomes: Outcomes, raw: bytes, by_movements: bool
) -> None:
    topic = "action.woocommerce_pointsync_movement" if by_movements else "order.created"
    assert add_hook(by_movements=by_movements).deliver(topic, raw)["outcome"] == "unused"
    [(outcome, message)] = hook_outcomes()
    assert (outcome, message[-1]) == ("unused", ".")


def test_other_topics_are_ignored(add_hook: AddHook, hook_outcomes: Outcomes) -> None:
    woo = add_hook()
    for topic in (
        "customer.updated",
        "",
        "order.purged",
        "action.woocommerce_order_status_completed",
        "x" * 900,
        "\xff",
    ):
        assert woo.deliver(topic, make_order())["outcome"] == "unused"
    assert {outcome for outcome, _ in hook_outcomes()} == {"unused"}


def test_deliveries_from_another_address_are_kept(add_hook: AddHook, api_client: ApiClient) -> None:
    woo = add_hook()
    woo.order()
    answer = woo.deliver("order.created", make_order(id=18), X_WC_Webhook_Source="https://other.test/")
    assert answer["outcome"] == "kept"
    assert "other.test" in answer["message"]
    assert api_client.points("alice@example.test") == 100


def test_deliveries_of_the_shop_of_another_hook_are_ignored(add_hook: AddHook, api_client: ApiClient) -> None:
    woo = add_hook()
    woo.order()
    add_hook("other", shop="https://other.test/").order(id=3)
    answer = woo.deliver("order.created", make_order(id=18), X_WC_Webhook_Source="https://other.test/")
    assert (answer["outcome"], "Add a hook for each shop" in answer["message"]) == ("unused", True)
    assert api_client.points("alice@example.test") == 200


def test_a_first_delivery_that_does_not_count_decides_nothing(add_hook: AddHook, api_client: ApiClient) -> None:
    """A test copy of the shop may be the first to deliver something."""
    woo = add_hook()
    copy = {"X_WC_Webhook_Source": "https://staging.shop.test/"}
    assert woo.deliver("order.created", make_order(status="pending"), **copy)["outcome"] == "unused"
    assert woo.order(id=18)["outcome"] == "recorded"
    assert woo.deliver("order.created", make_order(id=19), **copy)["outcome"] == "kept"
    assert api_client.points("alice@example.test") == 100


def test_a_shop_stays_the_same_when_it_changes_to_https(add_hook: AddHook) -> None:
    woo = add_hook()
    woo.order()
    assert (
        woo.deliver("order.created", make_order(id=18), X_WC_Webhook_Source="https://Shop.test")["outcome"]
        == "recorded"
    )


def test_of_two_hooks_for_a_shop_the_older_one_counts(add_hook: AddHook, api_client: ApiClient) -> None:
    older, newer = add_hook("older"), add_hook("newer")
    assert older.order()["outcome"] == "recorded"
    assert newer.order()["outcome"] == "unused"
    assert api_client.points("alice@example.test") == 100


def test_two_shops_may_count_in_one_reserve(add_hook: AddHook, api_client: ApiClient) -> None:
    assert add_hook("one").order()["outcome"] == "recorded"
    assert add_hook("two", shop="http://two.test/").order()["outcome"] == "recorded"
    assert api_client.points("alice@example.test") == 200


@pytest.mark.parametrize("name", ["shop", "another-name"])
def test_a_hook_created_again_counts_nothing_twice(
    app: Flask, add_hook: AddHook, api_client: ApiClient, name: str
) -> None:
    add_hook().order()
    with app.app_context():
        db.run_in_transaction(lambda session: hooks.remove(session, "shop", clock.now()))
    woo = add_hook(name)
    assert woo.order()["outcome"] == "duplicate"
    assert woo.order(total="110.00")["outcome"] == "recorded"
    assert api_client.points("alice@example.test") == 110


def test_a_movement_counts_once_under_any_name_of_the_hook(
    app: Flask, add_hook: AddHook, api_client: ApiClient
) -> None:
    add_hook("plugin", by_movements=True).movement()
    with app.app_context():
        db.run_in_transaction(lambda session: hooks.remove(session, "plugin", clock.now()))
    woo = add_hook("plugin-2", by_movements=True)
    assert woo.movement()["outcome"] == "duplicate"
    assert woo.movement(movement_id=12)["outcome"] == "recorded"
    assert api_client.points("alice@example.test") == 22


def test_a_busy_database_asks_to_retry(add_hook: AddHook, monkeypatch: pytest.MonkeyPatch) -> None:
    woo = add_hook()

    def raise_busy(_: object) -> None:
        raise db.DatabaseBusy("locked")

    monkeypatch.setattr(db, "run_in_transaction", raise_busy)
    answer = woo.post(b"{}", "order.created")
    assert (answer.status_code, answer.json["error"]["code"]) == (503, "busy")
    assert int(answer.headers["Retry-After"]) >= 1
