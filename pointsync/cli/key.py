"""`pointsync key`: API keys, with which a shop's software records movements."""

import click

from pointsync.cli.answer import give, note, table
from pointsync.cli.command import Group
from pointsync.cli.here import change, on_site


@click.group(cls=Group)
def key() -> None:
    """API keys: what a shop's own software records movements with."""


@key.command("create")
@click.argument("name", metavar="NAME")
@on_site()
def create_key(name: str) -> None:
    """Make an API key. It is shown once, now."""
    from pointsync import clock
    from pointsync.sync import keys

    row, secret = change(lambda session: keys.create(session, name, clock.now()))
    note("Keep this key now: it is stored as its hash only and cannot be shown again.")
    give({"name": row.name, "key": secret}, secret)


@key.command("list")
@on_site()
def list_keys() -> None:
    """List the live keys; the keys themselves are stored nowhere."""
    from pointsync import clock
    from pointsync.db import db
    from pointsync.sync import keys

    rows = [{"name": row.name, "created_at": clock.to_text(row.created_at)} for row in keys.every(db.session())]
    empty = "There is no API key yet; make one: pointsync key create NAME"
    give(rows, table(rows, {"name": "Name", "created_at": "Made"}, empty))


@key.command("revoke")
@click.argument("name", metavar="NAME")
@on_site()
def revoke_key(name: str) -> None:
    """End an API key at once."""
    from pointsync import clock
    from pointsync.sync import keys

    change(lambda session: keys.revoke(session, name, clock.now()))
    give({"name": name, "revoked": True}, f"The key {name} is revoked.")
