"""`pointsync remote change`: edit a remote."""

import click

from pointsync.cli.framework.command import Command
from pointsync.cli.framework.output import print_note
from pointsync.cli.framework.param_types import REMOTE_ID, RESERVE_KEY
from pointsync.cli.framework.site_context import site_context, transact
from pointsync.cli.framework.stdin_input import read_option_or_stdin
from pointsync.cli.remotes.remote import ping_and_print


@click.command("change", cls=Command)
@click.argument("remote_id", type=REMOTE_ID, metavar="ID")
@click.option("--url", help="Its URL. Default scheme: https.")
@click.option("--auth", help="Its Auth. Another Auth closes this remote and opens a new one.")
@click.option("--pass", "password", help="Its Pass, wrs_…")
@click.option("--pass-stdin", is_flag=True, help="Read the Pass from stdin, one line.")
@click.option("--target", type=RESERVE_KEY, help="The key of the points reserve on the other site.")
@click.option(
    "--observed",
    type=RESERVE_KEY,
    help="The key of the points reserve on this site. Another key closes this remote and opens a new one.",
)
@click.option("--query-template", help="The path of a WooRewards sync call.")
def change_remote(
    remote_id: int,
    url: str | None,
    auth: str | None,
    password: str | None,
    pass_stdin: bool,
    target: str | None,
    observed: str | None,
    query_template: str | None,
) -> None:
    """Change a remote and ping it. Waiting movements are sent to the changed remote."""
    password = read_option_or_stdin("--pass", password, pass_stdin)
    if all(each is None for each in (url, auth, password, target, observed, query_template)):
        raise click.UsageError("Give at least one change, such as --url https://shop.example. See --help.")
    with site_context():
        new_id = _save(remote_id, url, auth, password, target, observed, query_template)
        if new_id != remote_id:
            print_note(
                f"Remote {new_id} replaces remote {remote_id}, which closes when its waiting movements are sent."
            )
        ping_and_print(new_id)


def _save(
    remote_id: int,
    url: str | None,
    auth: str | None,
    password: str | None,
    target: str | None,
    observed: str | None,
    template: str | None,
) -> int:
    from sqlalchemy.orm import Session

    from pointsync import clock
    from pointsync.runtime import get_runtime
    from pointsync.sync.remotes import remotes, sharing_key

    vault = get_runtime().vault

    def edit(session: Session) -> int:
        row = remotes.get(session, remote_id)
        remote_input = sharing_key.parse(
            sharing_key=None,
            url=row.url if url is None else url,
            auth=row.auth if auth is None else auth,
            password=vault.decrypt(row.sealed_pass) if password is None else password,
            target_reserve=target or row.target,
            observed_reserve=observed or row.reserve.key,
            query_template=row.query_template if template is None else template,
        )
        return remotes.change(session, vault, row, remote_input, row.version, clock.now()).id

    return transact(edit)
