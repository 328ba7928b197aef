"""`pointsync rotate-key`: the key that encrypts the database's secrets, changed."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from pointsync.cli.framework.command import Command
from pointsync.cli.framework.errors import CommandError, to_one_line
from pointsync.cli.framework.output import print_result
from pointsync.cli.framework.site_context import get_app, system_user

if TYPE_CHECKING:
    from pointsync.ops.key_rotation import RotationResult

ALREADY_ROTATED = (
    "The database's secrets are encrypted with POINTSYNC_SECRET_KEY already; take POINTSYNC_SECRET_KEY_OLD away. "
    "Nothing was changed."
)
EXPOSED_KEY_ADVICE = (
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
    from pointsync.runtime import get_runtime

    with get_app().app_context():
        if problem := db.version_problem():
            raise CommandError(problem)
        db.set_actor(db.Actor(system_user(), "command", ""))
        rotated = key_rotation.rotate(clock.now())
        is_shared = not get_runtime().config.is_sqlite
    encrypted = rotated.reencrypted
    document = {
        "rotated": encrypted is not None,
        "secrets": encrypted.count if encrypted else 0,
        "unopened": list(encrypted.undecryptable) if encrypted else [],
        "kept": str(rotated.old_key_path) if rotated.old_key_path else None,
    }
    print_result(document, "\n".join(_summary_lines(rotated, is_shared)))


def _summary_lines(rotated: "RotationResult", is_shared: bool) -> Iterator[str]:
    encrypted = rotated.reencrypted
    if encrypted is None:
        yield ALREADY_ROTATED
        return
    yield f"The secrets of the database, {encrypted.count:,} in number, are encrypted with the new key."
    yield "Everybody has to sign in again."
    for each in encrypted.undecryptable:
        yield f"What the key before did not open has stayed as it was; enter it anew: {to_one_line(each)}"
    if rotated.old_key_path is None:
        yield (
            "Take POINTSYNC_SECRET_KEY_OLD away, and keep that key for the backups and copies made until now: to be "
            "restored they need it."
        )
    else:
        yield (
            "Backups and copies made until now need the key before to be restored. It is kept, delete it once you need "
            f"none of them: {to_one_line(str(rotated.old_key_path))}"
        )
        if is_shared:
            yield f"Other machines of this site need the new key: copy {to_one_line(str(rotated.old_key_path.parent / 'secret_key'))}"
    yield EXPOSED_KEY_ADVICE
