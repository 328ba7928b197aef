"""`pointsync site` and `pointsync confirm`: the identity of this site."""

from typing import Any

import click

from pointsync.cli.framework.command import Command
from pointsync.cli.framework.output import format_pairs, print_result
from pointsync.cli.framework.site_context import site_context, site_identity, transact

UNKNOWN_URL = "not known yet; set POINTSYNC_PUBLIC_URL, or start pointsync serve once"
TITLES = {
    "name": "Name",
    "url": "Your local URL",
    "auth": "Your Secret Auth",
    "pass": "Your Secret Pass",
    "sharing_key": "Sharing key",
    "fingerprint": "Your key's fingerprint",
    "hold": "Sending stopped",
}


@click.command(cls=Command)
@click.option("--secrets", is_flag=True, help="Also show the Pass and the sharing key.")
@site_context()
def site(secrets: bool) -> None:
    """Show this site's name, URL, Auth and fingerprint, which other sites need."""
    _print_site(secrets)


@click.command(cls=Command)
@click.argument("what", metavar="moved|restored|copy", type=click.Choice(["moved", "restored", "copy"]))
@site_context()
def confirm(what: str) -> None:
    """Confirm what this database is, so that sending continues.

    moved: the same site in a new place. restored: the same site, restored from a backup. copy: a copy of the
    site, such as a test copy. It gets its own Auth, Pass and key, and no remotes.
    """
    from pointsync import clock
    from pointsync.runtime import get_runtime
    from pointsync.sync.site import local_site

    state = get_runtime()
    transact(lambda session: local_site.confirm_installation(session, state.vault, state.config, what, clock.now()))
    _print_site(with_secrets=False)


def _print_site(with_secrets: bool) -> None:
    from pointsync import crypto

    identity = site_identity()
    document: dict[str, Any] = {"name": identity.name, "url": identity.url, "auth": identity.auth}
    if with_secrets:
        document |= {"pass": identity.passes[0], "sharing_key": identity.sharing_key}
    document |= {
        "fingerprint": crypto.format_fingerprint(identity.public_key),
        "hold": identity.sending_stopped_reason,
    }
    pairs = {TITLES[field]: value for field, value in document.items() if field != "hold" or value}
    if identity.url is None:
        pairs |= {TITLES[field]: UNKNOWN_URL for field in ("url", "sharing_key") if field in document}
    if not with_secrets:
        pairs["Pass and sharing key"] = "hidden; see --secrets"
    print_result(document, format_pairs(pairs))
