"""`pointsync remote key`, `accept-key` and `refuse-key`: a remote with a key that is not pinned."""

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
    """Show the fingerprints of a remote's pinned key and of another key that you can accept or refuse."""
    from pointsync import clock, db
    from pointsync.sync.remotes import pinned_key, remotes

    session = db.session()
    keys = pinned_key.read(session, remotes.get(session, remote_id))
    refused_at = clock.to_text(keys.refused_at) if keys.refused_at else None
    document = {
        "id": remote_id,
        "pinned": keys.pinned,
        "offered": keys.offered,
        "from_calls": keys.is_from_calls,
        "refused_at": refused_at,
    }
    pairs = {
        "Pinned key": keys.pinned,
        "Key of its calls, not proven" if keys.is_from_calls else "Offered key": keys.offered,
        "Refused at": refused_at,
    }
    print_result(document, format_pairs(pairs))


@click.command("accept-key", cls=Command)
@click.argument("remote_id", type=REMOTE_ID, metavar="ID")
@FINGERPRINT_OPTION
@site_context()
def accept_key(remote_id: int, fingerprint: str | None) -> None:
    """Pin the new key of a remote, and ping it.

    Ask its admin first, by telephone: either the site was set up again or cannot prove its key, or somebody else
    answers in its name.
    """
    from pointsync.sync.remotes import pinned_key

    _decide(remote_id, fingerprint, pinned_key.accept)
    ping_and_print(remote_id)


@click.command("refuse-key", cls=Command)
@click.argument("remote_id", type=REMOTE_ID, metavar="ID")
@FINGERPRINT_OPTION
@site_context()
def refuse_key(remote_id: int, fingerprint: str | None) -> None:
    """Do not trust the new key of a remote. Nothing is sent until it answers with the pinned key, or proves one."""
    from pointsync.sync.remotes import pinned_key

    _decide(remote_id, fingerprint, pinned_key.refuse)
    print_result(
        {"id": remote_id, "refused": True}, f"The new key of remote {remote_id} was refused. A pinned key stays."
    )


def _decide(
    remote_id: int, fingerprint: str | None, decide: "Callable[[Session, Remote, str | None, datetime], None]"
) -> None:
    from pointsync import clock
    from pointsync.sync.remotes import remotes

    transact(lambda session: decide(session, remotes.get(session, remote_id), fingerprint, clock.now()))


COMMANDS = (show_key, accept_key, refuse_key)
