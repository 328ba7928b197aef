"""`pointsync admin`: who may sign in to the panel."""

import sys

import click

from pointsync.cli.answer import give
from pointsync.cli.command import Group
from pointsync.cli.here import change, on_site
from pointsync.cli.typed import line


@click.group(cls=Group)
def admin() -> None:
    """Admins: who may sign in to the panel."""


@admin.command("create")
@click.argument("name", metavar="NAME")
@click.option("--password-stdin", is_flag=True, help="Read the password from stdin, one line.")
def create_admin(name: str, password_stdin: bool) -> None:
    """Make an admin; the password is asked for twice unless it comes by stdin."""
    if not password_stdin and not sys.stdin.isatty():
        raise click.UsageError("There is no terminal to ask for the password on; pipe it in with --password-stdin.")
    password = line("--password-stdin") if password_stdin else _asked()
    with on_site():
        from pointsync import clock
        from pointsync.sync import admins

        made = change(lambda session: admins.create(session, name, password, clock.now()))
        give({"name": made.name}, f"{made.name} may sign in now.")


def _asked() -> str:
    password: str = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    return password
