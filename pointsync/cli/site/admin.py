"""`pointsync admin`: who may sign in to the panel."""

import sys

import click

from pointsync.cli.framework.command import Group
from pointsync.cli.framework.output import print_result, table_printer
from pointsync.cli.framework.site_context import site_context, transact
from pointsync.cli.framework.stdin_input import read_line


@click.group(cls=Group)
def admin() -> None:
    """Admins: who may sign in to the panel."""


@admin.command("create")
@click.argument("name", metavar="NAME")
@click.option("--password-stdin", is_flag=True, help="Read the password from stdin, one line.")
def create_admin(name: str, password_stdin: bool) -> None:
    """Create an admin. It asks for the password twice, or reads it from stdin."""
    password = _read_password(password_stdin)
    with site_context():
        from pointsync import clock
        from pointsync.accounts import admins

        row = transact(lambda session: admins.create(session, name, password, clock.now()))
        print_result({"name": row.name}, f"The admin {row.name} was created, and can sign in now.")


@admin.command("list")
@site_context()
def list_admins() -> None:
    """List the admins."""
    from pointsync import clock, db
    from pointsync.accounts import admins

    rows = [
        {
            "name": each.name,
            "created_at": clock.to_text(each.created_at),
            "disabled_at": clock.to_text(each.disabled_at) if each.disabled_at else None,
        }
        for each in admins.list_all(db.session())
    ]
    empty_message = "There are no admins yet. Create one: pointsync admin create NAME"
    print_result(
        rows, table_printer(rows, {"name": "Name", "created_at": "Created", "disabled_at": "Disabled"}, empty_message)
    )


@admin.command("disable")
@click.argument("name", metavar="NAME")
@site_context()
def disable_admin(name: str) -> None:
    """Keep an admin from signing in, and sign them out everywhere."""
    from pointsync import clock
    from pointsync.accounts import admins

    now = clock.now()
    row = transact(lambda session: admins.disable(session, admins.get_by_name(session, name).id, now))
    print_result({"name": row.name, "disabled": True}, f"{row.name} is disabled and signed out everywhere.")


@admin.command("enable")
@click.argument("name", metavar="NAME")
@site_context()
def enable_admin(name: str) -> None:
    """Let a disabled admin sign in again."""
    from pointsync.accounts import admins

    row = transact(lambda session: admins.enable(session, admins.get_by_name(session, name).id))
    print_result({"name": row.name, "disabled": False}, f"{row.name} can sign in again.")


@admin.command("reset-password")
@click.argument("name", metavar="NAME")
@click.option("--password-stdin", is_flag=True, help="Read the new password from stdin, one line.")
def reset_password(name: str, password_stdin: bool) -> None:
    """Give an admin a new password, and sign them out everywhere.

    It asks for the password twice, or reads it from stdin.
    """
    password = _read_password(password_stdin)
    with site_context():
        from pointsync.accounts import admins

        row = transact(lambda session: admins.reset_password(session, admins.get_by_name(session, name).id, password))
        is_disabled = row.disabled_at is not None
        hint = f" They are still disabled. To enable them: pointsync admin enable {row.name}" if is_disabled else ""
        print_result(
            {"name": row.name, "disabled": is_disabled},
            f"{row.name} has a new password and is signed out everywhere.{hint}",
        )


def _read_password(from_stdin: bool) -> str:
    if from_stdin:
        return read_line("--password-stdin")
    if not sys.stdin.isatty():
        raise click.UsageError("There is no terminal to ask for the password. Pipe it in with --password-stdin.")
    password: str = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    return password
