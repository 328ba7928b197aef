"""`pointsync remote list`, `add` and `ping`: the Remote sites."""

from typing import Any

import click

from pointsync.cli.framework.command import Group
from pointsync.cli.framework.output import print_result, table_printer
from pointsync.cli.framework.param_types import REMOTE_ID, RESERVE_KEY
from pointsync.cli.framework.site_context import site_context, transact
from pointsync.cli.framework.stdin_input import read_option_or_stdin
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
@site_context()
def list_remotes() -> None:
    """List the remotes, with their status."""
    from pointsync import db
    from pointsync.sync.remotes import queue

    rows = queue.list_json(db.session())
    table_rows = [row | {"site": f"{row['name']} ({row['url']})" if row["name"] else row["url"]} for row in rows]
    empty = "There is no remote yet; add one: pointsync remote add --sharing-key … --target default --observed default"
    print_result(rows, table_printer(table_rows, COLUMNS, empty, number_columns=("id", "waiting")))


@remote.command("add")
@click.option("--sharing-key", help="The other site's sharing key; what is given beside it wins.")
@click.option("--sharing-key-stdin", is_flag=True, help="Read the sharing key from stdin, one line.")
@click.option("--target", required=True, type=RESERVE_KEY, help="The points reserve's key over there.")
@click.option("--observed", required=True, type=RESERVE_KEY, help="The points reserve's key here.")
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
    remote_input = sharing.parse(
        sharing_key=read_option_or_stdin("--sharing-key", sharing_key, sharing_key_stdin),
        url=url,
        auth=auth,
        password=read_option_or_stdin("--pass", password, pass_stdin),
        target_reserve=target,
        observed_reserve=observed,
        query_template=query_template,
    )
    with site_context():
        ping_and_print(create_remote(remote_input, with_backfill=history, continue_deleted=go_on))


@remote.command("ping")
@click.argument("remote_id", type=REMOTE_ID, metavar="ID")
@site_context()
def ping_remote(remote_id: int) -> None:
    """Ask a remote whether all is well there."""
    ping_and_print(remote_id)


def create_remote(
    remote_input: sharing.RemoteInput, *, with_backfill: bool = False, continue_deleted: bool = False
) -> int:
    """Write the line; its id."""
    from pointsync import clock
    from pointsync.runtime import get_runtime
    from pointsync.sync.remotes import remotes

    vault = get_runtime().vault
    row = transact(
        lambda session: remotes.add(
            session, vault, remote_input, clock.now(), with_backfill=with_backfill, reopen=continue_deleted
        )
    )
    return row.id


def ping_and_print(remote_id: int) -> None:
    """Ping the remote and answer with what was found."""
    from pointsync.sync.remotes.check import check_remote

    verdict = check_remote(remote_id)
    document: dict[str, Any] = {"id": remote_id, "ping": verdict.to_json}
    print_result(document, f"Remote {remote_id}: {verdict.message}" + ("" if verdict.is_ok else f" ({verdict.code})"))
