"""The stored data about a customer: a page to read, the same from all sites that answer, and both as a file."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

import msgspec
from flask import request, send_file
from flask.typing import ResponseReturnValue
from msgspec import Struct
from werkzeug.exceptions import NotFound

from pointsync import clock, db
from pointsync.admin.customers.customer import get_customer
from pointsync.admin.customers.manual_movements import TAB
from pointsync.admin.shell.panel import blueprint, render_page
from pointsync.models import Customer
from pointsync.reports.person_report import documents, report
from pointsync.reports.person_report.ledger_parts import count_movements
from pointsync.reports.person_report.report import Report
from pointsync.reports.person_report.rows import MOVEMENTS
from pointsync.reports.person_report.sites import ReportSite
from pointsync.runtime import get_runtime

MAX_SHOWN = 20
"""Rows of each part. The files have all."""
REPORT_PATH = "/customers/<big_row_id:customer_id>/report"

LABELS = {
    "addresses": "Addresses",
    "changes": "Changes of addresses",
    "balances": "Balances",
    "levels": "Levels",
    "redemptions": "Rewards",
    "holds": "Holds",
    "orders": "Orders",
    "accounts": "Accounts in shops",
    "mails": "Mails",
    "deliveries": "Waiting for other sites",
    "mentions": "Texts that name the customer",
    "files": "Files that name the customer",
    "pairs": "Possible duplicates",
    "movements": "Movements",
}
COLUMNS: dict[str, tuple[tuple[str, str], ...]] = {
    "addresses": (("address", "Address"), ("first_seen_at", "Since"), ("is_shown", "Shown")),
    "changes": (("change", "Change"), ("customer", "Customer"), ("into", "Address"), ("at", "Date")),
    "balances": (("reserve", "Reserve"), ("points", "Points"), ("held", "Held")),
    "levels": (("level", "Level"), ("reserve", "Reserve"), ("at", "Date")),
    "redemptions": (("reward", "Reward"), ("points", "Points"), ("reserve", "Reserve"), ("at", "Date")),
    "holds": (("ref", "Hold"), ("points", "Points"), ("state", "State"), ("at", "Date"), ("until", "Until")),
    "orders": (("order", "Order"), ("shop", "Shop"), ("status", "Status"), ("points", "Points"), ("at", "Date")),
    "accounts": (("account", "Account"), ("shop", "Shop"), ("address", "Address"), ("at", "Date")),
    "mails": (("kind", "Mail"), ("address", "Address"), ("state", "State"), ("at", "Date")),
    "deliveries": (("movement", "Movement"), ("site", "Site"), ("state", "State"), ("at", "Date")),
    "mentions": (("text", "Text"), ("place", "Place"), ("at", "Date")),
    "files": (("file", "File"), ("title", "Task"), ("size", "Bytes"), ("at", "Date")),
    "pairs": (("other", "Customer"), ("reason", "Why"), ("is_dismissed", "Not the same"), ("at", "Date")),
    "movements": (
        ("kind", "Movement"),
        ("points", "Points"),
        ("reserve", "Reserve"),
        ("reason", "Description"),
        ("at", "Date"),
    ),
}
"""The columns of each part, and their labels. The files have all values."""
_TIMES = frozenset({"at", "first_seen_at", "until"})


@dataclass(frozen=True, slots=True)
class PartTable:
    """The rows of a part as they are shown. `more_count` is None if it is not known how many more there are."""

    name: str
    columns: tuple[tuple[str, str], ...]
    rows: Sequence[Sequence[Any]]
    more_count: int | None

    @property
    def label(self) -> str:
        """The title."""
        return LABELS[self.name]


@blueprint.get(REPORT_PATH)
def person_report(customer_id: int) -> ResponseReturnValue:
    """What this site stores."""
    session = db.session()
    customer = get_customer(session, customer_id)
    return _render(customer, report.make_local(session, get_runtime().config, customer.email, clock.now()))


@blueprint.post(REPORT_PATH)
def collect_person_report(customer_id: int) -> ResponseReturnValue:
    """What this site and all others that answer store. It is logged here and there."""
    found = _make(customer_id, is_of_all_sites=True)
    return _render(get_customer(db.session(), customer_id), found)


@blueprint.post(f"{REPORT_PATH}/<form>")
def download_person_report(customer_id: int, form: str) -> ResponseReturnValue:
    """The same as a file: JSON or CSV."""
    if form not in documents.MIMETYPES:
        raise NotFound
    found = _make(customer_id, is_of_all_sites=report.parse_sites(request.form.get("sites")))
    name = f"customer-{customer_id}.{form}"
    mimetype = documents.MIMETYPES[form]
    return send_file(found.write_file(form), mimetype=mimetype, as_attachment=True, download_name=name)


def _make(customer_id: int, *, is_of_all_sites: bool) -> Report:
    session = db.session()
    email = get_customer(session, customer_id).email
    return report.make(session, get_runtime().config, email, clock.now(), is_of_all_sites=is_of_all_sites)


def _render(customer: Customer, found: Report) -> str:
    if not found.person.rows:
        raise NotFound
    sites = [(site, list(_build_tables(site, found))) for site in found.sites]
    return render_page(
        "customers/person_report.html", TAB, customer=customer, sites=sites, is_of_all_sites=len(sites) > 1
    )


def _build_tables(site: ReportSite, found: Report) -> Iterator[PartTable]:
    for part, rows in groupby(_first_rows(site), key=lambda row: row[0]):
        shown: list[list[Any]] = []
        rest = 0
        for _, content in rows:
            if len(shown) < MAX_SHOWN:
                shown.append(_build_cells(part, content))
            else:
                rest += 1
        more_count: int | None = rest
        if part == MOVEMENTS and rest:
            more_count = count_movements(found.person) - MAX_SHOWN if site.is_local else None
        yield PartTable(part, COLUMNS[part], shown, more_count)


def _first_rows(site: ReportSite) -> Iterator[tuple[str, Struct]]:
    """All rows, but only a few movements: of this site, and of the first answer of another one."""
    rows: Iterable[tuple[str, Struct]] = site.rows() if site.is_local else site.first_rows()
    number = 0
    for part, content in rows:
        number += part == MOVEMENTS
        if number > MAX_SHOWN + 1:
            return
        yield part, content


def _build_cells(part: str, content: Struct) -> list[Any]:
    values = msgspec.to_builtins(content)
    return [_build_cell(name, values[name]) for name, _ in COLUMNS[part]]


def _build_cell(name: str, value: Any) -> Any:
    """What is shown: a time, a number, or a text."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if name in _TIMES and isinstance(value, str):
        return _parse_time(value)
    return value


def _parse_time(text: str) -> datetime | str:
    try:
        return clock.from_text(text)
    except ValueError:  # another site may send anything
        return text
