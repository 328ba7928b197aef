"""The site that a command works on: its application, its database made where there is none, its writes."""

import os
import pwd
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar, cast

import click
from flask import Flask, current_app, has_app_context

from pointsync.cli.framework.errors import Fault

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from pointsync.sync.site.local_site import Identity

HELD = "Nothing is sent: {} Say what this database is: pointsync confirm moved, restored or copy."

Result = TypeVar("Result")


def application(*, answers: bool = False) -> Flask:
    """Flask's own where its command line runs, else a new one, which `answers` or only serves a command.

    Raises ConfigError.
    """
    from pointsync import create_app, logs

    if has_app_context():
        return cast(Flask, current_app._get_current_object())  # type: ignore[attr-defined]
    app = create_app(answers=answers)
    logs.quiet()
    return app


@contextmanager
def on_site() -> Iterator[None]:
    """Work with this site's database, which is made where it is absent or empty. Starts no scheduler.

    Raises Fault where the database is of another version.
    """
    from pointsync import db, startup

    with application().app_context():
        if why := db.unfit():
            raise Fault(why)
        startup.make_missing()
        db.acts(db.Actor(account(), "command", ""))
        yield


def account() -> str:
    """The system account that runs this process; its number where it has no name, as in containers."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def change(work: "Callable[[Session], Result]") -> Result:
    """What `work` returns, in a transaction of its own. A copied or restored database is recognised before
    anything is written to it, since new movements would cover the traces."""
    from pointsync.db import db, in_write
    from pointsync.models import Site
    from pointsync.runtime import runtime
    from pointsync.sync.site import local_site as site_identity

    config = runtime().config

    def whole(session: "Session") -> tuple[Result, str | None]:
        site_identity.recognise(session, config)
        return work(session), session.get_one(Site, 1).hold

    result, hold = in_write(whole)
    warn_of_hold(hold)
    site_identity.remember(db.session(), config)
    runtime().wake()
    return result


def identity() -> "Identity":
    """Who this site is, its secrets opened."""
    from pointsync import clock
    from pointsync.db import db
    from pointsync.runtime import runtime
    from pointsync.sync.site import local_site as site_identity

    here = runtime()
    return site_identity.identity(db.session(), here.vault, here.config, clock.now())


def warn_of_hold(reason: str | None) -> None:
    """Say on stderr why nothing is sent, where that is so."""
    if reason:
        click.echo(HELD.format(reason), err=True)
