"""`POST /shops/connect`, `/shops/state`, `/shops/moved`, `/shops/hooks/remove` and `/shops/disconnect`."""

from flask import Response, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from pointsync import clock, db
from pointsync.api.auth import current_caller, current_connected_shop_id
from pointsync.api.endpoints import BUSY_ERROR, SuccessResponse, endpoint
from pointsync.api.errors import BodyRefused, error_response
from pointsync.api.request_bodies import BodySchema, parse_object, read_json
from pointsync.api.responses import json_response
from pointsync.api.shops import answers
from pointsync.api.shops.schemas import BoundShop, ConnectedShop, ConnectingShop, HookToRemove, MovedShop, ShopAnswer
from pointsync.db import Actor, set_actor
from pointsync.errors import DomainError
from pointsync.shops import codes, connected_shops, double_counting, plugin_calls, plugin_report
from pointsync.shops.plugin_calls import Caller
from pointsync.shops.plugin_report import MAX_ERRORS, MAX_NAMES, PluginReport
from pointsync.urls import normalise_address
from pointsync.web.rate_limit import count_failure

_VERSION = "The version must be text in quotes, such as 8.2.1, at most 64 characters."
_WOOCOMMERCE_VERSION = f"{_VERSION} Or null while WooCommerce is not active."
_CURRENCY = "The currency must be its code in quotes, such as EUR. You can leave it out."
_VERSIONS = {
    "plugin_version": _VERSION,
    "wordpress_version": _VERSION,
    "woocommerce_version": _WOOCOMMERCE_VERSION,
    "php_version": _VERSION,
    "currency": _CURRENCY,
}
_URL = "The address must be in quotes, such as https://mugs.example."
_CONNECT_SCHEMA = BodySchema(
    ConnectingShop,
    'The body must be an object, such as {"code": …, "shop_id": …, "home_url": "https://mugs.example", …}.',
    {
        "code": "The code must be text in quotes: what c says in the code that the admin has copied.",
        "shop_id": "The shop_id must be 32 hex digits in quotes: a random id that the shop has generated once.",
        "home_url": _URL,
        "name": "The name must be text in quotes, at most 500 characters. You can leave it out.",
        **_VERSIONS,
    },
)
_STATE_SCHEMA = BodySchema(
    PluginReport,
    'The body must be an object, such as {"plugin_version": "1.0.0", …, "outbox": {"waiting": 0}}.',
    {
        **_VERSIONS,
        "outbox": 'The outbox must be an object, such as {"waiting": 2, "failed": 0, "oldest_at": null}.',
        "feed": 'The feed must be an object, such as {"cursor_at": null, "behind": false}. You can leave it out.',
        "errors": f"The errors must be a list of at most {MAX_ERRORS} objects with code, message and at.",
        "hpos": "Give true or false. You can leave it out.",
        "coupons_enabled": "Give true or false. You can leave it out.",
        "double_counting": f"Give a list of at most {MAX_NAMES} names in quotes. You can leave it out.",
    },
)
_MOVED_SCHEMA = BodySchema(
    MovedShop,
    'The body must be an object, such as {"from": "https://mugs.example", "to": "https://new.example"}.',
    {"from": _URL, "to": _URL},
)
_HOOK_SCHEMA = BodySchema(
    HookToRemove,
    'The body must be an object, such as {"hook": "orders"}.',
    {"hook": "The hook must be its name in quotes, as double_counting has it."},
)
_BODY_ERRORS = {
    413: "The body is larger than 1 MB.",
    422: "The body is not valid JSON, or a field is not valid.",
}
_NOT_CONNECTED = "not_connected: this API key was not given to a shop for a code."


@endpoint(
    "POST",
    "/shops/connect",
    title="Connect a shop",
    description=(
        "Exchanges a one-use code, which an admin gets under System › Shops, for an API key. The code that the admin "
        'copies is psc1. and base64url of {"u": the URL of this site, "c": the code}, without padding. The key is '
        "bound to shop_id and home_url: all its calls must have them in the headers pointsync-shop and pointsync-home. "
        "A key that the shop had before is revoked."
    ),
    body=(ConnectingShop,),
    responses={201: SuccessResponse("The shop is connected.", (ConnectedShop,))},
    errors={
        401: "wrong_code: the code is unknown, was used, or is older than 15 minutes. The message says which.",
        409: "connected_already: this shop_id is connected under another name. The code can still be used.",
        429: "Too many wrong codes from this address. The Retry-After header says when to try again.",
        **_BODY_ERRORS,
        **BUSY_ERROR,
    },
)
def connect_shop() -> ResponseReturnValue:
    """Exchange a code for a key. Wrong codes count as failures of the caller's address."""
    now = clock.now()

    def connect(session: Session) -> ConnectedShop:
        caller = Caller(wanted.shop_id, wanted.home_url)
        shop, key = plugin_calls.exchange(session, wanted.code, caller, wanted.name, now)
        report = PluginReport(
            plugin_version=wanted.plugin_version,
            wordpress_version=wanted.wordpress_version,
            woocommerce_version=wanted.woocommerce_version,
            php_version=wanted.php_version,
            currency=wanted.currency,
        )
        plugin_report.store(session, shop, report, now)
        return ConnectedShop(**answers.build(session, shop), key=key)

    try:
        wanted = parse_object(read_json(), _CONNECT_SCHEMA)
        set_actor(Actor(normalise_address(wanted.home_url), "code", request.remote_addr or ""))
        connected = db.run_in_transaction(connect)
    except codes.WrongCode as error:
        count_failure("connection code")
        response = error_response(401, error.code, error.message, error.fields)
        response.headers["WWW-Authenticate"] = 'Bearer realm="PointSync"'
        return response
    except DomainError as refusal:
        raise BodyRefused(refusal) from refusal
    return json_response(connected, 201)


@endpoint(
    "POST",
    "/shops/state",
    scope="shop",
    title="Report the state of a shop",
    description=(
        "A shop's plugin reports its state every hour, and when something changes. Admins see it under System › Shops. "
        "The answer says what the plugin has to know about this site."
    ),
    body=(PluginReport,),
    responses={200: SuccessResponse("This site, and how the shop's orders count.", (ShopAnswer,))},
    errors={409: _NOT_CONNECTED, **_BODY_ERRORS},
)
def report_state() -> ResponseReturnValue:
    """Store the state, and answer with that of this site."""
    shop_id, now = current_connected_shop_id(), clock.now()

    def store(session: Session) -> ShopAnswer:
        shop = connected_shops.get(session, shop_id)
        plugin_report.store(session, shop, report, now)
        return answers.describe(session, shop)

    try:
        report = parse_object(read_json(), _STATE_SCHEMA)
        answer = db.run_in_transaction(store)
    except DomainError as refusal:
        raise BodyRefused(refusal) from refusal
    return json_response(answer)


@endpoint(
    "POST",
    "/shops/moved",
    scope="shop",
    title="Move a shop",
    description=(
        "Binds the key to another address, as an admin of the shop has said that it has moved there. The header "
        "pointsync-home has the new address. From now on, calls from the old one are refused. Repeating it changes "
        "nothing."
    ),
    body=(MovedShop,),
    responses={200: SuccessResponse("The key is bound to the new address.", (BoundShop,))},
    errors={
        409: f"{_NOT_CONNECTED} other_shop: the new address belongs to another shop.",
        **_BODY_ERRORS,
    },
    may_move=True,
)
def move_shop() -> ResponseReturnValue:
    """Bind the key to another address."""
    shop_id, caller, now = current_connected_shop_id(), current_caller(), clock.now()
    try:
        wanted = parse_object(read_json(), _MOVED_SCHEMA)
        name = db.run_in_transaction(
            lambda session: plugin_calls.move(session, shop_id, caller, wanted.from_url, wanted.to, now)
        )
    except DomainError as refusal:
        raise BodyRefused(refusal) from refusal
    return json_response(BoundShop(name, wanted.to))


@endpoint(
    "POST",
    "/shops/hooks/remove",
    scope="shop",
    title="Remove a hook that counts twice",
    description=(
        "Removes one of the hooks in double_counting, as an admin of the shop has said, so that the orders that the "
        "shop reports count. Orders that have counted keep their points."
    ),
    body=(HookToRemove,),
    responses={200: SuccessResponse("It is removed. The answer is that of POST /shops/state.", (ShopAnswer,))},
    errors={
        409: _NOT_CONNECTED,
        **_BODY_ERRORS,
        422: "The body is not valid JSON, or a field is not valid. unknown_hook: it does not count this shop's orders.",
    },
)
def remove_double_hook() -> ResponseReturnValue:
    """Remove a hook that counts the orders of the shop."""
    shop_id, now = current_connected_shop_id(), clock.now()

    def remove(session: Session) -> ShopAnswer:
        shop = connected_shops.get(session, shop_id)
        double_counting.remove_hook(session, shop, wanted.hook, now)
        return answers.describe(session, shop)

    try:
        wanted = parse_object(read_json(), _HOOK_SCHEMA)
        answer = db.run_in_transaction(remove)
    except DomainError as refusal:
        raise BodyRefused(refusal) from refusal
    return json_response(answer)


@endpoint(
    "POST",
    "/shops/disconnect",
    scope="shop",
    title="Disconnect a shop",
    description="Revokes the key of this call. The shop is connected again with another code.",
    responses={204: SuccessResponse("The key is revoked.")},
    errors={409: _NOT_CONNECTED},
)
def disconnect_shop() -> ResponseReturnValue:
    """Revoke the key."""
    shop_id, now = current_connected_shop_id(), clock.now()
    db.run_in_transaction(lambda session: plugin_calls.disconnect(session, shop_id, now))
    return Response(status=204)
