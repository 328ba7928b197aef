"""`pointsync rotate-key`: the key that encrypts the database's secrets, changed."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from pointsync.cli.framework.command import Command
from pointsync.cli.framework.errors import Fault, plain
from pointsync.cli.framework.output import give
from pointsync.cli.framework.site_context import account, application

if TYPE_CHECKING:
    from pointsync.ops.key_rotation import Rotated

ALREADY = (
    "The database's secrets are encrypted with POINTSYNC_SECRET_KEY already; take POINTSYNC_SECRET_KEY_OLD away. "
    "Nothing was changed."
)
KNOWN = (
    "If others may know the key before, they may know what it encrypted: change the Pass (pointsync pass rotate "
    "--at-once), the API keys and the hooks' secrets, too."
)


@click.command("rotate-key", cls=Command)
def rotate_key() -> None:
    """Encrypt the database's secrets with another key, while the site is stopped.

    The key that PointSync has made is changed for a fresh one; of your own, set POINTSYNC_SECRET_KEY to the new one
    and POINTSYNC_SECRET_KEY_OLD to the one before. Everybody has to sign in again.
    """
    from pointsync import clock, db
    from pointsync.ops import key_rotation
    from pointsync.runtime import runtime

    with application().app_context():
        if why := db.unfit():
            raise Fault(why)
        db.acts(db.Actor(account(), "command", ""))
        rotated = key_rotation.rotate(clock.now())
        is_shared = not runtime().config.is_sqlite
    sealed = rotated.sealed
    document = {
        "rotated": sealed is not None,
        "secrets": sealed.count if sealed else 0,
        "unopened": list(sealed.unopened) if sealed else [],
        "kept": str(rotated.kept) if rotated.kept else None,
    }
    give(document, "\n".join(_words(rotated, is_shared)))


def _words(rotated: "Rotated", is_shared: bool) -> Iterator[str]:
    sealed = rotated.sealed
    if sealed is None:
        yield ALREADY
        return
    yield f"The secrets of the database, {sealed.count:,} in number, are encrypted with the new key."
    yield "Everybody has to sign in again."
    for each in sealed.unopened:
        yield f"What the key before did not open has stayed as it was; enter it anew: {plain(each)}"
    if rotated.kept is None:
        yield (
            "Take POINTSYNC_SECRET_KEY_OLD away, and keep that key for the backups and copies made until now: to be "
            "restored they need it."
        )
    else:
        yield (
            "Backups and copies made until now need the key before to be restored. It is kept, delete it once you need "
            f"none of them: {plain(str(rotated.kept))}"
        )
        if is_shared:
            yield f"Other machines of this site need the new key: copy {plain(str(rotated.kept.parent / 'secret_key'))}"
    yield KNOWN
