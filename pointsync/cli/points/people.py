"""`pointsync customer`: customers' addresses, merges, and duplicates."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
import msgspec

from pointsync.cli.framework.command import Group
from pointsync.cli.framework.output import print_note, print_result, table_printer
from pointsync.cli.framework.param_types import EMAIL, MAX_BIG_ROW_ID, WholeNumber
from pointsync.cli.framework.site_context import site_context, transact
from pointsync.cli.points.customer_report import report_customer

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.orm import Session

    from pointsync.models import Customer

ASKED_BY = "command"
UNDO_NOTE = "To undo it: pointsync customer unmerge {}"
MAX_LIMIT = 1000
REASON_WORDS = {"alike": "similar addresses", "asked": "a rename was refused"}


@click.group(cls=Group)
def customer() -> None:
    """Change customers' addresses, merge customers, and erase people.

    The other sites of the family get each change. See pointsync customer changes.
    """


customer.add_command(report_customer)


@customer.command("rename")
@click.argument("old", type=EMAIL, metavar="OLD")
@click.argument("new", type=EMAIL, metavar="NEW")
@site_context()
def rename_customer(old: str, new: str) -> None:
    """Give a customer another address.

    The old address stays an alias: what arrives under it later belongs to the customer, too.
    """
    from pointsync import clock
    from pointsync.ledger.people import people

    row = _transact_noting(old, new, lambda session: people.rename(session, old, new, clock.now()))
    print_result({"customer": row.email}, f"{old} was renamed to {row.email}. The old address stays an alias.")


@customer.command("alias")
@click.argument("email", type=EMAIL, metavar="EMAIL")
@click.argument("alias", type=EMAIL, metavar="ALIAS")
@site_context()
def add_alias(email: str, alias: str) -> None:
    """Add an address to a customer, who is shown as before."""
    from pointsync import clock
    from pointsync.ledger.people import people

    row = _transact_noting(email, alias, lambda session: people.add_alias(session, email, alias, clock.now()))
    print_result({"customer": row.email}, f"{alias} belongs to {row.email} now.")


@customer.command("merge")
@click.argument("gone", type=EMAIL, metavar="FROM")
@click.argument("into", type=EMAIL, metavar="INTO")
@site_context()
def merge_customers(gone: str, into: str) -> None:
    """Merge customer FROM into customer INTO. The points of both are added up."""
    from pointsync import clock
    from pointsync.ledger.people import people

    row = transact(lambda session: people.merge(session, gone, into, clock.now()))
    print_result({"customer": row.email}, f"{gone} was merged into {row.email}. {UNDO_NOTE.format(gone)}")


@customer.command("unmerge")
@click.argument("email", type=EMAIL, metavar="EMAIL")
@site_context()
def unmerge_customer(email: str) -> None:
    """Undo the newest merge that gave EMAIL to another customer.

    Each of the two customers then has what was recorded under their own addresses, before and after the merge.
    """
    from pointsync import clock
    from pointsync.ledger.people import people

    row, other = transact(lambda session: people.unmerge_address(session, email, clock.now()))
    message = f"{row.email} and {other.email} are two customers again."
    print_result({"customer": row.email, "other": other.email}, message)


@customer.command("duplicates")
@click.option(
    "--limit", type=WholeNumber(1, MAX_LIMIT), default=50, help=f"How many pairs. Default: 50; at most {MAX_LIMIT:,}."
)
@click.option("--cursor", type=WholeNumber(1, MAX_BIG_ROW_ID), help="The value of next in the JSON of the page before.")
@site_context()
def list_duplicates(limit: int, cursor: int | None) -> None:
    """List customers who may be the same person. Nobody is merged automatically."""
    from pointsync import db
    from pointsync.ledger.people import pairs

    page = pairs.list_documents(db.session(), cursor, limit)
    columns = {"first": "Customer", "second": "May be the same as", "reason": "Why", "found_at": "Found"}
    rows = [msgspec.structs.asdict(each) | {"reason": REASON_WORDS[each.reason]} for each in page.duplicates]
    print_result(page, table_printer(rows, columns, "No duplicates."))
    if page.not_compared:
        print_note(
            f"Not compared with the others yet: {page.not_compared:,}. The site compares them in the background."
        )


@customer.command("not-same")
@click.argument("email", type=EMAIL, metavar="EMAIL")
@click.argument("other", type=EMAIL, metavar="OTHER")
@site_context()
def mark_not_same(email: str, other: str) -> None:
    """Say that two customers are not the same person. They are not listed as duplicates any more."""
    from pointsync import clock
    from pointsync.ledger.people import pairs

    transact(lambda session: pairs.dismiss(session, email, other, clock.now()))
    print_result({"customer": email, "other": other}, f"{email} and {other} are not listed as duplicates any more.")


def _transact_noting(email: str, to: str, change: Callable[[Session], Customer]) -> Customer:
    """Commit a change. If the address belongs to another customer, the two are listed as duplicates."""
    from pointsync import clock
    from pointsync.ledger.people import pairs

    with pairs.noting_refusals(transact, email, to, ASKED_BY, clock.now()):
        return transact(change)
