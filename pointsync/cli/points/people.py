"""`pointsync customer`: another address for a customer, and customers who are one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pointsync.cli.framework.command import Group
from pointsync.cli.framework.output import print_note, print_result, table_printer
from pointsync.cli.framework.param_types import EMAIL, MAX_BIG_ROW_ID, WholeNumber
from pointsync.cli.framework.site_context import site_context, transact
from pointsync.cli.points.customer_report import report_customer

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.orm import Session

    from pointsync.models import Customer

ASKED_BY = "command line"
MAX_LIMIT = 1000


@click.group(cls=Group)
def customer() -> None:
    """Customers who change their address, or who are one person.

    The other sites of the family follow. changes shows which of them have it.
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
    print_result({"customer": row.email}, f"{old} is {row.email} now.")


@customer.command("alias")
@click.argument("email", type=EMAIL, metavar="EMAIL")
@click.argument("alias", type=EMAIL, metavar="ALIAS")
@site_context()
def add_alias(email: str, alias: str) -> None:
    """Add one more address of a customer, who is shown as before."""
    from pointsync import clock
    from pointsync.ledger.people import people

    row = _transact_noting(email, alias, lambda session: people.add_alias(session, email, alias, clock.now()))
    print_result({"customer": row.email}, f"{alias} belongs to {row.email} now.")


@customer.command("merge")
@click.argument("gone", type=EMAIL, metavar="FROM")
@click.argument("into", type=EMAIL, metavar="INTO")
@site_context()
def merge_customers(gone: str, into: str) -> None:
    """Let two customers be one: FROM is merged into INTO, and the points of both are added up."""
    from pointsync import clock
    from pointsync.ledger.people import people

    row = transact(lambda session: people.merge(session, gone, into, clock.now()))
    print_result({"customer": row.email}, f"{gone} and {row.email} are one customer now. To undo it: unmerge {gone}")


@customer.command("unmerge")
@click.argument("email", type=EMAIL, metavar="EMAIL")
@site_context()
def unmerge_customer(email: str) -> None:
    """Undo the newest merge with which EMAIL came to another customer.

    Each of the two has again what was recorded under their own addresses, also since the merge.
    """
    from pointsync import clock
    from pointsync.ledger.people import people

    row, other = transact(lambda session: people.take_apart(session, email, clock.now()))
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
    print_result(page, table_printer(page.duplicates, columns, "No duplicates."))
    if page.not_compared:
        print_note(f"{page.not_compared:,} addresses have not been compared with the others yet. The site does it.")


@customer.command("not-same")
@click.argument("email", type=EMAIL, metavar="EMAIL")
@click.argument("other", type=EMAIL, metavar="OTHER")
@site_context()
def tell_apart(email: str, other: str) -> None:
    """Say that two customers are not the same person. They are not listed as duplicates any more."""
    from pointsync import clock
    from pointsync.ledger.people import pairs

    transact(lambda session: pairs.dismiss(session, email, other, clock.now()))
    print_result({"customer": email, "other": other}, f"{email} and {other} are not listed as duplicates any more.")


def _transact_noting(email: str, to: str, change: Callable[[Session], Customer]) -> Customer:
    """Commit a change. If the address belongs to somebody else, an admin sees in the panel that it was asked for."""
    from pointsync import clock
    from pointsync.errors import Conflict
    from pointsync.ledger.people import pairs, people

    try:
        return transact(change)
    except Conflict as conflict:
        if conflict.code == people.CUSTOMER_EXISTS:
            transact(lambda session: pairs.note_asked(session, email, to, ASKED_BY, clock.now()))
        raise
