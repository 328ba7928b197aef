"""The site that a command works on: its application, its database and its transactions."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar, cast

from flask import Flask, current_app, has_app_context

from pointsync.cli.framework.errors import CommandError
from pointsync.cli.framework.standard_streams import write_note

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from pointsync.sync.site.local_site import Identity

HOLD_MESSAGE = "Nothing is sent: {} Confirm what this database is: pointsync confirm moved, restored or copy."
COMMAND_SOURCE = "command"
"""The source of movements and changes by commands. A `ref` is unique for each source."""

Result = TypeVar("Result")


def get_app(*, with_views: bool = False) -> Flask:
    """Flask's application under `flask …`, else a new one, with views or only for commands. Raises ConfigError."""
    from pointsync import create_app, logs

    if has_app_context():
        return cast(Flask, current_app._get_current_object())  # type: ignore[attr-defined]
    app = create_app(with_blueprints=with_views)
    logs.configure_for_command()
    return app


@contextmanager
def site_context(*, may_create: bool = False) -> Iterator[None]:
    """Work with this site's database, which is created if it is missing and `may_create`. No scheduler starts.

    Raises CommandError if the database has another version, and ConfigError if it is missing or has no site.
    """
    from pointsync import db, startup

    with get_app().app_context():
        if problem := db.version_problem():
            raise CommandError(problem)
        if may_create:
            startup.prepare_database()
        else:
            startup.require_database()
        set_command_actor()
        yield


def set_command_actor() -> None:
    """Let the audit log name the system account that runs this command."""
    from pointsync import db, files

    db.set_actor(db.Actor(files.account_name(os.getuid()), COMMAND_SOURCE, ""))


def transact(operation: "Callable[[Session], Result]") -> Result:
    """Run `operation` in one transaction and wake the couriers; its result.

    Before the operation writes, it checks whether the database was copied or restored: new movements would hide
    the evidence.
    """
    from pointsync import db
    from pointsync.db import run_in_transaction
    from pointsync.models import Site
    from pointsync.runtime import get_runtime
    from pointsync.sync.site import installation

    config = get_runtime().config

    def run(session: "Session") -> tuple[Result, str | None]:
        installation.verify(session, config)
        return operation(session), session.get_one(Site, 1).hold

    result, hold = run_in_transaction(run)
    print_hold_warning(hold)
    installation.save_marker(db.session(), config)
    get_runtime().wake_couriers()
    return result


def site_identity() -> "Identity":
    """The identity of this site, with its secrets decrypted."""
    from pointsync import clock, db
    from pointsync.runtime import get_runtime
    from pointsync.sync.site import local_site

    state = get_runtime()
    return local_site.load_identity(db.session(), state.vault, state.config, clock.now())


def print_hold_warning(reason: str | None) -> None:
    """Print on stderr why this site sends nothing; `reason` is None if it sends."""
    if reason:
        write_note(HOLD_MESSAGE.format(reason))
