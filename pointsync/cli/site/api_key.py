"""`pointsync key`: API keys, with which a shop's software records movements."""

from typing import Any

import click

from pointsync.cli.framework.command import Group
from pointsync.cli.framework.output import print_note, print_result, table_printer
from pointsync.cli.framework.param_types import LocalDateTime, WholeNumber
from pointsync.cli.framework.site_context import site_context, transact
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
@click.option("--expires", type=LocalDateTime(), help="From then on it is refused; never unless given.")
@click.option(
    "--per-minute", type=WholeNumber(1, MAX_PER_MINUTE), help="Most calls in a minute; any number unless given."
)
@site_context()
def create_key(name: str, scopes: tuple[str, ...], expires: str | None, per_minute: int | None) -> None:
    """Make an API key. It is shown once, now.

    Scopes: record (movements, redeemed rewards), read (balances, movements, reserves, rewards), admin (this site's
    remotes, and its figures at /metrics). Give --scope once for each.
    """
    from pointsync import clock, db
    from pointsync.accounts import api_keys
    from pointsync.errors import InvalidInput
    from pointsync.sync.site import general

    try:
        expires_at = clock.parse_input(expires, general.get_time_zone(db.session())) if expires else None
    except ValueError as error:  # the last day that there is, west of Greenwich
        raise InvalidInput("expires_at", "The end is out of range; choose a day within the next years.") from error
    row, secret = transact(
        lambda session: api_keys.create(
            session, name, clock.now(), scopes=scopes or SCOPES, expires_at=expires_at, per_minute=per_minute
        )
    )
    print_note("Keep this key now: it is stored as its hash only and cannot be shown again.")
    print_result({"name": row.name, "key": secret, "scopes": row.scopes.split()}, secret)


@key.command("list")
@site_context()
def list_keys() -> None:
    """List the live keys; the keys themselves are stored nowhere."""
    from pointsync import clock, db
    from pointsync.accounts import api_keys

    rows: list[dict[str, Any]] = [
        {
            "name": row.name,
            "scopes": row.scopes.split(),
            "created_at": clock.to_text(row.created_at),
            "used_at": clock.to_text(row.use.used_at) if row.use else None,
            "expires_at": clock.to_text(row.expires_at) if row.expires_at else None,
            "per_minute": row.per_minute,
        }
        for row in api_keys.list_all(db.session())
    ]
    table_rows = [row | {"scopes": " ".join(row["scopes"])} for row in rows]
    empty = "There is no API key yet; make one: pointsync key create NAME"
    print_result(rows, table_printer(table_rows, COLUMNS, empty, number_columns=("per_minute",)))


@key.command("revoke")
@click.argument("name", metavar="NAME")
@site_context()
def revoke_key(name: str) -> None:
    """End an API key at once."""
    from pointsync import clock
    from pointsync.accounts import api_keys

    transact(lambda session: api_keys.revoke(session, name, clock.now()))
    print_result({"name": name, "revoked": True}, f"The key {name} is revoked.")
