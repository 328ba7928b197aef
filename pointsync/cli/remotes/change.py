"""`pointsync remote change`: what an admin edits of a line."""

import click

from pointsync.cli.framework.command import Command
from pointsync.cli.framework.output import note
from pointsync.cli.framework.param_types import REMOTE, RESERVE
from pointsync.cli.framework.site_context import change as in_change
from pointsync.cli.framework.site_context import on_site
from pointsync.cli.framework.stdin_input import either
from pointsync.cli.remotes.remote import checked


@click.command("change", cls=Command)
@click.argument("remote_id", type=REMOTE, metavar="ID")
@click.option("--url", help="Its URL; https:// unless http:// is typed.")
@click.option("--auth", help="Its Auth; another one is another line, and this one is closed.")
@click.option("--pass", "password", help="Its Pass, wrs_…")
@click.option("--pass-stdin", is_flag=True, help="Read the Pass from stdin, one line.")
@click.option("--target", type=RESERVE, help="The points reserve's key over there.")
@click.option("--observed", type=RESERVE, help="The key here; another one is another line, and this one is closed.")
@click.option("--query-template", help="The path of a WooRewards sync call.")
def change(
    remote_id: int,
    url: str | None,
    auth: str | None,
    password: str | None,
    pass_stdin: bool,
    target: str | None,
    observed: str | None,
    query_template: str | None,
) -> None:
    """Change a remote and ping it. What is not given stays; what waits follows."""
    password = either("--pass", password, pass_stdin)
    if all(each is None for each in (url, auth, password, target, observed, query_template)):
        raise click.UsageError("Say what changes, such as --url https://shop.example; see --help.")
    with on_site():
        changed = _changed(remote_id, url, auth, password, target, observed, query_template)
        if changed != remote_id:
            note(f"Remote {changed} takes the place of remote {remote_id}, which closes once what waits is sent.")
        checked(changed)


def _changed(
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
    from pointsync.runtime import runtime
    from pointsync.sync.remotes import remotes, sharing_key

    vault = runtime().vault

    def work(session: Session) -> int:
        line = remotes.get(session, remote_id)
        typed = sharing_key.read(
            sharing_key=None,
            url=line.url if url is None else url,
            auth=line.auth if auth is None else auth,
            password=vault.open(line.sealed_pass) if password is None else password,
            target=target or line.target,
            observed=observed or line.reserve.key,
            template=line.query_template if template is None else template,
        )
        return remotes.change(session, vault, line, typed, line.version, clock.now()).id

    return in_change(work)
