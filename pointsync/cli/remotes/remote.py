"""`pointsync remote list`, `add` and `ping`: the Remote sites."""

from typing import Any

import click

from pointsync.cli.framework.command import Group
from pointsync.cli.framework.output import give, table
from pointsync.cli.framework.param_types import REMOTE, RESERVE
from pointsync.cli.framework.site_context import change, on_site
from pointsync.cli.framework.stdin_input import either
from pointsync.sync.remotes import sharing_key as sharing

COLUMNS = {
    "id": "Id",
    "site": "Site",
    "observed": "Observed",
    "target": "Target",
    "status": "Status",
    "waiting": "Waiting",
    "status_text": "",
}


@click.group(cls=Group)
def remote() -> None:
    """Remote sites: the lines of this site's list."""


@remote.command("list")
@on_site()
def list_remotes() -> None:
    """List the remotes, with their status."""
    from pointsync.db import db
    from pointsync.sync.remotes import queue

    rows = queue.listing(db.session())
    shown = [row | {"site": f"{row['name']} ({row['url']})" if row["name"] else row["url"]} for row in rows]
    empty = "There is no remote yet; add one: pointsync remote add --sharing-key … --target default --observed default"
    give(rows, table(shown, COLUMNS, empty, numbers=("id", "waiting")))


@remote.command("add")
@click.option("--sharing-key", help="The other site's sharing key; what is given beside it wins.")
@click.option("--sharing-key-stdin", is_flag=True, help="Read the sharing key from stdin, one line.")
@click.option("--target", required=True, type=RESERVE, help="The points reserve's key over there.")
@click.option("--observed", required=True, type=RESERVE, help="The points reserve's key here.")
@click.option("--url", help="Its URL; https:// unless http:// is typed.")
@click.option("--auth", help="Its Auth, wrk_…")
@click.option("--pass", "password", help="Its Pass, wrs_…")
@click.option("--pass-stdin", is_flag=True, help="Read the Pass from stdin, one line.")
@click.option("--query-template", help="The path of a WooRewards sync call, if it is not the usual one.")
@click.option("--history", is_flag=True, help="Send it all that this site ever made, not only what comes.")
@click.option("--go-on", is_flag=True, help="Take a removed line for the same site and reserves up again.")
def add_remote(
    sharing_key: str | None,
    sharing_key_stdin: bool,
    target: str,
    observed: str,
    url: str | None,
    auth: str | None,
    password: str | None,
    pass_stdin: bool,
    query_template: str | None,
    history: bool,
    go_on: bool,
) -> None:
    """Add a remote and ping it; the line is kept whatever the ping finds."""
    if sharing_key_stdin and pass_stdin:
        raise click.UsageError("Give only one of --sharing-key-stdin and --pass-stdin: stdin has one line.")
    typed = sharing.read(
        sharing_key=either("--sharing-key", sharing_key, sharing_key_stdin),
        url=url,
        auth=auth,
        password=either("--pass", password, pass_stdin),
        target=target,
        observed=observed,
        template=query_template,
    )
    with on_site():
        checked(list_site(typed, with_history=history, go_on=go_on))


@remote.command("ping")
@click.argument("remote_id", type=REMOTE, metavar="ID")
@on_site()
def ping_remote(remote_id: int) -> None:
    """Ask a remote whether all is well there."""
    checked(remote_id)


def list_site(typed: sharing.Typed, *, with_history: bool = False, go_on: bool = False) -> int:
    """Write the line; its id."""
    from pointsync import clock
    from pointsync.runtime import runtime
    from pointsync.sync.remotes import remotes

    vault = runtime().vault
    made = change(
        lambda session: remotes.add(session, vault, typed, clock.now(), with_history=with_history, go_on=go_on)
    )
    return made.id


def checked(remote_id: int) -> None:
    """Ping the remote and answer with what was found."""
    from pointsync.sync.remotes.check import check

    verdict = check(remote_id)
    document: dict[str, Any] = {"id": remote_id, "ping": verdict.shape}
    give(document, f"Remote {remote_id}: {verdict.message}" + ("" if verdict.ok else f" ({verdict.code})"))
