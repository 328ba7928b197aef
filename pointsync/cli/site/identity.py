"""`pointsync site` and `pointsync confirm`."""

from typing import Any

import click

from pointsync.cli.framework.command import Command
from pointsync.cli.framework.output import facts, give
from pointsync.cli.framework.site_context import change, identity, on_site

UNKNOWN_URL = "not known yet: set POINTSYNC_PUBLIC_URL, or start pointsync serve once"
TITLES = {
    "name": "Name",
    "url": "Your local URL",
    "auth": "Your Secret Auth",
    "pass": "Your Secret Pass",
    "sharing_key": "Sharing key",
    "fingerprint": "Your key's fingerprint",
    "hold": "Nothing is sent",
}


@click.command(cls=Command)
@click.option("--secrets", is_flag=True, help="Show the Pass and the sharing key too.")
@on_site()
def site(secrets: bool) -> None:
    """Show the local site's information: what the other sites need."""
    _show(secrets)


@click.command(cls=Command)
@click.argument("what", metavar="moved|restored|copy", type=click.Choice(["moved", "restored", "copy"]))
@on_site()
def confirm(what: str) -> None:
    """Say what this database is, so that sending goes on.

    The same site at a new place (moved), or brought back from a backup (restored); or a copy of it, which
    gets its own Auth, Pass and key, and no remotes.
    """
    from pointsync import clock
    from pointsync.runtime import runtime
    from pointsync.sync.site import local_site as sites

    here = runtime()
    change(lambda session: sites.confirm(session, here.vault, here.config, what, clock.now()))
    _show(secrets=False)


def _show(secrets: bool) -> None:
    from pointsync import crypto

    who = identity()
    document: dict[str, Any] = {"name": who.name, "url": who.url, "auth": who.auth}
    if secrets:
        document |= {"pass": who.passes[0], "sharing_key": who.sharing_key}
    document |= {"fingerprint": crypto.fingerprint(who.public_key), "hold": who.hold}
    shown = {TITLES[field]: value for field, value in document.items() if field != "hold" or value}
    if who.url is None:
        shown |= {TITLES[field]: UNKNOWN_URL for field in ("url", "sharing_key") if field in document}
    if not secrets:
        shown["Pass and sharing key"] = "with --secrets"
    give(document, facts(shown))
