"""`pointsync admin`: who may sign in to the panel."""

import sys

import click

from pointsync.cli.framework.command import Group
from pointsync.cli.framework.output import give, table
from pointsync.cli.framework.site_context import change, on_site
from pointsync.cli.framework.stdin_input import line


@click.group(cls=Group)
def admin() -> None:
    """Admins: who may sign in to the panel."""


@admin.command("create")
@click.argument("name", metavar="NAME")
@click.option("--password-stdin", is_flag=True, help="Read the password from stdin, one line.")
def create_admin(name: str, password_stdin: bool) -> None:
    """Make an admin; the password is asked for twice unless it comes by stdin."""
    password = _password(password_stdin)
    with on_site():
        from pointsync import clock
        from pointsync.accounts import admins

        made = change(lambda session: admins.create(session, name, password, clock.now()))
        give({"name": made.name}, f"{made.name} may sign in now.")


@admin.command("list")
@on_site()
def list_admins() -> None:
    """List the admins, and who of them is disabled."""
    from pointsync import clock
    from pointsync.accounts import admins
    from pointsync.db import db

    rows = [
        {
            "name": each.name,
            "created_at": clock.to_text(each.created_at),
            "disabled_at": clock.to_text(each.disabled_at) if each.disabled_at else None,
        }
        for each in admins.every(db.session())
    ]
    empty = "There is no admin yet; make one: pointsync admin create NAME"
    give(rows, table(rows, {"name": "Name", "created_at": "Made", "disabled_at": "Disabled"}, empty))


@admin.command("disable")
@click.argument("name", metavar="NAME")
@on_site()
def disable_admin(name: str) -> None:
    """Keep an admin from signing in, and sign them out everywhere."""
    from pointsync import clock
    from pointsync.accounts import admins

    now = clock.now()
    row = change(lambda session: admins.disable(session, admins.by_name(session, name).id, now))
    give({"name": row.name, "disabled": True}, f"{row.name} is disabled, and signed out everywhere.")


@admin.command("enable")
@click.argument("name", metavar="NAME")
@on_site()
def enable_admin(name: str) -> None:
    """Let a disabled admin sign in again."""
    from pointsync.accounts import admins

    row = change(lambda session: admins.enable(session, admins.by_name(session, name).id))
    give({"name": row.name, "disabled": False}, f"{row.name} may sign in again.")


@admin.command("reset-password")
@click.argument("name", metavar="NAME")
@click.option("--password-stdin", is_flag=True, help="Read the new password from stdin, one line.")
def reset_password(name: str, password_stdin: bool) -> None:
    """Give an admin another password, and sign them out everywhere; it is asked for twice unless it comes by stdin."""
    password = _password(password_stdin)
    with on_site():
        from pointsync.accounts import admins

        row = change(lambda session: admins.reset_password(session, admins.by_name(session, name).id, password))
        disabled = row.disabled_at is not None
        more = f" They are still disabled: pointsync admin enable {row.name}" if disabled else ""
        give(
            {"name": row.name, "disabled": disabled},
            f"{row.name} has a new password, and is signed out everywhere.{more}",
        )


def _password(is_on_stdin: bool) -> str:
    if is_on_stdin:
        return line("--password-stdin")
    if not sys.stdin.isatty():
        raise click.UsageError("There is no terminal to ask for the password on; pipe it in with --password-stdin.")
    password: str = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    return password
