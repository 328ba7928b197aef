"""`pointsync customer erase` and what belongs to it: the receipts of erasures."""

from typing import TYPE_CHECKING, Any

import click
import msgspec

from pointsync.cli.framework.command import Command
from pointsync.cli.framework.output import format_pairs, print_note, print_result, table_printer
from pointsync.cli.framework.param_types import EMAIL, ERASURE_ID
from pointsync.cli.framework.site_context import site_context, transact

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from pointsync.ledger.people.erasure.erasure_json import ErasureDocument, ErasureSite

VACUUM_NOTE = (
    "The site now cleans texts and files in the background. To see when it is done: pointsync customer erasures {}. "
    "Then run: pointsync vacuum"
)
OTHER_COPIES_NOTE = (
    "Other copies are not listed. Delete those from before the erasure: pointsync.db.before-upgrade-… and "
    "pointsync.db.before-restore-… beside an SQLite database, and copies that other programs made."
)
ERASURE_STATES = {
    "waiting": "waiting (one day)",
    "approval": "waiting for approval",
    "cleaning": "erased; still cleaning texts",
}
SITE_STATES = {
    "waiting": "not sent yet",
    "told": "sent",
    "erased": "erased; still cleaning texts",
    "clean": "done",
    "by_hand": "ask its owner to erase the person",
    "told_by_hand": "owner informed",
}
"""States of the JSON, in the panel's words. Those that are missing are such words."""


@click.command("erase", cls=Command)
@click.argument("email", type=EMAIL, metavar="EMAIL")
@site_context()
def erase_customer(email: str) -> None:
    """Erase a person now. This cannot be undone.

    The customer loses all addresses, and every text that names the person is cleaned, here and on the other sites of
    the family. The points stay, without a name.
    """
    from pointsync import clock, db
    from pointsync.ledger import audit_recorder
    from pointsync.ledger.people.erasure import erasures, known_movements

    known = known_movements.read(db.session(), email)

    def erase(session: "Session") -> int:
        return erasures.erase(session, email, audit_recorder.get_actor(session).name, clock.now(), known).id

    erasure_id = transact(erase)
    print_result(_describe(erasure_id), f"The person was erased. The receipt is erasure {erasure_id}.")
    print_note(VACUUM_NOTE.format(erasure_id))


@click.command("erasures", cls=Command)
@click.argument("erasure_id", type=ERASURE_ID, metavar="[ID]", required=False)
@site_context()
def list_erasures(erasure_id: int | None) -> None:
    """List erasures and requests, or show the receipt of one."""
    from pointsync import db
    from pointsync.ledger.people.erasure import erasures, receipts
    from pointsync.sync.site import settings

    if erasure_id is not None:
        document = _describe(erasure_id)
        print_result(document, lambda: _print_receipt(document))
        return
    session = db.session()
    days = settings.read(session).backup_days
    documents = receipts.describe_all(session, erasures.list_all(session), days)
    columns = {
        "id": "Erasure",
        "state": "State",
        "requested_at": "Requested",
        "requested_by": "By",
        "due_at": "Due",
        "erased_at": "Erased",
        "cleaned_at": "Cleaned",
    }
    rows = [_table_row(each, ERASURE_STATES) for each in documents]
    print_result({"erasures": documents}, table_printer(rows, columns, "Nobody was erased yet."))


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
    """Confirm that you have asked the owner of a site to erase the person, because the site cannot get erasures.

    AUTH is that of the site, as in the receipt.
    """
    from pointsync import clock
    from pointsync.ledger import audit_recorder
    from pointsync.ledger.people.erasure import receipts

    saved = transact(
        lambda session: receipts.tick(session, erasure_id, auth, audit_recorder.get_actor(session).name, clock.now())
    )
    print_result(_describe(erasure_id), saved)


def _describe(erasure_id: int) -> "ErasureDocument":
    from pointsync import db
    from pointsync.ledger.people.erasure import erasures, receipts
    from pointsync.sync.site import settings

    session = db.session()
    return receipts.describe(session, erasures.get(session, erasure_id), settings.read(session).backup_days)


def _print_receipt(document: "ErasureDocument") -> None:
    lines = {
        "Erasure": document.id,
        "State": ERASURE_STATES.get(document.state, document.state),
        "Customer": document.customer,
        "Requested": f"{document.requested_at} by {document.requested_by or 'this site'}",
        "Due": document.due_at if document.state == "waiting" else None,
        "Stopped": document.stopped_at,
        "Erased here": document.erased_at,
        "Cleaned here": document.cleaned_at or (f"{document.progress} %" if document.erased_at else None),
        "What was erased": ", ".join(f"{name} {number:,}" for name, number in sorted(document.counts.items()) if number)
        or None,
    }
    click.echo(format_pairs({name: value for name, value in lines.items() if value is not None}))
    if document.erased_at:
        click.echo()
        columns = {"name": "Site", "auth": "Auth", "state": "State", "told_at": "Sent", "cleaned_at": "Done"}
        table_printer(
            [_table_row(each, SITE_STATES) for each in document.sites], columns, "No other site gets this erasure."
        )()
        click.echo()
        backups = {"path": "Backup with the person", "made_at": "Created", "kept_until": "Kept until"}
        table_printer(document.backups, backups, "No backup from before the erasure is known.")()
        click.echo(f"\n{OTHER_COPIES_NOTE}")


def _table_row(document: "ErasureDocument | ErasureSite", words: dict[str, str]) -> dict[str, Any]:
    """A document as a row of a table, with its state in words."""
    row: dict[str, Any] = msgspec.structs.asdict(document)
    return row | {"state": words.get(document.state, document.state)}


COMMANDS = (erase_customer, list_erasures, stop_erasure, tick_site)
"""Of the group `customer`."""
