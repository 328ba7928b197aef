"""Writing the audit log: a listener on every write session logs the changes, so that none is forgotten.

`AUDITED_MODELS` lists the columns to log for each model; a test checks that it is complete. A log entry is written by
the flush that makes the change, in the same transaction. The listener does not see statements that change many rows
at once; a test finds such statements on audited models.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import delete, event, func, insert, inspect, select
from sqlalchemy.orm import Session
from sqlalchemy.orm.unitofwork import UOWTransaction

from pointsync import clock
from pointsync.db import ACTOR_KEY, Actor, Base, WriteSession
from pointsync.models import (
    Admin,
    ApiKey,
    ApiKeyUse,
    Attempt,
    AuditEntry,
    Backfill,
    Balance,
    Customer,
    DailyDeliveryTotal,
    Delivery,
    ExpirySettings,
    Hook,
    HookDelivery,
    HourlyTotal,
    Lease,
    Level,
    LevelUnlock,
    Mail,
    MailServerStatus,
    MailText,
    Movement,
    Origin,
    RateBucket,
    ReceivedSummary,
    Redemption,
    RefusedOrigin,
    Remote,
    Reserve,
    Reversal,
    ReversedMovement,
    Reward,
    Setting,
    SignIn,
    Site,
    StatusChange,
    Task,
    Worker,
)
from pointsync.text_limits import sanitise

MAX_VALUE_LENGTH = 500
"""Longer values are cut."""
RETENTION = timedelta(days=3 * 365)
"""Older rows are deleted, to limit the size of the table."""
MANUAL_METHODS = frozenset({"password", "proxy", "command"})
"""Movements recorded with these methods are logged; for those of shops and other sites, the ledger has the source."""
SITE_ACTOR = Actor("", "site", "")


class AuditSpec:
    """How changes of a model are logged. The columns are given as names separated by spaces."""

    def __init__(
        self, noun: str, name_column: str, columns: str, secret_columns: str = "", ignored_columns: str = ""
    ) -> None:
        self.noun = noun
        """What the model is called in the log."""
        self.name_column = name_column
        """The column that names a row."""
        self.columns = frozenset(columns.split())
        self.secret_columns = frozenset(secret_columns.split())
        """Logged as changed, without a value, even if the value is encrypted or hashed."""
        self.ignored_columns = frozenset(ignored_columns.split())
        """Not logged, since jobs write them, or since other columns say the same."""


AUDITED_MODELS: dict[type[Base], AuditSpec] = {
    Admin: AuditSpec("admin", "name", "name disabled_at", "password_hash", "id created_at"),
    ApiKey: AuditSpec("API key", "name", "name scopes per_minute expires_at revoked_at", "digest", "id created_at"),
    Delivery: AuditSpec(
        "delivery",
        "id",
        "state message",
        ignored_columns="id movement_seq remote_id attempts called_at unsure_until not_before code delivered_at "
        "is_history",
    ),
    ExpirySettings: AuditSpec(
        "expiry rule",
        "reserve_id",
        "kind count unit month day",
        ignored_columns="reserve_id version since done_day told_day seen_seq",
    ),
    Backfill: AuditSpec(
        "history",
        "remote_id",
        "total stopped_at",
        ignored_columns="remote_id next_seq last_seq done started_at finished_at",
    ),
    Hook: AuditSpec(
        "hook", "name", "name reserve_id rule rate status removed_at", "token sealed_secret", "id shop stack created_at"
    ),
    Level: AuditSpec(
        "level",
        "title",
        "reserve_id title description points is_active",
        ignored_columns="id created_at next_customer_id",
    ),
    MailText: AuditSpec("mail text", "kind", "subject body", ignored_columns="kind"),
    Origin: AuditSpec(
        "origin",
        "auth",
        "public_key key_refused_at blocked_at blocked_reason",
        ignored_columns="auth offered_key first_seen_at last_seen_at old_pass_at new_pass_at blocked_by",
    ),
    Remote: AuditSpec(
        "remote",
        "url",
        "url auth target reserve_id query_template paused_at closing_at deleted_at",
        "sealed_pass",
        "id created_at version dialect name facts clock_offset_seconds acknowledged counted_since restored_at "
        "again_from_id owed_until_seq failures next_attempt_at is_probing batch_size attempt_code attempt_message "
        "attempt_is_permanent check_code check_message check_is_permanent checked_at last_success_at last_failure_at "
        "last_error holder held_until status status_text status_at",
    ),
    Reserve: AuditSpec("reserve", "key", "key name is_active may_go_below_zero", ignored_columns="id created_at"),
    Reversal: AuditSpec(
        "reversal",
        "origin",
        "origin reserve_id since reason total stopped_at",
        ignored_columns="id last_seq done corrections out_of_bounds after_customer_id asked_at finished_at",
    ),
    Reward: AuditSpec(
        "reward", "title", "reserve_id title description cost is_active", ignored_columns="id created_at"
    ),
    Setting: AuditSpec("setting", "name", "value", ignored_columns="name"),
    Site: AuditSpec(
        "site",
        "auth",
        "auth public_key url old_pass_ends_at hold",
        "sealed_pass sealed_old_pass sealed_private_key",
        "id marker served_url last_id confirmed_id setup_digest created_at",
    ),
    Task: AuditSpec(
        "long work",
        "title",
        "kind title",
        ignored_columns="id state done total unit asked_by asked_at started_at ends_at finished_at options position "
        "result message tries holder held_until",
    ),
}

UNAUDITED_MODELS: dict[type[Base], str] = {
    AuditEntry: "the log itself",
    **dict.fromkeys((Attempt, StatusChange, DailyDeliveryTotal), "results of sending"),
    **dict.fromkeys(
        (Customer, Movement, Balance, HourlyTotal, Redemption, ReversedMovement, ReceivedSummary, LevelUnlock),
        "the ledger",
    ),
    **dict.fromkeys((HookDelivery, Mail, MailServerStatus, RefusedOrigin), "what others sent, and mails to customers"),
    **dict.fromkeys((Lease, Worker), "running processes"),
    RateBucket: "counted attempts",
    ApiKeyUse: "use of keys",
    SignIn: "signing in and out is logged by itself; using a sign-in is not a change",
}

_RESERVE_COLUMN = "reserve_id"


def register() -> None:
    """Start listening to all write sessions; a second call does nothing."""
    if not event.contains(WriteSession, "after_flush", _after_flush):
        event.listen(WriteSession, "after_flush", _after_flush)


def log_action(
    session: Session,
    action: str,
    noun: str,
    thing_id: object = "",
    thing: str = "",
    *,
    after: Mapping[str, Any] | None = None,
    actor: Actor | None = None,
) -> None:
    """Log an action that is not a change of a row, in the transaction of `session`. Default actor: the session's."""
    session.connection().execute(
        insert(AuditEntry),
        [_audit_row(actor or get_actor(session), clock.now(), action, noun, thing_id, thing, {}, after or {})],
    )


def log_recorded_movements(session: Session, ids: list[str], customers: list[str]) -> None:
    """Log movements that an admin or a command recorded: their ids, and the customer if there is only one."""
    if not ids or get_actor(session).auth_method not in MANUAL_METHODS:
        return
    after = {"movements": len(ids), "first": ids[0], "last": ids[-1]}
    log_action(session, "recorded", "movements", ids[0], customers[0] if len(set(customers)) == 1 else "", after=after)


def get_actor(session: Session) -> Actor:
    """The actor of this session; the site itself by default."""
    return session.info.get(ACTOR_KEY) or SITE_ACTOR


def count_actions(session: Session, since: datetime, action: str, actor: str, address: str | None = None) -> int:
    """The number of log entries of this action and actor since then; from `address` only, if it is given."""
    query = select(func.count()).select_from(AuditEntry)
    if address is not None:
        query = query.where(AuditEntry.address == sanitise(address, 64))
    return (
        session.scalar(query.where(AuditEntry.at >= since, AuditEntry.action == action, AuditEntry.actor == actor)) or 0
    )


def prune(session: Session, before: datetime, limit: int = 10_000) -> None:
    """Delete at most `limit` entries older than `before`; the database refuses to delete those of the last year."""
    old = select(AuditEntry.id).where(AuditEntry.at < before).order_by(AuditEntry.at).limit(limit)
    session.execute(delete(AuditEntry).where(AuditEntry.id.in_(old)).execution_options(synchronize_session=False))


def _after_flush(session: Session, _flush: UOWTransaction) -> None:
    changes = [
        *((instance, "added") for instance in session.new if type(instance) in AUDITED_MODELS),
        *((instance, "changed") for instance in session.dirty if type(instance) in AUDITED_MODELS),
        *((instance, "deleted") for instance in session.deleted if type(instance) in AUDITED_MODELS),
    ]
    if not changes:
        return
    now, actor = clock.now(), get_actor(session)
    if rows := [row for instance, action in changes if (row := _change_row(session, actor, now, instance, action))]:
        session.connection().execute(insert(AuditEntry), rows)


def _change_row(session: Session, actor: Actor, now: datetime, instance: Any, action: str) -> dict[str, Any] | None:
    """The log entry for a changed instance; None if no logged column changed."""
    spec, inspected = AUDITED_MODELS[type(instance)], inspect(instance)
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    for field in sorted(spec.columns | spec.secret_columns):
        history = inspected.attrs[field].history
        old = history.deleted[0] if history.deleted else None
        new = getattr(instance, field)
        if action == "changed" and not history.has_changes():
            continue
        if action == "added" and new is None:
            continue
        if field in spec.secret_columns:
            if action != "deleted":
                after[field] = None
            continue
        if action != "added":
            before[field] = _to_json_value(session, field, new if action == "deleted" else old)
        if action != "deleted":
            after[field] = _to_json_value(session, field, new)
    if action == "changed" and not after:
        return None
    name = str(_to_json_value(session, spec.name_column, getattr(instance, spec.name_column)))
    thing_id = ",".join(str(each) for each in inspected.mapper.primary_key_from_instance(instance))
    return _audit_row(actor, now, action, spec.noun, thing_id, name, before, after)


def _to_json_value(session: Session, field: str, value: Any) -> Any:
    """The value as it is logged: None, a number, a boolean or a short text; a reserve is logged as its key."""
    if field == _RESERVE_COLUMN and value is not None:
        return session.connection().scalar(select(Reserve.key).where(Reserve.id == value))
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    return sanitise(str(value.normalize() if isinstance(value, Decimal) else value), MAX_VALUE_LENGTH)


def _audit_row(
    actor: Actor,
    now: datetime,
    action: str,
    noun: str,
    thing_id: object,
    thing: str,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
) -> dict[str, Any]:
    return {
        "at": now,
        "actor": sanitise(actor.name, 191),
        "how": actor.auth_method,
        "address": sanitise(actor.address, 64),
        "action": action,
        "noun": noun,
        "thing_id": sanitise(str(thing_id), 191),
        "thing": sanitise(thing, 191),
        "before": dict(before),
        "after": dict(after),
    }
