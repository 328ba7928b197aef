"""`pointsync site` and `pointsync confirm`: the identity of this site."""

from typing import Any

import click

from pointsync.cli.framework.command import Command, ShowingGroup
from pointsync.cli.framework.output import format_pairs, print_note, print_result
from pointsync.cli.framework.site_context import site_context, site_identity, transact
from pointsync.cli.framework.stdin_input import read_line

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


@click.group(cls=ShowingGroup)
@click.option("--secrets", is_flag=True, help="Also show the Pass and the sharing key.")
@click.pass_context
def site(ctx: click.Context, secrets: bool) -> None:
    """Show this site's name, URL, Auth and fingerprint, which other sites need."""
    if ctx.invoked_subcommand is None:
        with site_context():
            _print_site(secrets)


@site.command("rebirth")
@click.option(
    "--sharing-key-stdin", is_flag=True, required=True, help="Read the site's own sharing key, one line, from stdin."
)
@site_context(may_create=True)
def set_up_again(sharing_key_stdin: bool) -> None:
    """Set up a site again whose data is lost, in a new and empty POINTSYNC_DATA.

    It gets its old Auth and Pass, and a new key, which the admins of the other sites must accept. Then add its remotes
    again: its past movements come back from them.
    """
    from pointsync import clock
    from pointsync.runtime import get_runtime
    from pointsync.sync.fetch_back import rebirth

    state, sharing_key = get_runtime(), read_line("--sharing-key-stdin")
    answer = transact(
        lambda session: rebirth.set_up_again(session, state.vault, state.config, sharing_key, clock.now())
    )
    document = {"auth": answer.auth, "fingerprint": answer.fingerprint, "url": answer.sharing_key_url}
    pairs = {TITLES["auth"]: answer.auth, TITLES["fingerprint"]: answer.fingerprint}
    if answer.is_other_url:
        print_note(f"The other sites call {answer.sharing_key_url}. Let this site answer there.")
    print_note("Read the fingerprint to the admins of the other sites, by telephone, and add your remotes again.")
    print_note("When all are listed: pointsync fetch-back finish")
    print_result(document, format_pairs(pairs))


@click.command(cls=Command)
@click.argument("what", metavar="moved|restored|copy", type=click.Choice(["moved", "restored", "copy"]))
@site_context()
def confirm(what: str) -> None:
    """Confirm what this database is, so that sending continues.

    moved: the same site in a new place; nothing was lost. restored: the same site, put back to an earlier state, such
    as a backup. Both go on as the same site, in a new run: no other installation of it may run. copy: a copy of the
    site, such as a test copy. It gets its own Auth, Pass and key, and no remotes.
    """
    from pointsync import clock
    from pointsync.runtime import get_runtime
    from pointsync.sync.remotes import parallel_checks
    from pointsync.sync.site import installation

    state = get_runtime()
    if what != "copy" and site_identity().sending_stopped_reason:
        parallel_checks.ask_before_confirmation()
    transact(lambda session: installation.confirm(session, state.vault, state.config, what, clock.now()))
    _print_site(with_secrets=False)


def _print_site(with_secrets: bool) -> None:
    from pointsync import crypto, db
    from pointsync.sync.fetch_back import progress

    identity = site_identity()
    document: dict[str, Any] = {"name": identity.name, "url": identity.url, "auth": identity.auth}
    if with_secrets:
        document |= {"pass": identity.passes[0], "sharing_key": identity.sharing_key}
    fetch_back = progress.read(db.session())
    document |= {
        "fingerprint": crypto.format_fingerprint(identity.public_key),
        "hold": identity.sending_stopped_reason,
        "fetch_back": fetch_back if fetch_back.is_shown else None,
    }
    pairs = {
        TITLES[field]: value for field, value in document.items() if field in TITLES and (field != "hold" or value)
    }
    if fetch_back.is_shown:
        pairs["Fetching back"] = f"{progress.describe(fetch_back)} See: pointsync fetch-back"
    if identity.url is None:
        pairs |= {TITLES[field]: UNKNOWN_URL for field in ("url", "sharing_key") if field in document}
    if not with_secrets:
        pairs["Pass and sharing key"] = "hidden; see --secrets"
    print_result(document, format_pairs(pairs))
