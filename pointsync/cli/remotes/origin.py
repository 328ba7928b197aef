"""`pointsync origin`: the sites that movements come from. Block them, and take their movements back."""

from typing import TYPE_CHECKING, Any

import click

from pointsync.cli.framework.command import Group
from pointsync.cli.framework.options import RESERVE_FILTER_OPTION
from pointsync.cli.framework.output import format_pairs, print_note, print_result, table_printer
from pointsync.cli.framework.param_types import LOCAL_DATE_TIME, SingleLine
from pointsync.cli.framework.site_context import COMMAND_SOURCE, site_context, transact
from pointsync.text_limits import MAX_REASON_LENGTH

if TYPE_CHECKING:
    from pointsync.ledger.reversals.preview import ReversalPreview
    from pointsync.models import Reversal

COLUMNS = {
    "auth": "Auth",
    "name": "Name",
    "movements": "Movements",
    "last_seen_at": "Last contact",
    "blocked_at": "Blocked at",
    "blocked_reason": "Reason",
    "turned_away": "Refused calls",
    "reversal": "Reversal",
}
CORRECTIONS_STAY_NOTE = (
    "Corrections stay on this site. Every other site of the family must block the site and take its movements back too."
)


@click.group(cls=Group)
def origin() -> None:
    """Sites that movements come from. Block a site that was sold, or whose key was stolen."""


@origin.command("list")
@site_context()
def list_origins() -> None:
    """List the sites that have called or are blocked, at most 200, with their reversals."""
    from pointsync import db
    from pointsync.runtime import get_runtime
    from pointsync.sync.remotes import blocked_origins

    rows = blocked_origins.list_json(db.session(), get_runtime().config)
    table_rows = [row | {"reversal": _format_progress(row["reversal"])} for row in rows]
    print_result(
        rows,
        table_printer(
            table_rows, COLUMNS, "No other site has called yet.", number_columns=("movements", "turned_away")
        ),
    )


@origin.command("block")
@click.argument("auth")
@click.option("--reason", default="", type=SingleLine(MAX_REASON_LENGTH), help="The reason, shown with the site.")
@click.option(
    "--reverse-from", "since", type=LOCAL_DATE_TIME, metavar="TIME", help="Also take back what was recorded since."
)
@RESERVE_FILTER_OPTION
@click.option("--dry-run", is_flag=True, help="Change nothing. With --reverse-from show what would be taken back.")
@site_context()
def block_origin(auth: str, reason: str, since: str | None, reserve_key: str | None, dry_run: bool) -> None:
    """Refuse all calls of the site AUTH, and send it nothing. You can block a site that has never called."""
    from pointsync import clock, db
    from pointsync.sync.remotes import blocked_origins

    if reserve_key and not since:
        raise click.UsageError("--reserve needs --reverse-from.")
    auth = blocked_origins.parse_blockable_auth(db.session(), auth)
    preview = _preview(auth, since, reserve_key) if since else None
    if dry_run:
        _print_origin(auth, preview, None, is_blocked=False)
        return
    transact(lambda session: blocked_origins.block(session, auth, reason, COMMAND_SOURCE, clock.now()))
    # Again: more movements may have come until the block was committed.
    preview = _preview(auth, since, reserve_key) if since else None
    _print_origin(auth, preview, _start_reversal(preview) if preview and preview.movements else None, is_blocked=True)


@origin.command("unblock")
@click.argument("auth")
@site_context()
def unblock_origin(auth: str) -> None:
    """Accept calls of the site AUTH again, and send to it. Movements that were taken back stay taken back."""
    from pointsync import clock
    from pointsync.sync.remotes import blocked_origins

    auth = transact(lambda session: blocked_origins.unblock(session, auth, clock.now()).auth)
    print_result(
        {"auth": auth, "blocked": False}, f"{auth} is unblocked. Its waiting movements arrive when it tries again."
    )


@origin.command("reverse")
@click.argument("auth")
@click.option(
    "--from", "since", type=LOCAL_DATE_TIME, metavar="TIME", required=True, help="What was recorded since then."
)
@RESERVE_FILTER_OPTION
@click.option("--dry-run", is_flag=True, help="Only show what would be taken back.")
@site_context()
def reverse_origin(auth: str, since: str, reserve_key: str | None, dry_run: bool) -> None:
    """Take back movements from the blocked site AUTH, with corrections, in the background.

    TIME is in this site's time zone. It is compared with the time at which this site recorded a movement, not with
    the time that the other site reported.
    """
    preview = _preview(auth, since, reserve_key)
    _print_origin(auth, preview, None if dry_run else _start_reversal(preview), is_blocked=None)


def _preview(auth: str, since: str, reserve_key: str | None) -> "ReversalPreview":
    from pointsync import clock, db
    from pointsync.sync.remotes import origin_reversals

    return origin_reversals.preview(db.session(), auth, since, reserve_key, clock.now())


def _start_reversal(preview: "ReversalPreview") -> "Reversal":
    from pointsync import clock
    from pointsync.runtime import get_runtime
    from pointsync.sync.remotes import origin_reversals

    return transact(lambda session: origin_reversals.start(session, get_runtime().config, preview, clock.now()))


def _print_origin(
    auth: str, preview: "ReversalPreview | None", reversal: "Reversal | None", *, is_blocked: bool | None
) -> None:
    from pointsync import clock
    from pointsync.sync.remotes import origin_reversals

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
        document["reversal"] = origin_reversals.to_json(reversal)
        pairs["Reversal"] = "started; it continues while serve or worker runs (see pointsync origin list)"
    print_result(document, format_pairs(pairs))


def _format_progress(reversal: dict[str, Any] | None) -> str | None:
    return f"{reversal['state']}, {reversal['done']:,} of {reversal['total']:,}" if reversal else None
