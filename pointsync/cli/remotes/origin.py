"""`pointsync origin`: the sites that movements come from; blocked, unblocked, and what came from them taken back."""

from typing import TYPE_CHECKING, Any

import click

from pointsync.cli.framework.command import Group
from pointsync.cli.framework.output import facts, give, note, table
from pointsync.cli.framework.param_types import RESERVE, Line, Moment
from pointsync.cli.framework.site_context import change, on_site
from pointsync.text_limits import MAX_REASON

if TYPE_CHECKING:
    from pointsync.ledger.reversals.preview import Preview
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
HERE_ONLY = "Corrections stay on this site: each other site of the family blocks it and takes back for itself."


@click.group(cls=Group)
def origin() -> None:
    """Sites that movements come from: block one that was sold, or whose key was stolen."""


@origin.command("list")
@on_site()
def list_origins() -> None:
    """List the sites that have called or are blocked, at most 200, with the reversal of what came from them."""
    from pointsync.db import db
    from pointsync.runtime import runtime
    from pointsync.sync.remotes import origin_list

    rows = origin_list.listing(db.session(), runtime().config)
    shown = [row | {"reversal": _progress(row["reversal"])} for row in rows]
    give(rows, table(shown, COLUMNS, "No other site has called yet.", numbers=("movements", "turned_away")))


@origin.command("block")
@click.argument("auth")
@click.option("--reason", default="", type=Line(MAX_REASON), help="Why; it is shown beside the site.")
@click.option("--reverse-from", "since", type=Moment(), metavar="MOMENT", help="Take back what was recorded since.")
@click.option("--reserve", "reserve_key", type=RESERVE, metavar="KEY", help="Take back only in this points reserve.")
@click.option("--dry-run", is_flag=True, help="Change nothing; with --reverse-from show what would be taken back.")
@on_site()
def block_origin(auth: str, reason: str, since: str | None, reserve_key: str | None, dry_run: bool) -> None:
    """Take nothing from the site AUTH any more, and send it nothing. It need not have called before."""
    from pointsync import clock
    from pointsync.db import db
    from pointsync.sync.remotes import blocked_origins as blocking

    if reserve_key and not since:
        raise click.UsageError("--reserve narrows what is taken back, and needs --reverse-from.")
    auth = blocking.check_blockable(db.session(), auth)
    found = _found(auth, since, reserve_key) if since else None
    if dry_run:
        _show(auth, found, None, is_blocked=False)
        return
    change(lambda session: blocking.block(session, auth, reason, "command", clock.now()))
    # Looked at again: until the block was written, more may have come.
    found = _found(auth, since, reserve_key) if since else None
    _show(auth, found, _start(found) if found and found.movements else None, is_blocked=True)


@origin.command("unblock")
@click.argument("auth")
@on_site()
def unblock_origin(auth: str) -> None:
    """Take from the site AUTH again, and send to it. What was taken back stays so."""
    from pointsync import clock
    from pointsync.sync.remotes import blocked_origins as blocking

    change(lambda session: blocking.unblock(session, auth, clock.now()))
    give({"auth": auth, "blocked": False}, f"{auth} is unblocked; what it holds back arrives when it tries again.")


@origin.command("reverse")
@click.argument("auth")
@click.option("--from", "since", type=Moment(), metavar="MOMENT", required=True, help="What was recorded since then.")
@click.option("--reserve", "reserve_key", type=RESERVE, metavar="KEY", help="Only in this points reserve.")
@click.option("--dry-run", is_flag=True, help="Only show what would be taken back.")
@on_site()
def reverse_origin(auth: str, since: str, reserve_key: str | None, dry_run: bool) -> None:
    """Take back what came from the blocked site AUTH, by corrections, in the background.

    MOMENT is by this site's clock: when a movement was recorded here, not when its origin says it was made.
    """
    found = _found(auth, since, reserve_key)
    _show(auth, found, None if dry_run else _start(found), is_blocked=None)


def _found(auth: str, since: str, reserve_key: str | None) -> "Preview":
    from pointsync import clock
    from pointsync.db import db
    from pointsync.sync.remotes import blocked_origins as blocking

    return blocking.foresee(db.session(), auth, since, reserve_key, clock.now())


def _start(found: "Preview") -> "Reversal":
    from pointsync import clock
    from pointsync.runtime import runtime
    from pointsync.sync.remotes import blocked_origins as blocking

    return change(lambda session: blocking.reverse(session, runtime().config, found, clock.now()))


def _show(auth: str, found: "Preview | None", made: "Reversal | None", *, is_blocked: bool | None) -> None:
    from pointsync import clock
    from pointsync.sync.remotes import origin_list

    document: dict[str, Any] = {"auth": auth} if is_blocked is None else {"auth": auth, "blocked": is_blocked}
    lines: dict[str, Any] = {"Site": auth} if is_blocked is None else {"Site": auth, "Blocked": is_blocked}
    if found is not None:
        document["preview"] = {
            "since": clock.to_text(found.scope.since),
            "movements": found.movements,
            "customers": found.customers,
            "below_zero": found.below_zero,
            "left": {
                "reversed": found.left_reversed,
                "corrected": found.left_corrected,
                "inactive_reserve": found.left_inactive,
            },
            "reserves": [
                {"reserve": part.reserve_key, "movements": part.movements, "given": part.given, "taken": part.taken}
                for part in found.parts
            ],
            "first": [
                {"customer": each.customer, "reserve": each.reserve_key, "points": each.points, "after": each.after}
                for each in found.people
            ],
        }
        lines |= {"Since": clock.to_text(found.scope.since), "Movements": found.movements}
        lines |= {"Customers": found.customers, "Balances below zero": found.below_zero}
        for part in found.parts:
            lines[f"  In {part.reserve_key}"] = f"{part.given:,} points given, {part.taken:,} taken"
        for each in found.people:
            lines[f"  {each.customer}"] = f"{each.points:+,} in {each.reserve_key}, then {each.after:,}"
        note(HERE_ONLY)
    if made is not None:
        document["reversal"] = origin_list.reversal_shape(made)
        lines["Reversal"] = "begun; it goes on while serve or worker runs (pointsync origin list)"
    give(document, facts(lines))


def _progress(reversal: dict[str, Any] | None) -> str | None:
    return f"{reversal['state']}, {reversal['done']:,} of {reversal['total']:,}" if reversal else None
