"""`pointsync remote key`, `accept-key` and `refuse-key`: a remote that answers with a new key."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from pointsync.cli.framework.command import Command
from pointsync.cli.framework.output import format_pairs, print_result
from pointsync.cli.framework.param_types import REMOTE_ID
from pointsync.cli.framework.site_context import site_context, transact
from pointsync.cli.remotes.remote import ping_and_print

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from pointsync.models import Remote

FINGERPRINT_OPTION = click.option(
    "--fingerprint", help="Continue only if the new key has this fingerprint, which the remote's admin reads to you."
)


@click.command("key", cls=Command)
@click.argument("remote_id", type=REMOTE_ID, metavar="ID")
@site_context()
def show_key(remote_id: int) -> None:
    """Show the fingerprints of a remote's pinned key and of a new key that it offers."""
    from pointsync import clock, db
    from pointsync.sync.remotes import pinned_key, remotes

    session = db.session()
    keys = pinned_key.read(session, remotes.get(session, remote_id))
    refused_at = clock.to_text(keys.refused_at) if keys.refused_at else None
    document = {"id": remote_id, "pinned": keys.pinned, "offered": keys.offered, "refused_at": refused_at}
    print_result(
        document, format_pairs({"Pinned key": keys.pinned, "Offered key": keys.offered, "Refused at": refused_at})
    )


@click.command("accept-key", cls=Command)
@click.argument("remote_id", type=REMOTE_ID, metavar="ID")
@FINGERPRINT_OPTION
@site_context()
def accept_key(remote_id: int, fingerprint: str | None) -> None:
    """Trust the new key that a remote offers instead of the pinned one, and ping it.

    Ask its admin first, by telephone: either the site was set up again, or somebody else answers in its name.
    """
    from pointsync.sync.remotes import pinned_key

    _decide(remote_id, fingerprint, pinned_key.accept)
    ping_and_print(remote_id)


@click.command("refuse-key", cls=Command)
@click.argument("remote_id", type=REMOTE_ID, metavar="ID")
@FINGERPRINT_OPTION
@site_context()
def refuse_key(remote_id: int, fingerprint: str | None) -> None:
    """Keep the pinned key. Nothing is sent to the remote until it answers with the pinned key again."""
    from pointsync.sync.remotes import pinned_key

    _decide(remote_id, fingerprint, pinned_key.refuse)
    print_result(
        {"id": remote_id, "refused": True}, f"The new key of remote {remote_id} was refused. The pinned key stays."
    )


def _decide(
    remote_id: int, fingerprint: str | None, decide: "Callable[[Session, Remote, str | None, datetime], None]"
) -> None:
    from pointsync import clock
    from pointsync.sync.remotes import remotes

    transact(lambda session: decide(session, remotes.get(session, remote_id), fingerprint, clock.now()))


COMMANDS = (show_key, accept_key, refuse_key)
