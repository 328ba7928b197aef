"""`pointsync pass`: change this site's Pass, and end the old one."""

from typing import TYPE_CHECKING, Any

import click

from pointsync.cli.framework.command import Group
from pointsync.cli.framework.output import format_pairs, print_note, print_result
from pointsync.cli.framework.site_context import site_context, site_identity, transact
from pointsync.cli.site.identity import UNKNOWN_URL

if TYPE_CHECKING:
    from pointsync.sync.site.passes import OldPass


@click.group("pass", cls=Group)
def site_pass() -> None:
    """This site's Pass, which other sites use to call it."""


@site_pass.command("show")
@site_context()
def show_pass() -> None:
    """Show until when the old Pass works, and which sites still use it."""
    _print_pass(with_secrets=False)


@site_pass.command("rotate")
@click.option("--at-once", is_flag=True, help="End the old Pass now. Default: it works for 24 more hours.")
@click.option("--secrets", is_flag=True, help="Show the new Pass and sharing key.")
@site_context()
def rotate_pass(at_once: bool, secrets: bool) -> None:
    """Give this site a new Pass. The other sites then need the new sharing key."""
    from pointsync import clock
    from pointsync.runtime import get_runtime
    from pointsync.sync.site import passes

    vault = get_runtime().vault
    transact(lambda session: passes.rotate(session, vault, clock.now(), revoke_old_now=at_once))
    if not secrets:
        print_note("Give the other sites' admins the new sharing key: pointsync site --secrets")
    _print_pass(secrets)


@site_pass.command("end-old")
@site_context()
def end_old_pass() -> None:
    """End the old Pass now. Calls with it are refused."""
    from pointsync import clock
    from pointsync.sync.site import passes

    transact(lambda session: passes.revoke_old(session, clock.now()))
    _print_pass(with_secrets=False)


def _print_pass(with_secrets: bool) -> None:
    from pointsync import clock, db
    from pointsync.runtime import get_runtime
    from pointsync.sync.site import passes

    old = passes.get_old(db.session(), get_runtime().config, clock.now())
    document: dict[str, Any] = {"old_pass": _to_json(old)}
    pairs = _to_pairs(old)
    if with_secrets:
        identity = site_identity()
        document |= {"pass": identity.passes[0], "sharing_key": identity.sharing_key}
        pairs |= {"New Pass": identity.passes[0], "New sharing key": identity.sharing_key or UNKNOWN_URL}
    print_result(document, format_pairs(pairs))


def _to_json(old: "OldPass | None") -> dict[str, Any] | None:
    from pointsync import clock

    if old is None:
        return None
    callers = [
        {"auth": each.auth, "name": each.name, "last_at": clock.to_text(each.last_called_at)} for each in old.callers
    ]
    return {"works": old.is_valid, "ends_at": clock.to_text(old.ends_at), "sites": callers}


def _to_pairs(old: "OldPass | None") -> dict[str, Any]:
    from pointsync import clock

    if old is None:
        return {"Old Pass": "none"}
    ends_at = clock.to_text(old.ends_at)
    pairs: dict[str, Any] = {"Old Pass": f"works until {ends_at}" if old.is_valid else f"ended at {ends_at}"}
    pairs["Sites that still use it"] = "" if old.callers else "none has called lately"
    for each in old.callers:
        name = each.name if each.name == each.auth else f"{each.name} ({each.auth})"
        pairs[f"  {name}"] = f"last call {clock.to_text(each.last_called_at)}"
    return pairs
