"""What the audit log notes: a listener on each session that writes, so that no change is forgotten.

The table `AUDITED` says of each model which columns are noted; it is complete, and a test holds it so. A row is
written by the flush that makes the change, in its transaction: there is neither one without the other. Statements
that change many rows at once pass the listener by; a test finds those on audited models.
"""

from collections.abc import Mapping
from dataclasses import dataclass
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
"""Letters of a value that are kept."""
RETENTION = timedelta(days=3 * 365)
"""Older rows are deleted, so that the table has a bound."""
MANUAL_METHODS = frozenset({"password", "proxy", "command"})
"""Movements recorded by these are noted; those of shops and other sites stand in the ledger, with their source."""
SITE_ACTOR = Actor("", "site", "")


@dataclass(frozen=True, slots=True)
class AuditSpec:
    """A model that is audited: what it is called, the column that names one, and what becomes of each column."""

    noun: str
    name_column: str
    columns: frozenset[str]
    secret_columns: frozenset[str] = frozenset()
    """Noted as changed; never the value, sealed or hashed though it is."""
    ignored_columns: frozenset[str] = frozenset()
    """Written by jobs, or said by the others; not noted."""


def _spec(noun: str, name_column: str, columns: str, secret_columns: str = "", ignored_columns: str = "") -> AuditSpec:
    return AuditSpec(
        noun,
        name_column,
        frozenset(columns.split()),
        frozenset(secret_columns.split()),
        frozenset(ignored_columns.split()),
    )


AUDITED_MODELS: dict[type[Base], AuditSpec] = {
    Admin: _spec("admin", "name", "name disabled_at", "password_hash", "id created_at"),
    ApiKey: _spec("API key", "name", "name scopes per_minute expires_at revoked_at", "digest", "id created_at"),
    Delivery: _spec(
        "delivery",
        "id",
        "state message",
        ignored_columns="id movement_seq remote_id attempts called_at unsure_until not_before code delivered_at is_history",
    ),
    ExpirySettings: _spec(
        "expiry rule",
        "reserve_id",
        "kind count unit month day",
        ignored_columns="reserve_id version since done_day told_day seen_seq",
    ),
    Backfill: _spec(
        "history",
        "remote_id",
        "total stopped_at",
        ignored_columns="remote_id next_seq last_seq done started_at finished_at",
    ),
    Hook: _spec(
        "hook", "name", "name reserve_id rule rate status removed_at", "token sealed_secret", "id shop stack created_at"
    ),
    Level: _spec(
        "level",
        "title",
        "reserve_id title description points is_active",
        ignored_columns="id created_at next_customer_id",
    ),
    MailText: _spec("mail text", "kind", "subject body", ignored_columns="kind"),
    Origin: _spec(
        "origin",
        "auth",
        "public_key key_refused_at blocked_at blocked_reason",
        ignored_columns="auth offered_key first_seen_at last_seen_at old_pass_at new_pass_at blocked_by",
    ),
    Remote: _spec(
        "remote",
        "url",
        "url auth target reserve_id query_template paused_at closing_at deleted_at",
        "sealed_pass",
        "id created_at version dialect name facts clock_offset_seconds acknowledged counted_since restored_at "
        "again_from_id owed_until_seq failures next_attempt_at is_probing batch_size attempt_code attempt_message "
        "attempt_is_permanent check_code check_message check_is_permanent checked_at last_success_at last_failure_at "
        "last_error holder held_until status status_text status_at",
    ),
    Reserve: _spec("reserve", "key", "key name is_active may_go_below_zero", ignored_columns="id created_at"),
    Reversal: _spec(
        "reversal",
        "origin",
        "origin reserve_id since reason total stopped_at",
        ignored_columns="id last_seq done corrections out_of_bounds after_customer_id asked_at finished_at",
    ),
    Reward: _spec("reward", "title", "reserve_id title description cost is_active", ignored_columns="id created_at"),
    Setting: _spec("setting", "name", "value", ignored_columns="name"),
    Site: _spec(
        "site",
        "auth",
        "auth public_key url old_pass_ends_at hold",
        "sealed_pass sealed_old_pass sealed_private_key",
        "id marker served_url last_id confirmed_id setup_digest created_at",
    ),
    Task: _spec(
        "long work",
        "title",
        "kind title",
        ignored_columns="id state done total unit asked_by asked_at started_at ends_at finished_at options position result "
        "message tries holder held_until",
    ),
}

UNAUDITED_MODELS: dict[type[Base], str] = {
    AuditEntry: "the log itself",
    **dict.fromkeys((Attempt, StatusChange, DailyDeliveryTotal), "what sending came to"),
    **dict.fromkeys(
        (Customer, Movement, Balance, HourlyTotal, Redemption, ReversedMovement, ReceivedSummary, LevelUnlock),
        "the ledger",
    ),
    **dict.fromkeys((HookDelivery, Mail, MailServerStatus, RefusedOrigin), "what others sent, or were sent"),
    **dict.fromkeys((Lease, Worker), "processes at work"),
    RateBucket: "tries that were counted",
    ApiKeyUse: "when keys were used",
    SignIn: "noted where an admin signs in and out; when it was last used is no change",
}

_RESERVE_COLUMN = "reserve_id"


def register() -> None:
    """Listen to all sessions that write; once in a process."""
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
    """Note what no row tells by itself, in the transaction of `session`; `actor` where that is not who writes."""
    session.connection().execute(
        insert(AuditEntry),
        [_audit_row(actor or get_actor(session), clock.now(), action, noun, thing_id, thing, {}, after or {})],
    )


def log_recorded_movements(session: Session, ids: list[str], customers: list[str]) -> None:
    """Note movements that an admin or a command has recorded: their ids, and for whom where that is one."""
    if not ids or get_actor(session).auth_method not in MANUAL_METHODS:
        return
    after = {"movements": len(ids), "first": ids[0], "last": ids[-1]}
    log_action(session, "recorded", "movements", ids[0], customers[0] if len(set(customers)) == 1 else "", after=after)


def get_actor(session: Session) -> Actor:
    """Who writes in this session; the site itself where nobody has said so."""
    return session.info.get(ACTOR_KEY) or SITE_ACTOR


def count_actions(session: Session, since: datetime, action: str, actor: str, address: str | None = None) -> int:
    """How often that was noted since then, as done by `actor`; from that address alone, where one is given."""
    query = select(func.count()).select_from(AuditEntry)
    if address is not None:
        query = query.where(AuditEntry.address == sanitise(address, 64))
    return (
        session.scalar(query.where(AuditEntry.at >= since, AuditEntry.action == action, AuditEntry.actor == actor)) or 0
    )


def prune(session: Session, before: datetime, limit: int = 10_000) -> None:
    """Delete what was noted before `before`, at most `most` rows; the database refuses younger ones than a year."""
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
    """The row of a thing's change; None where nothing of it is noted."""
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
    """A value as it is kept: short text, numbers and switches; a reserve by its key."""
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
