"""Reading the audit log: in pages, as sentences, and as a CSV file."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from pointsync import clock, db
from pointsync.clock import start_of_day
from pointsync.csv_safety import escape_formula
from pointsync.db import keyset
from pointsync.errors import InvalidInput
from pointsync.ledger.audit_specs import AUDITED_MODELS
from pointsync.models import AuditEntry, Task
from pointsync.reports import audit_people
from pointsync.sync.site import general
from pointsync.sync.site.settings import DEFINITIONS
from pointsync.tasks import tasks
from pointsync.tasks.csv_export import write_csv
from pointsync.tasks.runner import TaskContext

KIND = "audit"
CHUNK_ROWS = 2000
MAX_ACTORS = 200
MIN_YEAR, MAX_YEAR = 2000, 2999
UNMODELLED_NOUNS = frozenset(
    {"movements", "secret key", "sign-in", "fetch back", "returned movement", "hold"}
    | {audit_people.CUSTOMER_NOUN, audit_people.CHANGE_NOUN, audit_people.ERASURE_NOUN}
)
NOUNS = tuple(sorted({each.noun for each in AUDITED_MODELS.values()} | UNMODELLED_NOUNS, key=str.casefold))
NOUN_LABELS = {"history": "backfill", "long work": "background task"}
"""The panel's words for nouns that are stored under an older name."""
STARTED_NOUNS = (*NOUN_LABELS, "reversal")
"""Nouns that an admin adds by starting something."""
HEADER = ("at", "actor", "how", "address", "action", "noun", "id", "name", "before", "after", "words")

SETTING_LABELS = {
    "max_attempts": "Max sync. attempt",
    "delay_seconds": "Delay between new attempt",
    "statistics_days": "Period covered by statistics",
    "warning_days": "Warning period",
    "send_mails": "Send mails from this site",
    "only_listed": "Accept only listed sites",
    "check_seconds": "Time between two checks",
    "create_customers": "Create unknown customers",
    "shop_read_minutes": "Time between two readings of a shop",
    "approve_changes": "Approve changes of customers",
    "expiry_mail_days": "Days before points expire",
    "backup_days": "Backups are kept for",
    "hook_silent_days": "Warn about a silent hook",
    "public_url": "public URL",
}
"""The panel's labels. The others are shown by their names."""

TIMESTAMP_VERBS = {
    "deleted_at": ("deleted", "restored"),
    "closing_at": ("closed", "reopened"),
    "paused_at": ("paused", "resumed"),
    "revoked_at": ("revoked", "restored"),
    "disabled_at": ("disabled", "enabled"),
    "removed_at": ("removed", "restored"),
    "connected_at": ("connected", "connected"),
    "disconnected_at": ("disconnected", "connected"),
    "blocked_at": ("blocked", "unblocked"),
    "key_refused_at": ("rejected the new key of", "no longer rejects the new key of"),
    "stopped_at": ("stopped", "resumed"),
}
"""What it means when a time is set, and when it is cleared."""

FIELD_LABELS = {
    "auth": "Auth",
    "url": "URL",
    "reserve_id": "reserve",
    "sealed_pass": "Pass",
    "sealed_old_pass": "old Pass",
    "sealed_private_key": "private key",
    "sealed_secret": "secret",
    "password_hash": "password",
    "digest": "key",
    "code_digest": "code",
    "home_url": "address",
    "per_minute": "calls per minute",
    "expires_at": "expiry",
    "token": "delivery URL",
    "old_ends_at": "end of the old key",
    "key_shop": "shop of API keys",
}


@dataclass(frozen=True, slots=True)
class Filter:
    """Filters of the log: an actor's name (empty: this site itself), a noun, and days in the site's time zone."""

    actor: str | None = None
    noun: str | None = None
    since: date | None = None
    until: date | None = None

    def build_conditions(self, zone: ZoneInfo) -> list[ColumnElement[bool]]:
        """The conditions of the query. Raises InvalidInput for `since` or `until`."""
        for field, day in (("since", self.since), ("until", self.until)):
            if day and not MIN_YEAR <= day.year <= MAX_YEAR:
                raise InvalidInput(field, f"Choose a day from {MIN_YEAR} to {MAX_YEAR}.")
        if self.since and self.until and self.until < self.since:
            raise InvalidInput("until", "The last day is before the first one.")
        conditions: list[ColumnElement[bool]] = []
        if self.actor is not None:
            conditions.append(AuditEntry.actor == self.actor)
        if self.noun is not None:
            conditions.append(AuditEntry.noun == self.noun)
        if self.since:
            conditions.append(AuditEntry.at >= start_of_day(self.since, zone))
        if self.until:
            conditions.append(AuditEntry.at < start_of_day(self.until + timedelta(days=1), zone))
        return conditions


def list_page(
    session: Session, filters: Filter, zone: ZoneInfo, cursor: str | None = None, size: int = 20
) -> keyset.Page[AuditEntry]:
    """A page of the log, newest first. One query; two when going back to the first page. Raises InvalidInput."""
    query = select(AuditEntry).where(*filters.build_conditions(zone))

    def fetch(request: keyset.PageRequest) -> Sequence[AuditEntry]:
        return session.scalars(request.apply_to(query, AuditEntry.id.expression, is_descending=True)).all()

    return keyset.fetch_page(cursor, size, (int,), fetch, lambda row: (row.id,))


def list_newest(session: Session, filters: Filter, zone: ZoneInfo, limit: int) -> list[AuditEntry]:
    """The newest entries, at most `limit`. Raises InvalidInput."""
    return list(
        session.scalars(
            select(AuditEntry).where(*filters.build_conditions(zone)).order_by(AuditEntry.id.desc()).limit(limit)
        )
    )


def list_actors(session: Session) -> list[str]:
    """The names of all actors in the log, at most `MAX_ACTORS`."""
    return list(session.scalars(select(AuditEntry.actor).distinct().order_by(AuditEntry.actor).limit(MAX_ACTORS)))


def to_json(row: AuditEntry) -> dict[str, Any]:
    """An entry as JSON, with its sentence as `words`."""
    return {
        "id": row.id,
        "at": clock.to_text(row.at),
        "actor": row.actor,
        "how": row.how,
        "address": row.address,
        "action": row.action,
        "noun": row.noun,
        "thing_id": row.thing_id,
        "thing": row.thing,
        "before": row.before,
        "after": row.after,
        "words": describe(row),
    }


def describe(row: AuditEntry) -> str:
    """An entry as a sentence, such as `Ada changed Max sync. attempt from 10 to 12`."""
    actor = row.actor or ("This site" if row.how == "site" else "Somebody")
    if row.action == "failed":
        return f"{actor} failed to sign in {f'as {row.thing}' if row.thing else 'with an unknown name'}"
    if row.action == "signed out" and (number := row.after.get("browsers")):
        return f"{actor} signed {row.thing} out of {number:,} browser{'s' if number != 1 else ''}"
    if row.action in ("signed in", "signed out"):
        return f"{actor} {row.action}"
    if row.action in ("recorded", "resent"):
        number = row.after.get("movements", 1)
        count_text = f"{number:,} movements" if number != 1 else "a movement"
        if row.action == "resent":
            return f"{actor} sent {count_text} to {row.thing} again"
        return f"{actor} recorded {count_text}{f' for {row.thing}' if row.thing else ''}"
    if row.noun == "setting":
        return f"{actor} {_describe_setting(row)}"
    if (deed := audit_people.describe(row)) is not None:
        return f"{actor} {deed}"
    thing = f"{noun_label(row.noun)} {row.thing}".strip()
    if row.action != "changed":
        verb = "started" if row.action == "added" and row.noun in STARTED_NOUNS else row.action
        return f"{actor} {verb} {thing}"
    if row.noun == "delivery" and "state" in row.after:
        return f"{actor} set aside {thing}" if row.after["state"] == "aside" else f"{actor} sent {thing} again"
    for field, (set_verb, cleared_verb) in TIMESTAMP_VERBS.items():
        if field in row.after and bool(row.after[field]) != bool(row.before.get(field)):
            return f"{actor} {set_verb if row.after[field] else cleared_verb} {thing}"
    return f"{actor} changed {thing}: {'; '.join(_describe_field(row, field) for field in row.after)}"


def noun_label(noun: str) -> str:
    """The label of a noun."""
    return NOUN_LABELS.get(noun, noun)


def field_label(field: str) -> str:
    """The label of a column."""
    return FIELD_LABELS.get(field, field.replace("_", " "))


def format_value(value: Any) -> str:
    """A value for people."""
    if value is None or value == "":
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def _describe_setting(row: AuditEntry) -> str:
    name, kind = SETTING_LABELS.get(row.thing, row.thing.replace("_", " ")), DEFINITIONS.get(row.thing)

    def read_setting(values: dict[str, Any]) -> Any:
        value = values.get("value", kind.default if kind else None)
        return ("on" if str(value) == "1" else "off") if kind and kind.is_switch else value

    return f"changed {name} {_describe_change(read_setting(row.before), read_setting(row.after))}"


def _describe_field(row: AuditEntry, field: str) -> str:
    if field not in row.before:
        return f"{field_label(field)} changed"
    return f"{field_label(field)} {_describe_change(row.before[field], row.after[field])}"


def _describe_change(before: Any, after: Any) -> str:
    change = f"to {format_value(after)}"
    return change if before is None or before == "" else f"from {format_value(before)} {change}"


def enqueue(session: Session, data_dir: Path, filters: Filter, asked_by: str, now: datetime) -> Task:
    """Enqueue an export of the log as CSV. Raises InvalidInput, and Conflict as `tasks.enqueue` does."""
    filters.build_conditions(general.get_time_zone(session))
    options = {
        "actor": filters.actor,
        "noun": filters.noun,
        "since": filters.since.isoformat() if filters.since else None,
        "until": filters.until.isoformat() if filters.until else None,
    }
    title = "Audit log as CSV"
    return tasks.enqueue(
        session, data_dir, kind=KIND, title=title, unit="lines", asked_by=asked_by, now=now, options=options
    )


def run(context: TaskContext) -> Iterator[None]:
    """Run the task: write the file, oldest entries first. If the process ends, the next one starts again."""
    session = db.session()
    since, until = (
        date.fromisoformat(context.options[name]) if context.options[name] else None for name in ("since", "until")
    )
    zone = general.get_time_zone(session)
    conditions = Filter(context.options["actor"], context.options["noun"], since, until).build_conditions(zone)
    last_id = session.scalar(select(func.max(AuditEntry.id))) or 0
    conditions.append(AuditEntry.id <= last_id)
    context.total = session.scalar(select(func.count()).select_from(AuditEntry).where(*conditions)) or 0
    yield from write_csv(context, "audit", zone, HEADER, _iter_pages(session, conditions))


def _iter_pages(session: Session, conditions: Sequence[ColumnElement[bool]]) -> Iterator[list[list[str]]]:
    query, after_id = select(AuditEntry).where(*conditions).order_by(AuditEntry.id).limit(CHUNK_ROWS), 0
    while rows := session.scalars(query.where(AuditEntry.id > after_id)).all():
        after_id = rows[-1].id
        yield [_format_row(row) for row in rows]


def _format_row(row: AuditEntry) -> list[str]:
    values = to_json(row)
    values |= {name: json.dumps(values[name], ensure_ascii=False) for name in ("before", "after")}
    del values["id"]
    return [escape_formula(str(value)) for value in values.values()]
