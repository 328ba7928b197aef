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
from pointsync.db import ACTOR, Actor, Base, Writing
from pointsync.models import (
    Admin,
    ApiKey,
    Attempt,
    Audit,
    Balance,
    Bucket,
    Customer,
    Delivery,
    Expiry,
    Flow,
    History,
    Holding,
    Hook,
    HookDelivery,
    KeyUse,
    Lease,
    Level,
    Mail,
    MailServer,
    MailText,
    Movement,
    Origin,
    Redemption,
    Remote,
    Reserve,
    Reversal,
    ReversedMovement,
    Reward,
    Setting,
    SignIn,
    Site,
    StatusChange,
    Tally,
    TurnedAway,
    Unlock,
    Work,
    Worker,
)
from pointsync.text_limits import clean

MAX_VALUE = 500
"""Letters of a value that are kept."""
KEPT = timedelta(days=3 * 365)
"""Older rows are deleted, so that the table has a bound."""
BY_HAND = frozenset({"password", "proxy", "command"})
"""Movements recorded by these are noted; those of shops and other sites stand in the ledger, with their source."""
SITE = Actor("", "site", "")


@dataclass(frozen=True, slots=True)
class Noted:
    """A model that is audited: what it is called, the column that names one, and what becomes of each column."""

    noun: str
    name: str
    values: frozenset[str]
    secrets: frozenset[str] = frozenset()
    """Noted as changed; never the value, sealed or hashed though it is."""
    state: frozenset[str] = frozenset()
    """Written by jobs, or said by the others; not noted."""


def _noted(noun: str, name: str, values: str, secrets: str = "", state: str = "") -> Noted:
    return Noted(noun, name, frozenset(values.split()), frozenset(secrets.split()), frozenset(state.split()))


AUDITED: dict[type[Base], Noted] = {
    Admin: _noted("admin", "name", "name disabled_at", "password_hash", "id created_at"),
    ApiKey: _noted("API key", "name", "name scopes per_minute expires_at revoked_at", "digest", "id created_at"),
    Delivery: _noted(
        "delivery",
        "id",
        "state message",
        state="id movement_seq remote_id attempts called_at unsure_until not_before code delivered_at is_history",
    ),
    Expiry: _noted(
        "expiry rule",
        "reserve_id",
        "kind count unit month day",
        state="reserve_id version since done_day told_day seen_seq",
    ),
    History: _noted(
        "history", "remote_id", "total stopped_at", state="remote_id next_seq last_seq done started_at finished_at"
    ),
    Hook: _noted(
        "hook", "name", "name reserve_id rule rate status removed_at", "token sealed_secret", "id shop stack created_at"
    ),
    Level: _noted(
        "level", "title", "reserve_id title description points is_active", state="id created_at next_customer_id"
    ),
    MailText: _noted("mail text", "kind", "subject body", state="kind"),
    Origin: _noted(
        "origin",
        "auth",
        "public_key key_refused_at blocked_at blocked_reason",
        state="auth offered_key first_seen_at last_seen_at old_pass_at new_pass_at blocked_by",
    ),
    Remote: _noted(
        "remote",
        "url",
        "url auth target reserve_id query_template paused_at closing_at deleted_at",
        "sealed_pass",
        "id created_at version dialect name facts clock_offset_seconds acknowledged counted_since restored_at "
        "again_from_id owed_until_seq failures next_attempt_at is_probing batch_size attempt_code attempt_message "
        "attempt_is_permanent check_code check_message check_is_permanent checked_at last_success_at last_failure_at "
        "last_error holder held_until status status_text status_at",
    ),
    Reserve: _noted("reserve", "key", "key name is_active may_go_below_zero", state="id created_at"),
    Reversal: _noted(
        "reversal",
        "origin",
        "origin reserve_id since reason total stopped_at",
        state="id last_seq done corrections out_of_bounds after_customer_id asked_at finished_at",
    ),
    Reward: _noted("reward", "title", "reserve_id title description cost is_active", state="id created_at"),
    Setting: _noted("setting", "name", "value", state="name"),
    Site: _noted(
        "site",
        "auth",
        "auth public_key url old_pass_ends_at hold",
        "sealed_pass sealed_old_pass sealed_private_key",
        "id marker served_url last_id confirmed_id setup_digest created_at",
    ),
    Work: _noted(
        "long work",
        "title",
        "kind title",
        state="id state done total unit asked_by asked_at started_at ends_at finished_at options position result "
        "message tries holder held_until",
    ),
}

LEFT_OUT: dict[type[Base], str] = {
    Audit: "the log itself",
    **dict.fromkeys((Attempt, StatusChange, Tally), "what sending came to"),
    **dict.fromkeys((Customer, Movement, Balance, Flow, Redemption, ReversedMovement, Holding, Unlock), "the ledger"),
    **dict.fromkeys((HookDelivery, Mail, MailServer, TurnedAway), "what others sent, or were sent"),
    **dict.fromkeys((Lease, Worker), "processes at work"),
    Bucket: "tries that were counted",
    KeyUse: "when keys were used",
    SignIn: "noted where an admin signs in and out; when it was last used is no change",
}

_RESERVES = "reserve_id"


def register() -> None:
    """Listen to all sessions that write; once in a process."""
    if not event.contains(Writing, "after_flush", _after_flush):
        event.listen(Writing, "after_flush", _after_flush)


def note(
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
        insert(Audit), [_row(actor or actor_of(session), clock.now(), action, noun, thing_id, thing, {}, after or {})]
    )


def note_recorded(session: Session, ids: list[str], customers: list[str]) -> None:
    """Note movements that an admin or a command has recorded: their ids, and for whom where that is one."""
    if not ids or actor_of(session).how not in BY_HAND:
        return
    after = {"movements": len(ids), "first": ids[0], "last": ids[-1]}
    note(session, "recorded", "movements", ids[0], customers[0] if len(set(customers)) == 1 else "", after=after)


def actor_of(session: Session) -> Actor:
    """Who writes in this session; the site itself where nobody has said so."""
    return session.info.get(ACTOR) or SITE


def count_since(session: Session, since: datetime, action: str, actor: str, address: str | None = None) -> int:
    """How often that was noted since then, as done by `actor`; from that address alone, where one is given."""
    query = select(func.count()).select_from(Audit)
    if address is not None:
        query = query.where(Audit.address == clean(address, 64))
    return session.scalar(query.where(Audit.at >= since, Audit.action == action, Audit.actor == actor)) or 0


def prune(session: Session, before: datetime, most: int = 10_000) -> None:
    """Delete what was noted before `before`, at most `most` rows; the database refuses younger ones than a year."""
    old = select(Audit.id).where(Audit.at < before).order_by(Audit.at).limit(most)
    session.execute(delete(Audit).where(Audit.id.in_(old)).execution_options(synchronize_session=False))


def _after_flush(session: Session, _flush: UOWTransaction) -> None:
    changes = [
        *((thing, "added") for thing in session.new if type(thing) in AUDITED),
        *((thing, "changed") for thing in session.dirty if type(thing) in AUDITED),
        *((thing, "deleted") for thing in session.deleted if type(thing) in AUDITED),
    ]
    if not changes:
        return
    now, actor = clock.now(), actor_of(session)
    if rows := [row for thing, action in changes if (row := _change(session, actor, now, thing, action))]:
        session.connection().execute(insert(Audit), rows)


def _change(session: Session, actor: Actor, now: datetime, thing: Any, action: str) -> dict[str, Any] | None:
    """The row of a thing's change; None where nothing of it is noted."""
    noted, seen = AUDITED[type(thing)], inspect(thing)
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    for field in sorted(noted.values | noted.secrets):
        history = seen.attrs[field].history
        old = history.deleted[0] if history.deleted else None
        new = getattr(thing, field)
        if action == "changed" and not history.has_changes():
            continue
        if action == "added" and new is None:
            continue
        if field in noted.secrets:
            if action != "deleted":
                after[field] = None
            continue
        if action != "added":
            before[field] = _value(session, field, new if action == "deleted" else old)
        if action != "deleted":
            after[field] = _value(session, field, new)
    if action == "changed" and not after:
        return None
    name = str(_value(session, noted.name, getattr(thing, noted.name)))
    thing_id = ",".join(str(each) for each in seen.mapper.primary_key_from_instance(thing))
    return _row(actor, now, action, noted.noun, thing_id, name, before, after)


def _value(session: Session, field: str, value: Any) -> Any:
    """A value as it is kept: short text, numbers and switches; a reserve by its key."""
    if field == _RESERVES and value is not None:
        return session.connection().scalar(select(Reserve.key).where(Reserve.id == value))
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    return clean(str(value.normalize() if isinstance(value, Decimal) else value), MAX_VALUE)


def _row(
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
        "actor": clean(actor.name, 191),
        "how": actor.how,
        "address": clean(actor.address, 64),
        "action": action,
        "noun": noun,
        "thing_id": clean(str(thing_id), 191),
        "thing": clean(thing, 191),
        "before": dict(before),
        "after": dict(after),
    }
