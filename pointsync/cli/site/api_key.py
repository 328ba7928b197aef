"""`pointsync key`: API keys, with which a shop's software records movements."""

from typing import Any

import click

from pointsync.cli.framework.command import Group
from pointsync.cli.framework.output import give, note, table
from pointsync.cli.framework.param_types import Moment, Whole
from pointsync.cli.framework.site_context import change, on_site
from pointsync.scopes import MAX_PER_MINUTE, SCOPES

COLUMNS = {
    "name": "Name",
    "scopes": "Scopes",
    "created_at": "Made",
    "used_at": "Last used",
    "expires_at": "Expires",
    "per_minute": "Calls a minute",
}


@click.group(cls=Group)
def key() -> None:
    """API keys: what a shop's own software records movements with."""


@key.command("create")
@click.argument("name", metavar="NAME")
@click.option(
    "--scope", "scopes", type=click.Choice(list(SCOPES)), multiple=True, help="What it may do; all unless given."
)
@click.option("--expires", type=Moment(), help="From then on it is refused; never unless given.")
@click.option("--per-minute", type=Whole(1, MAX_PER_MINUTE), help="Most calls in a minute; any number unless given.")
@on_site()
def create_key(name: str, scopes: tuple[str, ...], expires: str | None, per_minute: int | None) -> None:
    """Make an API key. It is shown once, now.

    Scopes: record (movements, redeemed rewards), read (balances, movements, reserves, rewards), admin (this site's
    remotes, and its figures at /metrics). Give --scope once for each.
    """
    from pointsync import clock
    from pointsync.accounts import api_keys as keys
    from pointsync.db import db
    from pointsync.errors import Invalid
    from pointsync.sync.site import general

    try:
        ends = clock.from_typed(expires, general.time_zone(db.session())) if expires else None
    except ValueError as error:  # the last day that there is, west of Greenwich
        raise Invalid("expires_at", "The end is out of range; choose a day within the next years.") from error
    row, secret = change(
        lambda session: keys.create(
            session, name, clock.now(), scopes=scopes or SCOPES, expires_at=ends, per_minute=per_minute
        )
    )
    note("Keep this key now: it is stored as its hash only and cannot be shown again.")
    give({"name": row.name, "key": secret, "scopes": row.scopes.split()}, secret)


@key.command("list")
@on_site()
def list_keys() -> None:
    """List the live keys; the keys themselves are stored nowhere."""
    from pointsync import clock
    from pointsync.accounts import api_keys as keys
    from pointsync.db import db

    rows: list[dict[str, Any]] = [
        {
            "name": row.name,
            "scopes": row.scopes.split(),
            "created_at": clock.to_text(row.created_at),
            "used_at": clock.to_text(row.use.used_at) if row.use else None,
            "expires_at": clock.to_text(row.expires_at) if row.expires_at else None,
            "per_minute": row.per_minute,
        }
        for row in keys.every(db.session())
    ]
    shown = [row | {"scopes": " ".join(row["scopes"])} for row in rows]
    empty = "There is no API key yet; make one: pointsync key create NAME"
    give(rows, table(shown, COLUMNS, empty, numbers=("per_minute",)))


@key.command("revoke")
@click.argument("name", metavar="NAME")
@on_site()
def revoke_key(name: str) -> None:
    """End an API key at once."""
    from pointsync import clock
    from pointsync.accounts import api_keys as keys

    change(lambda session: keys.revoke(session, name, clock.now()))
    give({"name": name, "revoked": True}, f"The key {name} is revoked.")
