"""The site that a command works on: its application, its database made where there is none, its writes."""

import os
import pwd
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar, cast

import click
from flask import Flask, current_app, has_app_context

from pointsync.cli.framework.errors import CommandError

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from pointsync.sync.site.local_site import Identity

HOLD_MESSAGE = "Nothing is sent: {} Say what this database is: pointsync confirm moved, restored or copy."

Result = TypeVar("Result")


def get_app(*, with_views: bool = False) -> Flask:
    """Flask's own where its command line runs, else a new one, which `with_views` or only serves a command.

    Raises ConfigError.
    """
    from pointsync import create_app, logs

    if has_app_context():
        return cast(Flask, current_app._get_current_object())  # type: ignore[attr-defined]
    app = create_app(with_blueprints=with_views)
    logs.configure_for_command()
    return app


@contextmanager
def site_context() -> Iterator[None]:
    """Work with this site's database, which is made where it is absent or empty. Starts no scheduler.

    Raises CommandError where the database is of another version.
    """
    from pointsync import db, startup

    with get_app().app_context():
        if problem := db.version_problem():
            raise CommandError(problem)
        startup.create_database_if_missing()
        db.set_actor(db.Actor(system_user(), "command", ""))
        yield


def system_user() -> str:
    """The system account that runs this process; its number where it has no name, as in containers."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def transact(operation: "Callable[[Session], Result]") -> Result:
    """What `operation` returns, in a transaction of its own. A copied or restored database is recognised before
    anything is written to it, since new movements would cover the traces."""
    from pointsync import db
    from pointsync.db import run_in_transaction
    from pointsync.models import Site
    from pointsync.runtime import get_runtime
    from pointsync.sync.site import local_site

    config = get_runtime().config

    def run(session: "Session") -> tuple[Result, str | None]:
        local_site.verify_installation(session, config)
        return operation(session), session.get_one(Site, 1).hold

    result, hold = run_in_transaction(run)
    print_hold_warning(hold)
    local_site.save_marker(db.session(), config)
    get_runtime().wake_couriers()
    return result


def site_identity() -> "Identity":
    """Who this site is, its secrets opened."""
    from pointsync import clock, db
    from pointsync.runtime import get_runtime
    from pointsync.sync.site import local_site

    state = get_runtime()
    return local_site.load_identity(db.session(), state.vault, state.config, clock.now())


def print_hold_warning(reason: str | None) -> None:
    """Say on stderr why nothing is sent, where that is so."""
    if reason:
        click.echo(HOLD_MESSAGE.format(reason), err=True)
