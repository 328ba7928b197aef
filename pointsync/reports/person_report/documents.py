"""A report as JSON or CSV, written row by row, so that its length costs no memory."""

import csv
import io
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import groupby
from typing import Any

import msgspec

from pointsync import clock
from pointsync.csv_safety import escape_formula
from pointsync.reports.person_report.sites import ReportSite

JSON, CSV = "json", "csv"
MIMETYPES = {JSON: "application/json", CSV: "text/csv"}
HEADER = ("site", "part", "at", "address", "reserve", "points", "details")
PROBLEM = "not complete"
"""The part of a line about a site that did not answer."""
_WRITTEN_AT_ONCE = 500


def iter_json(customer: str, sites: Iterable[ReportSite], now: datetime) -> Iterator[bytes]:
    """A `PersonReport`, in pieces."""
    yield b'{"customer":' + _encode(customer) + b',"made_at":' + _encode(clock.to_text(now)) + b',"sites":['
    for place, site in enumerate(sites):
        head = {"auth": site.auth, "name": site.name, "url": site.url}
        yield (b"," if place else b"") + _encode(head)[:-1] + b',"parts":{'
        for number, (part, rows) in enumerate(groupby(site.rows(), key=lambda row: row[0])):
            yield (b"," if number else b"") + _encode(part) + b":["
            for index, (_, content) in enumerate(rows):
                yield (b"," if index else b"") + _encode(content)
            yield b"]"
        yield b'},"problem":' + _encode(site.problem) + b"}"  # it is known only after the rows
    yield b"]}\n"


def iter_csv(sites: Iterable[ReportSite]) -> Iterator[bytes]:
    """A table with one line for each row of each part, in pieces."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(HEADER)
    for site in sites:
        name = site.name or site.url or site.auth
        for number, (part, content) in enumerate(site.rows()):
            writer.writerow(map(_to_cell, (name, part, *_split(msgspec.to_builtins(content)))))
            if number % _WRITTEN_AT_ONCE == 0:
                yield _take(file)
        if site.problem:
            writer.writerow(map(_to_cell, (name, PROBLEM, "", "", "", "", site.problem)))
    yield _take(file)


def join_pieces(pieces: Iterable[bytes], size: int = 1 << 16) -> Iterator[bytes]:
    """Few large pieces in place of many small ones."""
    buffer = bytearray()
    for piece in pieces:
        buffer += piece
        if len(buffer) >= size:
            yield bytes(buffer)
            buffer.clear()
    yield bytes(buffer)


def _split(row: dict[str, Any]) -> tuple[Any, ...]:
    """The columns that many parts have, and all others as text."""
    at, reserve, points = (row.pop(name, None) for name in ("at", "reserve", "points"))
    address = row.pop("address", None) or row.pop("customer", None)
    return at, address, reserve, points, describe(row)


def describe(row: dict[str, Any]) -> str:
    """Values with their names, such as `kind: earn; reason: Order 1`."""
    return "; ".join(
        f"{name.replace('_', ' ')}: {_format(value)}"
        for name, value in row.items()
        if value is not None and value != "" and value != {}
    )


def _format(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return msgspec.json.encode(value).decode() if isinstance(value, dict | list) else str(value)


def _to_cell(value: Any) -> str | int:
    if isinstance(value, int):
        return value
    return "" if value is None else escape_formula(str(value))


def _take(file: io.StringIO) -> bytes:
    text = file.getvalue()
    file.seek(0)
    file.truncate()
    return text.encode("utf-8", "replace")


def _encode(value: Any) -> bytes:
    return msgspec.json.encode(value)
