"""`pointsync origin`: the sites that movements come from; blocked, unblocked, and what came from them taken back."""

from typing import TYPE_CHECKING, Any

import click

from pointsync.cli.framework.command import Group
from pointsync.cli.framework.output import format_pairs, print_note, print_result, table_printer
from pointsync.cli.framework.param_types import RESERVE_KEY, LocalDateTime, SingleLine
from pointsync.cli.framework.site_context import site_context, transact
from pointsync.text_limits import MAX_REASON_LENGTH

if TYPE_CHECKING:
    from pointsync.ledger.reversals.preview import ReversalPreview
    from pointsync.models import Reversal

COLUMNS = {
    "auth": "Auth",
    "name": "Name",
    "movements": "Movements",
    "last_seen_at": "Last called",
    "blocked_at": "Blocked at",
    "blocked_reason": "Why",
    "turned_away": "Turned away",
    "reversal": "Reversal",
}
CORRECTIONS_STAY_NOTE = (
    "Corrections stay on this site: each other site of the family blocks it and takes back for itself."
)


@click.group(cls=Group)
def origin() -> None:
    """Sites that movements come from: block one that was sold, or whose key was stolen."""


@origin.command("list")
@site_context()
def list_origins() -> None:
    """List the sites that have called or are blocked, at most 200, with the reversal of what came from them."""
    from pointsync import db
    from pointsync.runtime import get_runtime
    from pointsync.sync.remotes import origin_list

    rows = origin_list.list_json(db.session(), get_runtime().config)
    table_rows = [row | {"reversal": _format_progress(row["reversal"])} for row in rows]
    print_result(
        rows,
        table_printer(
            table_rows, COLUMNS, "No other site has called yet.", number_columns=("movements", "turned_away")
        ),
    )


@origin.command("block")
@click.argument("auth")
@click.option("--reason", default="", type=SingleLine(MAX_REASON_LENGTH), help="Why; it is shown beside the site.")
@click.option(
    "--reverse-from", "since", type=LocalDateTime(), metavar="MOMENT", help="Take back what was recorded since."
)
@click.option(
    "--reserve", "reserve_key", type=RESERVE_KEY, metavar="KEY", help="Take back only in this points reserve."
)
@click.option("--dry-run", is_flag=True, help="Change nothing; with --reverse-from show what would be taken back.")
@site_context()
def block_origin(auth: str, reason: str, since: str | None, reserve_key: str | None, dry_run: bool) -> None:
    """Take nothing from the site AUTH any more, and send it nothing. It need not have called before."""
    from pointsync import clock, db
    from pointsync.sync.remotes import blocked_origins

    if reserve_key and not since:
        raise click.UsageError("--reserve narrows what is taken back, and needs --reverse-from.")
    auth = blocked_origins.parse_blockable_auth(db.session(), auth)
    preview = _preview(auth, since, reserve_key) if since else None
    if dry_run:
        _print_origin(auth, preview, None, is_blocked=False)
        return
    transact(lambda session: blocked_origins.block(session, auth, reason, "command", clock.now()))
    # Looked at again: until the block was written, more may have come.
    preview = _preview(auth, since, reserve_key) if since else None
    _print_origin(auth, preview, _start_reversal(preview) if preview and preview.movements else None, is_blocked=True)


@origin.command("unblock")
@click.argument("auth")
@site_context()
def unblock_origin(auth: str) -> None:
    """Take from the site AUTH again, and send to it. What was taken back stays so."""
    from pointsync import clock
    from pointsync.sync.remotes import blocked_origins

    transact(lambda session: blocked_origins.unblock(session, auth, clock.now()))
    print_result(
        {"auth": auth, "blocked": False}, f"{auth} is unblocked; what it holds back arrives when it tries again."
    )


@origin.command("reverse")
@click.argument("auth")
@click.option(
    "--from", "since", type=LocalDateTime(), metavar="MOMENT", required=True, help="What was recorded since then."
)
@click.option("--reserve", "reserve_key", type=RESERVE_KEY, metavar="KEY", help="Only in this points reserve.")
@click.option("--dry-run", is_flag=True, help="Only show what would be taken back.")
@site_context()
def reverse_origin(auth: str, since: str, reserve_key: str | None, dry_run: bool) -> None:
    """Take back what came from the blocked site AUTH, by corrections, in the background.

    MOMENT is by this site's clock: when a movement was recorded here, not when its origin says it was made.
    """
    preview = _preview(auth, since, reserve_key)
    _print_origin(auth, preview, None if dry_run else _start_reversal(preview), is_blocked=None)


def _preview(auth: str, since: str, reserve_key: str | None) -> "ReversalPreview":
    from pointsync import clock, db
    from pointsync.sync.remotes import blocked_origins

    return blocked_origins.preview_reversal(db.session(), auth, since, reserve_key, clock.now())


def _start_reversal(preview: "ReversalPreview") -> "Reversal":
    from pointsync import clock
    from pointsync.runtime import get_runtime
    from pointsync.sync.remotes import blocked_origins

    return transact(lambda session: blocked_origins.start_reversal(session, get_runtime().config, preview, clock.now()))


def _print_origin(
    auth: str, preview: "ReversalPreview | None", reversal: "Reversal | None", *, is_blocked: bool | None
) -> None:
    from pointsync import clock
    from pointsync.sync.remotes import origin_list

    document: dict[str, Any] = {"auth": auth} if is_blocked is None else {"auth": auth, "blocked": is_blocked}
    pairs: dict[str, Any] = {"Site": auth} if is_blocked is None else {"Site": auth, "Blocked": is_blocked}
    if preview is not None:
        document["preview"] = {
            "since": clock.to_text(preview.scope.since),
            "movements": preview.movements,
            "customers": preview.customers,
            "below_zero": preview.below_zero,
            "left": {
                "reversed": preview.skipped_reversed,
                "corrected": preview.skipped_corrected,
                "inactive_reserve": preview.skipped_inactive,
            },
            "reserves": [
                {"reserve": part.reserve_key, "movements": part.movements, "given": part.given, "taken": part.taken}
                for part in preview.reserve_totals
            ],
            "first": [
                {"customer": each.customer, "reserve": each.reserve_key, "points": each.points, "after": each.after}
                for each in preview.largest_changes
            ],
        }
        pairs |= {"Since": clock.to_text(preview.scope.since), "Movements": preview.movements}
        pairs |= {"Customers": preview.customers, "Balances below zero": preview.below_zero}
        for part in preview.reserve_totals:
            pairs[f"  In {part.reserve_key}"] = f"{part.given:,} points given, {part.taken:,} taken"
        for each in preview.largest_changes:
            pairs[f"  {each.customer}"] = f"{each.points:+,} in {each.reserve_key}, then {each.after:,}"
        print_note(CORRECTIONS_STAY_NOTE)
    if reversal is not None:
        document["reversal"] = origin_list.reversal_to_json(reversal)
        pairs["Reversal"] = "begun; it goes on while serve or worker runs (pointsync origin list)"
    print_result(document, format_pairs(pairs))


def _format_progress(reversal: dict[str, Any] | None) -> str | None:
    return f"{reversal['state']}, {reversal['done']:,} of {reversal['total']:,}" if reversal else None
