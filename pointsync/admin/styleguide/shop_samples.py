"""Sample values for shops: what is wrong with hooks, how shops are read, and webhooks. Nothing is stored."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

from pointsync.admin.styleguide.samples import LONG_NAME, LONG_TEXT, SAMPLE_TIME
from pointsync.ledger.orders.problems import OrderProblem
from pointsync.models import ConnectedShop, Hook, Outage, ShopKey, ShopKeyRequest, Webhook
from pointsync.shops.status import Severity, ShopProblem, ShopStatus
from pointsync.sync.site.settings import DEFINITIONS
from pointsync.webhooks.endpoints import State, WebhookStatus
from pointsync.woocommerce.outages import UnreadOutage
from pointsync.woocommerce.problems import ERROR, WARNING, HookProblem
from pointsync.woocommerce.reading.status import ShopReading

HOOK = Hook(id=901, name=LONG_NAME, shop="https://mugs.example")


def hook_problems() -> list[HookProblem]:
    """One of each code."""
    return [
        HookProblem("cannot_view", ERROR, HOOK, topics=("order.updated",)),
        HookProblem("silent", ERROR, HOOK, 12, has_received=True),
        HookProblem("silent", ERROR, HOOK, 8),
        HookProblem("address", WARNING, HOOK, 3, "www.mugs.example"),
        HookProblem("unusable", WARNING, HOOK, 1_234),
        HookProblem("unusable", WARNING, Hook(id=902, name=LONG_NAME, key_shop="web-shop"), 1),
        HookProblem("removed_hook", WARNING, HOOK, 1),
        *(HookProblem(code, WARNING, count=2) for code in OrderProblem),
    ]


def reading(field: Any) -> dict[str, object]:
    """A shop that is read, one that fails, one that was never read, one that is not connected, and an outage."""
    failing = _key(failing_since=SAMPLE_TIME, next_at=SAMPLE_TIME, message=LONG_TEXT)
    shops = [
        _shop(_key(last_success_at=SAMPLE_TIME)),
        _shop(failing),
        _shop(_key()),
        ShopReading(HOOK, [HOOK.name], None, ShopKeyRequest(problem="The shop sent a key that may write.")),
        ShopReading(None, [], _key(), None),
    ]
    return {
        "shops": shops,
        "outages": [UnreadOutage(Outage(began_at=SAMPLE_TIME, ended_at=SAMPLE_TIME), [HOOK])],
        "form": SimpleNamespace(shop_read_minutes=field),
        "definition": DEFINITIONS["shop_read_minutes"],
        "is_alarming": lambda key: key is failing,
    }


def _shop(key: ShopKey) -> ShopReading:
    return ShopReading(HOOK, [HOOK.name, "orders"], key, None)


def _key(**values: Any) -> ShopKey:
    return ShopKey(shop_id=901, url="https://mugs.example", key_end="4f2a91c", **values)


def connected_shops() -> Sequence[ShopStatus]:
    """One that is fine, and one with each problem that has a button, or a text of its own."""
    shop = ConnectedShop(id=901, name=LONG_NAME, home_url="https://mugs.example", code_ends_at=SAMPLE_TIME)
    codes = {
        "waiting": Severity.NONE,
        "revoked": Severity.ERROR,
        "no_rule": Severity.ERROR,
        "double_counting": Severity.ERROR,
        "old_version": Severity.WARNING,
    }
    problems = [ShopProblem(code, severity, "What is wrong with it", LONG_TEXT) for code, severity in codes.items()]
    fine = ShopStatus(shop, None, HOOK, SAMPLE_TIME, (), ())
    return [fine, *(ShopStatus(shop, None, HOOK, None, (each, each), (HOOK,)) for each in problems)]


def webhooks() -> Sequence[WebhookStatus]:
    """One in each state."""
    url = "https://mugs.example/wp-json/points/" + "changed/" * 8
    return [
        WebhookStatus(_webhook(number, url, state), state, SAMPLE_TIME if state is State.FAILING else None)
        for number, state in enumerate(State, 901)
    ]


def _webhook(number: int, url: str, state: State) -> Webhook:
    webhook = Webhook(id=number, url=url, shop="mugs" if state is State.OK else None)
    if state in (State.FAILING, State.OFF):
        webhook.last_error, webhook.failing_since = LONG_TEXT, SAMPLE_TIME
    if state is State.OK:
        webhook.last_success_at = SAMPLE_TIME
    return webhook
