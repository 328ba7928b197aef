"""`pointsync verify`: check the ledger, and compare it with other sites."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from pointsync.cli.framework.command import Command
from pointsync.cli.framework.output import print_result, table_printer
from pointsync.cli.framework.param_types import REMOTE_ID
from pointsync.cli.framework.progress import Progress
from pointsync.cli.framework.site_context import site_context, transact

if TYPE_CHECKING:
    from pointsync.ops.verify_remote import RemoteResult

BALANCE_COLUMNS = {"customer": "Customer", "reserve": "Reserve", "balance": "Balance", "movements": "Sum of movements"}
TOTAL_COLUMNS = {
    "hour": "Hour",
    "origin": "Origin",
    "reserve": "Reserve",
    "kind": "Kind",
    "flow": "Hourly total",
    "movements": "Movements",
}
ALTERED_COLUMNS = {
    "movement": "Edited movement",
    "origin": "Origin",
    "customer": "Customer",
    "reserve": "Reserve",
    "points": "Points",
    "repair": "Repair",
}
SUM_COLUMNS = {"origin": "Wrong sum of", "remote": "Sent to remote", "reserve": "Reserve"}
REMOTE_COLUMNS = {
    "site": "Site",
    "problem": "Difference",
    "movement": "Movement",
    "customer": "Customer here",
    "points": "Points here",
    "there_customer": "Customer there",
    "there_points": "Points there",
    "repair": "Repair",
}
WHOLE_REMOTE_COLUMNS = {"site": "Site", "problem": "Difference", "message": "Reason"}
NOT_COMPARED = "not_compared"
"""The problem of a remote that does not answer, as in `ops.verify_remote`."""
PROBLEM_LABELS = {
    "missing_there": "missing there",
    "not_confirmed": "there, but not known as delivered",
    "altered_there": "altered there",
    "altered_here": "altered here",
    "unknown_here": "unknown here",
    "same_id": "two movements with one id",
    NOT_COMPARED: "not compared",
    "differs_here": "not all of its movements are here",
    "sums_differ": "the sums differ",
}
REPAIR_LABELS = {
    "sent_again": "sent again",
    "confirmed": "counts as delivered",
    "restored": "restored",
    "accepted": "accepted",
    "fetched_back": "fetched back",
}


@click.command(cls=Command)
@click.argument("remote_id", type=REMOTE_ID, metavar="[REMOTE]", required=False)
@click.option("--repair", "is_repair", is_flag=True, help="Also repair whatever needs no decision between two values.")
@click.option("--accept", "is_accept", is_flag=True, help="Accept edited movements that no other site has otherwise.")
@site_context()
def verify(remote_id: int | None, is_repair: bool, is_accept: bool) -> None:
    """Check that every balance and every total is the sum of its movements, that no movement was edited, and that all
    remotes hold the same. With the number of a remote, only compare with that one.

    --repair counts wrong totals anew, sends again what is missing there, restores movements that were edited from the
    other site, and fetches back what is unknown here. It never decides between two values.

    The exit code is 1 if anything differs and was not repaired. A site that does not answer is listed, and counts only
    if you name its remote.
    """
    if is_accept and remote_id is not None:
        raise click.UsageError("--accept is for this site's own ledger: leave out the remote.")
    if is_repair or is_accept:
        transact(lambda session: None)  # refuses a database that was copied or restored
    differences: list[dict[str, Any]] = []
    printers: list[Callable[[], None]] = []
    if remote_id is None:
        differences += _verify_ledger(printers, is_repair)
    for result in _verify_remotes(remote_id, is_repair):
        printers.append(_remote_printer(result))
        differences += result.differences
    if is_repair or is_accept:
        _finish_repair(differences, is_accept)
    is_ok = all(each.get("repair") or (each.get("problem") == NOT_COMPARED and not remote_id) for each in differences)
    print_result({"ok": is_ok, "differences": differences}, lambda: _print_all(printers))
    if not is_ok:
        click.get_current_context().exit(1)


def _finish_repair(differences: list[dict[str, Any]], is_accept: bool) -> None:
    """Mark the edited movements that are right again, after the comparisons with other sites, or accepted."""
    from pointsync.ops import verify_ledger

    verify_ledger.mark_restored(differences)
    if is_accept and verify_ledger.accept_altered():
        verify_ledger.mark_restored(differences, verify_ledger.ACCEPTED)
    transact(lambda session: None)


def _verify_ledger(printers: list[Callable[[], None]], is_repair: bool) -> list[dict[str, Any]]:
    from pointsync.ops import verify_ledger

    with Progress() as progress:
        differences = verify_ledger.list_differences(progress.update)
        if is_repair and differences:
            verify_ledger.repair(differences)
    balances = [each for each in differences if "balance" in each]
    totals = [each for each in differences if "flow" in each]
    altered = [each for each in differences if each.get("problem") == verify_ledger.ALTERED]
    sums = [each for each in differences if each.get("problem") == verify_ledger.WRONG_SUM]
    ok_message = "Every balance is the sum of its movements."
    printers.append(table_printer(balances, BALANCE_COLUMNS, ok_message, number_columns=("balance", "movements")))
    for rows, columns in ((totals, TOTAL_COLUMNS), (altered, ALTERED_COLUMNS), (sums, SUM_COLUMNS)):
        if rows:
            printers.append(_late_table_printer(rows, columns))
    if is_repair and len(altered) < len(differences):
        printers.append(lambda: click.echo("Balances, totals and sums were counted anew."))
    return differences


def _late_table_printer(rows: list[dict[str, Any]], columns: dict[str, str]) -> Callable[[], None]:
    """Prints a table as the rows are then: what was repaired is known at the end."""

    def print_table() -> None:
        shown = [{**each, "repair": REPAIR_LABELS.get(each.get("repair") or "")} for each in rows]
        table_printer(shown, columns, "", number_columns=("points",))()

    return print_table


def _verify_remotes(remote_id: int | None, is_repair: bool) -> "list[RemoteResult]":
    from pointsync import db
    from pointsync.ops.verify_remote import verify_remote
    from pointsync.sync.protocol.ping import POINTSYNC
    from pointsync.sync.remotes import queue

    remote_ids = [remote_id] if remote_id is not None else []
    if remote_id is None:
        remote_ids = [
            each.id for each in queue.list_all(db.session()) if each.dialect == POINTSYNC and not each.paused_at
        ]
    results = []
    with Progress() as progress:
        for each_id in remote_ids:
            label = f"Comparing with remote {each_id}"
            results.append(
                verify_remote(
                    each_id,
                    lambda count, label=label: progress.update(f"{label}: {count:,} movements"),  # type: ignore[misc]
                    is_repair=is_repair,
                )
            )
    return results


def _remote_printer(result: "RemoteResult") -> Callable[[], None]:
    if not result.differences:
        text = f"{result.site}: equal, {result.count:,} movement{'' if result.count == 1 else 's'}."
        if result.is_equal is None:
            text = f"{result.site}: it cannot be compared. Its version is too old, or it is a WooRewards shop."
        return lambda: click.echo(text)
    rows = [
        {**dict.fromkeys(REMOTE_COLUMNS), **each}
        | {
            "problem": PROBLEM_LABELS[each["problem"]],
            "repair": REPAIR_LABELS.get(each.get("repair") or ""),
        }
        for each in result.differences
    ]
    movements = [each for each in rows if each["movement"]]
    others = [each | {"message": each.get("message")} for each in rows if not each["movement"]]

    def print_both() -> None:
        if others:
            table_printer(others, WHOLE_REMOTE_COLUMNS, "")()
        if movements:
            table_printer(movements, REMOTE_COLUMNS, "", number_columns=("points", "there_points"))()

    return print_both


def _print_all(printers: list[Callable[[], None]]) -> None:
    for number, each in enumerate(printers):
        if number:
            click.echo()
        each()
