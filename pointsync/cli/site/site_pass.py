"""`pointsync pass`: this site's Pass, changed, and the old one's end."""

from typing import TYPE_CHECKING, Any

import click

from pointsync.cli.framework.command import Group
from pointsync.cli.framework.output import facts, give, note
from pointsync.cli.framework.site_context import change, identity, on_site
from pointsync.cli.site.identity import UNKNOWN_URL

if TYPE_CHECKING:
    from pointsync.sync.site.passes import OldPass


@click.group("pass", cls=Group)
def site_pass() -> None:
    """This site's Pass: what other sites call it with."""


@site_pass.command("show")
@on_site()
def show_pass() -> None:
    """Show until when the old Pass works, and which sites still call with it."""
    _answer(secrets=False)


@site_pass.command("rotate")
@click.option("--at-once", is_flag=True, help="The old Pass ends now; else it works for 24 hours more.")
@click.option("--secrets", is_flag=True, help="Show the new Pass and sharing key.")
@on_site()
def rotate_pass(at_once: bool, secrets: bool) -> None:
    """Give this site a new Pass; the other sites need its new sharing key."""
    from pointsync import clock
    from pointsync.runtime import runtime
    from pointsync.sync.site import passes

    vault = runtime().vault
    change(lambda session: passes.rotate(session, vault, clock.now(), at_once=at_once))
    if not secrets:
        note("Give the other sites' admins the new sharing key: pointsync site --secrets")
    _answer(secrets)


@site_pass.command("end-old")
@on_site()
def end_old_pass() -> None:
    """End the old Pass now: calls with it are refused."""
    from pointsync import clock
    from pointsync.sync.site import passes

    change(lambda session: passes.end_old(session, clock.now()))
    _answer(secrets=False)


def _answer(secrets: bool) -> None:
    from pointsync import clock
    from pointsync.db import db
    from pointsync.runtime import runtime
    from pointsync.sync.site import passes

    old = passes.old(db.session(), runtime().config, clock.now())
    document: dict[str, Any] = {"old_pass": _shape(old)}
    shown = _words(old)
    if secrets:
        who = identity()
        document |= {"pass": who.passes[0], "sharing_key": who.sharing_key}
        shown |= {"New Pass": who.passes[0], "New sharing key": who.sharing_key or UNKNOWN_URL}
    give(document, facts(shown))


def _shape(old: "OldPass | None") -> dict[str, Any] | None:
    from pointsync import clock

    if old is None:
        return None
    callers = [{"auth": each.auth, "name": each.name, "last_at": clock.to_text(each.last_at)} for each in old.callers]
    return {"works": old.works, "ends_at": clock.to_text(old.ends_at), "sites": callers}


def _words(old: "OldPass | None") -> dict[str, Any]:
    from pointsync import clock

    if old is None:
        return {"Old Pass": "none"}
    ends_at = clock.to_text(old.ends_at)
    shown: dict[str, Any] = {"Old Pass": f"works until {ends_at}" if old.works else f"ended at {ends_at}"}
    shown["Sites that still have it"] = "" if old.callers else "none that has called lately"
    for each in old.callers:
        name = each.name if each.name == each.auth else f"{each.name} ({each.auth})"
        shown[f"  {name}"] = f"last call with it {clock.to_text(each.last_at)}"
    return shown
