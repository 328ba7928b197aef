"""`pointsync remote list`, `add` and `ping`."""

from typing import TYPE_CHECKING, Any

import click
import msgspec

from pointsync.cli.framework.command import Group
from pointsync.cli.framework.output import print_result, table_printer
from pointsync.cli.framework.param_types import REMOTE_ID, RESERVE_KEY
from pointsync.cli.framework.site_context import site_context, transact
from pointsync.cli.framework.stdin_input import read_option_or_stdin

if TYPE_CHECKING:
    from pointsync.sync.remotes.sharing_key import RemoteInput

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
    """Remotes: the sites that this site sends movements to."""


@remote.command("list")
@site_context()
def list_remotes() -> None:
    """List the remotes with their status."""
    from pointsync import db
    from pointsync.sync.remotes import remote_json

    rows = remote_json.list_all(db.session())
    table_rows = [
        msgspec.to_builtins(row)
        | {"site": f"{row.name} ({row.url})" if row.name else row.url}
        # The sentence beside it counts the others.
        | {"waiting": row.waiting - row.refused - row.unknown_customers}
        for row in rows
    ]
    empty_message = (
        "There are no remotes yet. Add one: pointsync remote add --sharing-key … --target default --observed default"
    )
    print_result(rows, table_printer(table_rows, COLUMNS, empty_message, number_columns=("id", "waiting")))


@remote.command("add")
@click.option("--sharing-key", help="The other site's sharing key. --url, --auth and --pass replace the values in it.")
@click.option("--sharing-key-stdin", is_flag=True, help="Read the sharing key from stdin, one line.")
@click.option("--target", required=True, type=RESERVE_KEY, help="The key of the points reserve on the other site.")
@click.option("--observed", required=True, type=RESERVE_KEY, help="The key of the points reserve on this site.")
@click.option("--url", help="Its URL. Default scheme: https.")
@click.option("--auth", help="Its Auth, wrk_…")
@click.option("--pass", "password", help="Its Pass, wrs_…")
@click.option("--pass-stdin", is_flag=True, help="Read the Pass from stdin, one line.")
@click.option("--query-template", help="The path of a WooRewards sync call, if it differs from the default.")
@click.option("--history", is_flag=True, help="Send it all movements that this site ever recorded, not only new ones.")
@click.option("--go-on", is_flag=True, help="Continue with a deleted remote for the same site and reserves.")
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
    """Add a remote and ping it. The remote is kept whatever the result of the ping."""
    from pointsync.sync.remotes.sharing_key import parse

    if sharing_key_stdin and pass_stdin:
        raise click.UsageError("Give only one of --sharing-key-stdin and --pass-stdin: stdin has one line.")
    remote_input = parse(
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
    """Check whether a remote can be reached and accepts this site's calls."""
    ping_and_print(remote_id)


def create_remote(remote_input: "RemoteInput", *, with_backfill: bool = False, continue_deleted: bool = False) -> int:
    """Create the remote; its id."""
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
    """Ping the remote and print the result."""
    from pointsync.sync.remotes.check import check_remote

    verdict = check_remote(remote_id)
    document: dict[str, Any] = {"id": remote_id, "ping": verdict.to_json()}
    print_result(document, f"Remote {remote_id}: {verdict.message}" + ("" if verdict.is_ok else f" ({verdict.code})"))
