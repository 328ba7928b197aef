"""The audit log to be read: in pages, in words, and as a file."""

import csv
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from pointsync import clock, db
from pointsync.csv_safety import escape_formula
from pointsync.db import keyset
from pointsync.errors import InvalidInput
from pointsync.files import atomic_text_file
from pointsync.ledger.audit_recorder import AUDITED_MODELS
from pointsync.models import AuditEntry, Task
from pointsync.sync.site import general
from pointsync.sync.site.settings import DEFINITIONS
from pointsync.tasks import tasks
from pointsync.tasks.runner import TaskContext

KIND = "audit"
CHUNK_ROWS = 2000
MAX_ACTORS = 200
MIN_YEAR, MAX_YEAR = 2000, 2999
NOUNS = tuple(
    sorted({each.noun for each in AUDITED_MODELS.values()} | {"movements", "secret key", "sign-in"}, key=str.casefold)
)
HEADER = ("at", "actor", "how", "address", "action", "noun", "id", "name", "before", "after", "words")

SETTING_LABELS = {
    "max_attempts": "Max sync. attempt",
    "delay_seconds": "Delay between new attempt",
    "statistics_days": "Period covered by statistics",
    "warning_days": "Warning period",
    "send_mails": "Send mails from this site",
    "only_listed": "Accept only listed sites",
}
"""As the panel calls them; the others by their names."""

TIMESTAMP_VERBS = {
    "deleted_at": ("deleted", "brought back"),
    "closing_at": ("closed", "opened again"),
    "paused_at": ("paused", "resumed"),
    "revoked_at": ("revoked", "brought back"),
    "disabled_at": ("disabled", "enabled"),
    "removed_at": ("removed", "brought back"),
    "blocked_at": ("blocked", "unblocked"),
    "key_refused_at": ("refused the new key of", "took back the refusal of the key of"),
    "stopped_at": ("stopped", "went on with"),
}
"""What a moment says by being set, and by being empty again."""

FIELD_LABELS = {
    "auth": "Auth.",
    "url": "URL",
    "reserve_id": "reserve",
    "sealed_pass": "Pass",
    "sealed_old_pass": "old Pass",
    "sealed_private_key": "private key",
    "sealed_secret": "secret",
    "password_hash": "password",
    "digest": "key",
    "per_minute": "calls a minute",
    "expires_at": "end",
    "token": "delivery URL",
}


@dataclass(frozen=True, slots=True)
class Filter:
    """What the log is narrowed to: an admin's name (empty: this site itself), a noun, days of the site's zone."""

    actor: str | None = None
    noun: str | None = None
    since: date | None = None
    until: date | None = None

    def build_conditions(self, zone: ZoneInfo) -> list[ColumnElement[bool]]:
        """The conditions. Raises Invalid for days that cannot be."""
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
            conditions.append(AuditEntry.at >= _start_of_day(self.since, zone))
        if self.until:
            conditions.append(AuditEntry.at < _start_of_day(self.until + timedelta(days=1), zone))
        return conditions


def list_page(
    session: Session, filters: Filter, zone: ZoneInfo, cursor: str | None = None, size: int = 20
) -> keyset.Page[AuditEntry]:
    """A page of the log, newest first: one query, two on the way back to the first page. Raises Invalid."""
    query = select(AuditEntry).where(*filters.build_conditions(zone))

    def fetch(request: keyset.PageRequest) -> Sequence[AuditEntry]:
        return session.scalars(request.apply_to(query, AuditEntry.id.expression, is_descending=True)).all()

    return keyset.fetch_page(cursor, size, (int,), fetch, lambda row: (row.id,))


def list_newest(session: Session, filters: Filter, zone: ZoneInfo, limit: int) -> list[AuditEntry]:
    """The newest rows, at most `limit`. Raises Invalid."""
    return list(
        session.scalars(
            select(AuditEntry).where(*filters.build_conditions(zone)).order_by(AuditEntry.id.desc()).limit(limit)
        )
    )


def list_actors(session: Session) -> list[str]:
    """Who stands in the log, at most 200 names."""
    return list(session.scalars(select(AuditEntry.actor).distinct().order_by(AuditEntry.actor).limit(MAX_ACTORS)))


def to_json(row: AuditEntry) -> dict[str, Any]:
    """A row for machines, in words as well."""
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
    """A row as a sentence, such as `Ada changed Max sync. attempt from 10 to 12`."""
    actor = row.actor or ("This site" if row.how == "site" else "Somebody")
    if row.action == "failed":
        return f"{actor} failed to sign in {f'as {row.thing}' if row.thing else 'with a name that no admin has'}"
    if row.action == "signed out" and (number := row.after.get("browsers")):
        return f"{actor} signed {row.thing} out of {number:,} browser{'s' if number != 1 else ''}"
    if row.action in ("signed in", "signed out"):
        return f"{actor} {row.action}"
    if row.action == "recorded":
        number = row.after.get("movements", 1)
        count_text = f"{number:,} movements" if number != 1 else "a movement"
        return f"{actor} recorded {count_text}{f' for {row.thing}' if row.thing else ''}"
    if row.noun == "setting":
        return f"{actor} {_describe_setting(row)}"
    thing = f"{row.noun} {row.thing}".strip()
    if row.action != "changed":
        verb = "asked for" if row.noun in ("long work", "history", "reversal") else row.action
        return f"{actor} {verb} {thing}"
    if row.noun == "delivery" and "state" in row.after:
        return f"{actor} {'set aside' if row.after['state'] == 'aside' else 'sent again'} {thing}"
    for field, (set_verb, cleared_verb) in TIMESTAMP_VERBS.items():
        if field in row.after and bool(row.after[field]) != bool(row.before.get(field)):
            return f"{actor} {set_verb if row.after[field] else cleared_verb} {thing}"
    return f"{actor} changed {thing}: {'; '.join(_describe_field(row, field) for field in row.after)}"


def field_label(field: str) -> str:
    """What a column is called on screen."""
    return FIELD_LABELS.get(field, field.replace("_", " "))


def format_value(value: Any) -> str:
    """A value as people read it."""
    if value is None or value == "":
        return "nothing"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def _describe_setting(row: AuditEntry) -> str:
    name, kind = SETTING_LABELS.get(row.thing, row.thing.replace("_", " ")), DEFINITIONS.get(row.thing)

    def format_setting(values: dict[str, Any]) -> str:
        value = values.get("value", kind.default if kind else None)
        return ("on" if str(value) == "1" else "off") if kind and kind.is_switch else format_value(value)

    return f"changed {name} from {format_setting(row.before)} to {format_setting(row.after)}"


def _describe_field(row: AuditEntry, field: str) -> str:
    if field not in row.before:
        return f"{field_label(field)} changed"
    return f"{field_label(field)} from {format_value(row.before[field])} to {format_value(row.after[field])}"


def enqueue(session: Session, data_dir: Path, filters: Filter, asked_by: str, now: datetime) -> Task:
    """A work that writes the log, so narrowed, into a file. Raises Invalid, and Conflict as `work.ask`."""
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
    """Write the file, oldest first; begun again from the first line where its process ends amid it."""
    session, days = db.session(), {name: context.options[name] for name in ("since", "until")}
    since, until = (date.fromisoformat(day) if day else None for day in days.values())
    zone = general.get_time_zone(session)
    conditions = Filter(context.options["actor"], context.options["noun"], since, until).build_conditions(zone)
    last_id = session.scalar(select(func.max(AuditEntry.id))) or 0
    conditions.append(AuditEntry.id <= last_id)
    context.total = session.scalar(select(func.count()).select_from(AuditEntry).where(*conditions)) or 0
    name, after_id = f"audit-{context.asked_at.astimezone(zone).date().isoformat()}.csv", 0
    with atomic_text_file(context.folder / name) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(HEADER)
        query = select(AuditEntry).order_by(AuditEntry.id).limit(CHUNK_ROWS)
        while rows := session.scalars(query.where(*conditions, AuditEntry.id > after_id)).all():
            writer.writerows(_format_row(row) for row in rows)
            after_id, context.done = rows[-1].id, context.done + len(rows)
            yield
    context.total, context.result = context.done, {"file": name}


def _format_row(row: AuditEntry) -> list[str]:
    values = to_json(row)
    values |= {name: json.dumps(values[name], ensure_ascii=False) for name in ("before", "after")}
    del values["id"]
    return [escape_formula(str(value)) for value in values.values()]


def _start_of_day(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone)
