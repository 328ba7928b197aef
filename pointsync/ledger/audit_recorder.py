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
from pointsync.db import ACTOR_KEY, Actor, WriteSession
from pointsync.ledger.audit_specs import AUDITED_MODELS
from pointsync.models import AuditEntry, Reserve
from pointsync.text_limits import sanitise

MAX_VALUE_LENGTH = 500
"""Longer values are cut."""
RETENTION = timedelta(days=3 * 365)
"""Older rows are deleted, to limit the size of the table."""
MANUAL_METHODS = frozenset({"password", "proxy", "command"})
"""Movements recorded with these methods are logged; for those of shops and other sites, the ledger has the source."""
SITE_ACTOR = Actor("", "site", "")


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
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    actor: Actor | None = None,
) -> None:
    """Log an action that is not a change of a row, in the transaction of `session`. Default actor: the session's."""
    row = _audit_row(actor or get_actor(session), clock.now(), action, noun, thing_id, thing, before or {}, after or {})
    session.connection().execute(insert(AuditEntry), [row])


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
    """The number of log entries of this action and actor since then; from `address` only, if it is given.

    Those in the future, from before the clock was set back, do not count.
    """
    query = select(func.count()).select_from(AuditEntry)
    if address is not None:
        query = query.where(AuditEntry.address == sanitise(address, 64))
    return (
        session.scalar(
            query.where(
                AuditEntry.at.between(since, clock.now()), AuditEntry.action == action, AuditEntry.actor == actor
            )
        )
        or 0
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
