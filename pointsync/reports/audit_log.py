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

from pointsync import clock
from pointsync.csv_safety import defuse
from pointsync.db import db, keyset
from pointsync.errors import Invalid
from pointsync.files import whole_file
from pointsync.ledger.audit_recorder import AUDITED
from pointsync.models import Audit, Work
from pointsync.sync.site import general
from pointsync.sync.site.settings import KINDS
from pointsync.tasks import tasks
from pointsync.tasks.runner import Task

KIND = "audit"
PART = 2000
MOST_ACTORS = 200
FIRST_YEAR, LAST_YEAR = 2000, 2999
NOUNS = tuple(
    sorted({each.noun for each in AUDITED.values()} | {"movements", "secret key", "sign-in"}, key=str.casefold)
)
HEADER = ("at", "actor", "how", "address", "action", "noun", "id", "name", "before", "after", "words")

SETTINGS = {
    "max_attempts": "Max sync. attempt",
    "delay_seconds": "Delay between new attempt",
    "statistics_days": "Period covered by statistics",
    "warning_days": "Warning period",
    "send_mails": "Send mails from this site",
    "only_listed": "Accept only listed sites",
}
"""As the panel calls them; the others by their names."""

MARKS = {
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

FIELDS = {
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
class Wanted:
    """What the log is narrowed to: an admin's name (empty: this site itself), a noun, days of the site's zone."""

    actor: str | None = None
    noun: str | None = None
    since: date | None = None
    until: date | None = None

    def which(self, zone: ZoneInfo) -> list[ColumnElement[bool]]:
        """The conditions. Raises Invalid for days that cannot be."""
        for field, day in (("since", self.since), ("until", self.until)):
            if day and not FIRST_YEAR <= day.year <= LAST_YEAR:
                raise Invalid(field, f"Choose a day from {FIRST_YEAR} to {LAST_YEAR}.")
        if self.since and self.until and self.until < self.since:
            raise Invalid("until", "The last day is before the first one.")
        found: list[ColumnElement[bool]] = []
        if self.actor is not None:
            found.append(Audit.actor == self.actor)
        if self.noun is not None:
            found.append(Audit.noun == self.noun)
        if self.since:
            found.append(Audit.at >= _midnight(self.since, zone))
        if self.until:
            found.append(Audit.at < _midnight(self.until + timedelta(days=1), zone))
        return found


def page(
    session: Session, wanted: Wanted, zone: ZoneInfo, cursor: str | None = None, size: int = 20
) -> keyset.Page[Audit]:
    """A page of the log, newest first: one query, two on the way back to the first page. Raises Invalid."""
    query = select(Audit).where(*wanted.which(zone))

    def read(step: keyset.Step) -> Sequence[Audit]:
        return session.scalars(step.narrow(query, Audit.id.expression, is_descending=True)).all()

    return keyset.turn(cursor, size, (int,), read, lambda row: (row.id,))


def newest(session: Session, wanted: Wanted, zone: ZoneInfo, limit: int) -> list[Audit]:
    """The newest rows, at most `limit`. Raises Invalid."""
    return list(session.scalars(select(Audit).where(*wanted.which(zone)).order_by(Audit.id.desc()).limit(limit)))


def actors(session: Session) -> list[str]:
    """Who stands in the log, at most 200 names."""
    return list(session.scalars(select(Audit.actor).distinct().order_by(Audit.actor).limit(MOST_ACTORS)))


def document(row: Audit) -> dict[str, Any]:
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
        "words": words(row),
    }


def words(row: Audit) -> str:
    """A row as a sentence, such as `Ada changed Max sync. attempt from 10 to 12`."""
    who = row.actor or ("This site" if row.how == "site" else "Somebody")
    if row.action == "failed":
        return f"{who} failed to sign in {f'as {row.thing}' if row.thing else 'with a name that no admin has'}"
    if row.action == "signed out" and (number := row.after.get("browsers")):
        return f"{who} signed {row.thing} out of {number:,} browser{'s' if number != 1 else ''}"
    if row.action in ("signed in", "signed out"):
        return f"{who} {row.action}"
    if row.action == "recorded":
        number = row.after.get("movements", 1)
        made = f"{number:,} movements" if number != 1 else "a movement"
        return f"{who} recorded {made}{f' for {row.thing}' if row.thing else ''}"
    if row.noun == "setting":
        return f"{who} {_setting(row)}"
    thing = f"{row.noun} {row.thing}".strip()
    if row.action != "changed":
        asked = "asked for" if row.noun in ("long work", "history", "reversal") else row.action
        return f"{who} {asked} {thing}"
    if row.noun == "delivery" and "state" in row.after:
        return f"{who} {'set aside' if row.after['state'] == 'aside' else 'sent again'} {thing}"
    for field, (is_set, is_cleared) in MARKS.items():
        if field in row.after and bool(row.after[field]) != bool(row.before.get(field)):
            return f"{who} {is_set if row.after[field] else is_cleared} {thing}"
    return f"{who} changed {thing}: {'; '.join(_field(row, field) for field in row.after)}"


def field_name(field: str) -> str:
    """What a column is called on screen."""
    return FIELDS.get(field, field.replace("_", " "))


def shown(value: Any) -> str:
    """A value as people read it."""
    if value is None or value == "":
        return "nothing"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def _setting(row: Audit) -> str:
    name, kind = SETTINGS.get(row.thing, row.thing.replace("_", " ")), KINDS.get(row.thing)

    def said(values: dict[str, Any]) -> str:
        value = values.get("value", kind.default if kind else None)
        return ("on" if str(value) == "1" else "off") if kind and kind.is_switch else shown(value)

    return f"changed {name} from {said(row.before)} to {said(row.after)}"


def _field(row: Audit, field: str) -> str:
    if field not in row.before:
        return f"{field_name(field)} changed"
    return f"{field_name(field)} from {shown(row.before[field])} to {shown(row.after[field])}"


def ask(session: Session, data: Path, wanted: Wanted, asked_by: str, now: datetime) -> Work:
    """A work that writes the log, so narrowed, into a file. Raises Invalid, and Conflict as `work.ask`."""
    wanted.which(general.time_zone(session))
    options = {
        "actor": wanted.actor,
        "noun": wanted.noun,
        "since": wanted.since.isoformat() if wanted.since else None,
        "until": wanted.until.isoformat() if wanted.until else None,
    }
    title = "Audit log as CSV"
    return tasks.ask(session, data, kind=KIND, title=title, unit="lines", asked_by=asked_by, now=now, options=options)


def run(task: Task) -> Iterator[None]:
    """Write the file, oldest first; begun again from the first line where its process ends amid it."""
    session, days = db.session(), {name: task.options[name] for name in ("since", "until")}
    since, until = (date.fromisoformat(day) if day else None for day in days.values())
    zone = general.time_zone(session)
    which = Wanted(task.options["actor"], task.options["noun"], since, until).which(zone)
    last = session.scalar(select(func.max(Audit.id))) or 0
    which.append(Audit.id <= last)
    task.total = session.scalar(select(func.count()).select_from(Audit).where(*which)) or 0
    name, after = f"audit-{task.asked_at.astimezone(zone).date().isoformat()}.csv", 0
    with whole_file(task.folder / name) as file:
        lines = csv.writer(file, lineterminator="\n")
        lines.writerow(HEADER)
        query = select(Audit).order_by(Audit.id).limit(PART)
        while found := session.scalars(query.where(*which, Audit.id > after)).all():
            lines.writerows(_cells(row) for row in found)
            after, task.done = found[-1].id, task.done + len(found)
            yield
    task.total, task.result = task.done, {"file": name}


def _cells(row: Audit) -> list[str]:
    values = document(row)
    values |= {name: json.dumps(values[name], ensure_ascii=False) for name in ("before", "after")}
    del values["id"]
    return [defuse(str(value)) for value in values.values()]


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone)
