"""The server of `customers/report`: another site of the family asks for the stored data about a person."""

from collections.abc import Iterator
from datetime import datetime
from itertools import islice

import msgspec
from flask import Response
from sqlalchemy.orm import Session

from pointsync import db
from pointsync.errors import InvalidInput
from pointsync.ledger import audit_recorder
from pointsync.peer.pointsync import JsonObject, handle_call, require_listed_sender
from pointsync.reports.person_report import person
from pointsync.reports.person_report.rows import Position, ReportRow, iter_rows, parse_position
from pointsync.runtime import get_runtime
from pointsync.sync.protocol import wire
from pointsync.sync.protocol.wire import WireError
from pointsync.sync.site.local_site import Identity

MAX_ROWS = 2000


def report_customer() -> Response:
    """Answer the next rows of what this site holds. The first question is in the audit log."""
    return handle_call(_build_answer, only_reads=True)


def _build_answer(session: Session, _identity: Identity, body: JsonObject, now: datetime) -> JsonObject:
    sender = require_listed_sender(session, body)
    about, after = _parse(session, body, now)
    if after is None:
        db.run_in_transaction(
            lambda writing: audit_recorder.log_action(
                writing, "reported", "customer", thing=about.address, after={"to": sender}
            )
        )
    parts, following = _fit(iter_rows(about, after))
    return {"parts": parts, "next": None if following is None else str(following)}


def _parse(session: Session, body: JsonObject, now: datetime) -> tuple[person.Person, Position | None]:
    """Who the question is about, and after which row the answer begins. Raises WireError."""
    text = body.get("after")
    try:
        about = person.find(session, get_runtime().config, wire.require_text(body, "customer"), now)
        after = parse_position(text if isinstance(text, str) else "") if text is not None else None
    except InvalidInput as error:
        raise WireError(400, "malformed", error.message) from error
    return about, after


def _fit(rows: Iterator[ReportRow]) -> tuple[dict[str, list[msgspec.Raw]], Position | None]:
    """As many rows as fit into an answer, encoded, and after which one the next answer begins."""
    read: list[ReportRow] = []

    def encode(row: ReportRow) -> bytes:
        read.append(row)
        return msgspec.json.encode(row.content)

    encoded = wire.take_fitting(map(encode, islice(rows, MAX_ROWS)))
    parts: dict[str, list[msgspec.Raw]] = {}
    for row, item in zip(read, encoded, strict=False):
        parts.setdefault(row.part, []).append(msgspec.Raw(item))
    is_last = len(encoded) == len(read) < MAX_ROWS
    return parts, None if is_last else read[len(encoded) - 1].next
