"""Every column with texts: how an erasure takes a person's name out of it, or why it never has one.

A test goes over all tables, so that a new column is not forgotten.
"""

from typing import NamedTuple

from sqlalchemy import Table

from pointsync.db import Base
from pointsync.models import (
    Attempt,
    AuditEntry,
    ChangeDelivery,
    Delivery,
    Difference,
    HandOn,
    Hold,
    Hook,
    HookDelivery,
    MailServerStatus,
    Movement,
    Origin,
    Remote,
    RemoteFetch,
    Reversal,
    ShopKey,
    ShopKeyRequest,
    ShopState,
    StatusChange,
    Task,
    Webhook,
)


class NamedColumns(NamedTuple):
    """The columns of a table in which texts may name anybody: addresses in them are replaced by their tokens."""

    model: type[Base]
    texts: tuple[str, ...]
    json: tuple[str, ...] = ()

    @property
    def table(self) -> Table:
        """Its table."""
        assert isinstance(self.model.__table__, Table)
        return self.model.__table__


REPLACED = (
    NamedColumns(Movement, ("reason", "source", "ref", "ref_source")),
    NamedColumns(Hold, ("source", "ref")),
    NamedColumns(AuditEntry, ("thing_id", "thing"), ("before", "after")),
    NamedColumns(Task, ("title", "message"), ("options", "position", "result")),
    NamedColumns(Attempt, ("message",)),
    NamedColumns(Delivery, ("message",)),
    NamedColumns(ChangeDelivery, ("message",)),
    NamedColumns(Difference, ("here_customer", "there_customer")),
    NamedColumns(HookDelivery, ("topic", "message")),
    NamedColumns(StatusChange, ("words",)),
    NamedColumns(Hook, ("last_order",)),
    NamedColumns(Remote, ("attempt_message", "check_message", "last_error", "status_text")),
    NamedColumns(RemoteFetch, ("message",)),
    NamedColumns(HandOn, ("message",)),
    NamedColumns(Webhook, ("last_error",)),
    NamedColumns(MailServerStatus, ("message",)),
    NamedColumns(Origin, ("blocked_reason",)),
    NamedColumns(Reversal, ("reason",)),
    NamedColumns(ShopKey, ("message",)),
    NamedColumns(ShopKeyRequest, ("problem",)),
    NamedColumns(ShopState, ("document",)),
)
"""The texts of an erased person's own movements are emptied as well."""

OTHERWISE = {
    "customer": ("email", "spelling"),
    "customer_change": ("customer", "into_address"),
    "kept_delivery": ("body",),
    "mail": ("address", "cause", "facts", "message"),
    "movement": ("sent_customer",),
    "returned_movement": ("customer", "reason", "ref", "source"),
    "shop_account": ("email",),
    "erasure": ("sealed_addresses", "position"),
}
"""Columns from which an erasure takes the person in another way, see `erased_rows`, `erasing` and `cleaning`."""

_KINDS = "a fixed set of words"
_IDS = "names of sites, shops, programs and other things, which are no people, or hashes"
_ADMINS = "names of admins and API keys, who are no customers"
_SET_UP = "what admins have set up; they change it themselves"
_SECRETS = "secrets and keys"

NEVER: dict[str, dict[str, str]] = {
    "admin": {"name": _ADMINS, "password_hash": _SECRETS},
    "api_key": {"name": _ADMINS, "shop": _IDS, "digest": _SECRETS, "old_digest": _SECRETS, "scopes": _KINDS},
    "attempt": {"code": _KINDS},
    "audit": {
        "actor": _ADMINS,
        "how": _KINDS,
        "address": "network addresses of admins",
        "action": _KINDS,
        "noun": _KINDS,
    },
    "backup_file": {"path": "names of files that the operator has chosen"},
    "bucket": {"digest": _IDS},
    "change_delivery": {"auth": _IDS, "state": _KINDS, "code": _KINDS},
    "connected_shop": {
        "name": _IDS,
        "code_digest": _SECRETS,
        "plugin_id": _IDS,
        **dict.fromkeys(("home_url", "title"), _SET_UP),
    },
    "customer_change": {
        **dict.fromkeys(("origin", "id", "undoes_origin", "undoes_id"), _IDS),
        **dict.fromkeys(("change", "approval"), _KINDS),
    },
    "customer_pair": {"reason": _KINDS, "asked_by": _ADMINS},
    "delivery": {"state": _KINDS, "code": _KINDS},
    "lost_delivery": {"state": _KINDS},
    "difference": {"origin": _IDS, "movement_id": _IDS, "kind": _KINDS},
    "erased_address": {"hash": "a keyed hash, which is what is kept", "token": "the same"},
    "erasure": {
        **dict.fromkeys(("origin", "change_id", "seen", "not_seen"), _IDS),
        **dict.fromkeys(("requested_by", "stopped_by"), _ADMINS),
        "counts": "numbers",
    },
    "erasure_key": {"origin": _IDS, "sealed_key": _SECRETS},
    "erasure_receipt": {"auth": _IDS, "name": _IDS, "counts": "numbers", "ticked_by": _ADMINS},
    "expiry": {"kind": _KINDS, "unit": _KINDS},
    "flow": {"origin": _IDS, "kind": _KINDS},
    "hand_on": {"origin": _IDS},
    "hand_on_permission": {"origin": _IDS, "sender": _IDS, "allowed_by": _ADMINS},
    "hold": {"state": _KINDS},
    "holding": {"origin": _IDS},
    "hook": {
        **dict.fromkeys(("token", "sealed_secret"), _SECRETS),
        **dict.fromkeys(("name", "shop", "key_shop", "stack"), _IDS),
        **dict.fromkeys(("rule", "status"), _KINDS),
        **dict.fromkeys(("order_rule", "early_rule"), _SET_UP),
    },
    "hook_delivery": {"outcome": _KINDS, "problem": _KINDS},
    "kept_delivery": {
        **dict.fromkeys(("address", "shop"), "the address of the shop"),
        **dict.fromkeys(("topic_kind", "topic", "reason"), _KINDS),
    },
    "lease": {"name": _KINDS, "holder": _IDS},
    "level": {"title": _SET_UP, "description": _SET_UP},
    "mail": {"kind": _KINDS, "state": _KINDS},
    "mail_text": {"kind": _KINDS, "subject": _SET_UP, "body": _SET_UP},
    "movement": {"origin": _IDS, "id": _IDS, "kind": _KINDS},
    "movement_change": {"origin": _IDS, "movement_id": _IDS},
    "order_rule": {"digest": _IDS, "content": _SET_UP},
    "origin": {
        **dict.fromkeys(("auth", "run", "previous_run"), _IDS),
        **dict.fromkeys(("public_key", "offered_key", "stamp", "nonce"), _SECRETS),
        "blocked_by": _ADMINS,
    },
    "remote": {
        **dict.fromkeys(("url", "target", "query_template"), _SET_UP),
        **dict.fromkeys(("auth", "name", "checked_run", "holder"), _IDS),
        **dict.fromkeys(("dialect", "attempt_code", "check_code", "status"), _KINDS),
        "sealed_pass": _SECRETS,
        "facts": "what the other site said about itself",
    },
    "remote_fetch": {"state": _KINDS},
    "reserve": {"key": _SET_UP, "name": _SET_UP},
    "returned_movement": {"kind": _KINDS, "problem": _KINDS},
    "reversal": {"origin": _IDS},
    "reward": {"title": _SET_UP, "description": _SET_UP},
    "setting": {"name": _KINDS, "value": _SET_UP},
    "shop": {"code": _IDS, "name": _IDS, "currency": _KINDS},
    "shop_address": {"address": "the address of the shop"},
    "shop_key": {
        **dict.fromkeys(("sealed_consumer_key", "sealed_consumer_secret", "key_end"), _SECRETS),
        "url": _SET_UP,
        "walk": "ids of orders",
        "night_walk": "ids of orders",
        "code": _KINDS,
    },
    "shop_key_request": {"digest": _SECRETS, "url": _SET_UP, "asked_by": _ADMINS},
    "shop_order": {
        **dict.fromkeys(("order_key", "number"), "what the shop calls the order"),
        **dict.fromkeys(("status", "currency", "problem"), _KINDS),
    },
    "sign_in": {"digest": _SECRETS, "address": "network addresses of admins", "browser": _ADMINS, "how": _KINDS},
    "site": {
        **dict.fromkeys(("auth", "marker", "run", "place", "setup_digest"), _IDS),
        **dict.fromkeys(("sealed_pass", "sealed_old_pass", "sealed_private_key", "public_key"), _SECRETS),
        **dict.fromkeys(("url", "served_url"), _SET_UP),
        "hold": "why sending is stopped",
    },
    "status_change": {"before": _KINDS, "after": _KINDS},
    "turned_away": {"auth": _IDS, "code": _KINDS},
    "webhook": {"shop": _IDS, "url": _SET_UP, "sealed_secret": _SECRETS, "cursor": _IDS},
    "work": {"kind": _KINDS, "state": _KINDS, "unit": _KINDS, "asked_by": _ADMINS, "holder": _IDS},
    "worker": {"id": _IDS, "host": _IDS},
}
"""Columns that never name a customer, and the reason."""
