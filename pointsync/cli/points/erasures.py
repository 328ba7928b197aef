"""`pointsync customer erase` and what belongs to it: the receipts of erasures."""

from typing import TYPE_CHECKING

import click

from pointsync.cli.framework.command import Command
from pointsync.cli.framework.output import format_pairs, print_note, print_result, table_printer
from pointsync.cli.framework.param_types import EMAIL, ERASURE_ID
from pointsync.cli.framework.site_context import site_context, transact

if TYPE_CHECKING:
    from pointsync.ledger.people.erasure.erasure_json import ErasureDocument

VACUUM_NOTE = (
    "The site now takes the person out of texts and files; see: pointsync customer erasures {}. When it is done, run: "
    "pointsync vacuum"
)


@click.command("erase", cls=Command)
@click.argument("email", type=EMAIL, metavar="EMAIL")
@site_context()
def erase_customer(email: str) -> None:
    """Erase a person now. This cannot be undone.

    The customer loses all addresses, and every text that names the person is cleaned, here and on the other sites of
    the family. The points stay, without a name.
    """
    from pointsync import clock
    from pointsync.ledger import audit_recorder
    from pointsync.ledger.people.erasure import erasures

    erasure_id = transact(
        lambda session: erasures.erase(session, email, audit_recorder.get_actor(session).name, clock.now()).id
    )
    print_result(_describe(erasure_id), f"The person was erased. The receipt is erasure {erasure_id}.")
    print_note(VACUUM_NOTE.format(erasure_id))


@click.command("erasures", cls=Command)
@click.argument("erasure_id", type=ERASURE_ID, metavar="[ID]", required=False)
@site_context()
def list_erasures(erasure_id: int | None) -> None:
    """List erasures and requests, or show the receipt of one."""
    from pointsync import db
    from pointsync.ledger.people.erasure import erasures

    if erasure_id is not None:
        document = _describe(erasure_id)
        print_result(document, lambda: _print_receipt(document))
        return
    documents = [_describe(each.id) for each in erasures.list_all(db.session())]
    columns = {
        "id": "Erasure",
        "state": "State",
        "requested_at": "Requested",
        "requested_by": "By",
        "due_at": "Due",
        "erased_at": "Erased",
        "cleaned_at": "Cleaned",
    }
    print_result({"erasures": documents}, table_printer(documents, columns, "Nobody was erased."))


@click.command("stop-erasure", cls=Command)
@click.argument("erasure_id", type=ERASURE_ID, metavar="ID")
@site_context()
def stop_erasure(erasure_id: int) -> None:
    """Stop an erasure that an API key has requested, before its day is over."""
    from pointsync import clock
    from pointsync.ledger import audit_recorder
    from pointsync.ledger.people.erasure import erasures

    transact(lambda session: erasures.stop(session, erasure_id, audit_recorder.get_actor(session).name, clock.now()).id)
    print_result(_describe(erasure_id), f"Erasure {erasure_id} was stopped. Nobody is erased.")


@click.command("erasure-told", cls=Command)
@click.argument("erasure_id", type=ERASURE_ID, metavar="ID")
@click.argument("auth", metavar="AUTH")
@site_context()
def tick_site(erasure_id: int, auth: str) -> None:
    """Note that you have told the owner of a site which does not understand erasures. AUTH is in the receipt."""
    from pointsync import clock
    from pointsync.ledger import audit_recorder
    from pointsync.ledger.people.erasure import receipts

    transact(
        lambda session: receipts.tick(session, erasure_id, auth, audit_recorder.get_actor(session).name, clock.now())
    )
    print_result(_describe(erasure_id), "Noted.")


def _describe(erasure_id: int) -> "ErasureDocument":
    from pointsync import db
    from pointsync.ledger.people.erasure import erasures, receipts
    from pointsync.sync.site import settings

    session = db.session()
    return receipts.describe(session, erasures.get(session, erasure_id), settings.read(session).backup_days)


def _print_receipt(document: "ErasureDocument") -> None:
    lines = {
        "Erasure": document.id,
        "State": document.state,
        "Customer": document.customer,
        "Requested": f"{document.requested_at} by {document.requested_by or 'this site'}",
        "Due": document.due_at if document.state == "waiting" else None,
        "Stopped": document.stopped_at,
        "Erased here": document.erased_at,
        "Cleaned here": document.cleaned_at or (f"{document.progress} %" if document.erased_at else None),
        "What was erased": ", ".join(f"{number:,} {name}" for name, number in sorted(document.counts.items())) or None,
    }
    click.echo(format_pairs({name: value for name, value in lines.items() if value is not None}))
    if document.erased_at:
        click.echo()
        columns = {"name": "Site", "auth": "Auth", "state": "State", "told_at": "Told", "cleaned_at": "Cleaned"}
        table_printer(document.sites, columns, "No other site gets it.")()
        click.echo()
        backups = {"path": "Backup with the person", "made_at": "Made", "kept_until": "Kept until"}
        table_printer(document.backups, backups, "This site knows of no backup with the person.")()


COMMANDS = (erase_customer, list_erasures, stop_erasure, tick_site)
"""Of the group `customer`."""
