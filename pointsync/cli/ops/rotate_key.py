"""`pointsync rotate-key`: change the key that encrypts the database's secrets."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from pointsync.cli.framework.command import Command
from pointsync.cli.framework.errors import CommandError, to_one_line
from pointsync.cli.framework.output import print_result
from pointsync.cli.framework.site_context import get_app, set_command_actor

if TYPE_CHECKING:
    from pointsync.ops.key_rotation import RotationResult

ALREADY_ROTATED = (
    "Nothing was changed: the database's secrets are already encrypted with POINTSYNC_SECRET_KEY. Remove "
    "POINTSYNC_SECRET_KEY_OLD."
)
EXPOSED_KEY_ADVICE = (
    "If others may know the old key, they may know the secrets too. Then also change the Pass (pointsync pass rotate "
    "--at-once), the API keys and the hooks' secrets."
)


@click.command("rotate-key", cls=Command)
def rotate_key() -> None:
    """Encrypt the database's secrets with another key. The site must be stopped.

    PointSync replaces a key that it generated. For a key of your own, set POINTSYNC_SECRET_KEY to the new key and
    POINTSYNC_SECRET_KEY_OLD to the old one. All admins must sign in again.
    """
    from pointsync import clock, db
    from pointsync.ops import key_rotation
    from pointsync.runtime import get_runtime

    with get_app().app_context():
        if problem := db.version_problem():
            raise CommandError(problem)
        set_command_actor()
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
    yield f"{encrypted.count:,} secrets are now encrypted with the new key."
    yield "All admins must sign in again."
    for each in encrypted.undecryptable:
        yield f"The old key cannot decrypt this, so it was not changed. Enter it again: {to_one_line(each)}"
    if rotated.old_key_path is None:
        yield (
            "Remove POINTSYNC_SECRET_KEY_OLD, but keep that key: you need it to restore backups from before this "
            "rotation."
        )
    else:
        yield (
            "You need the old key to restore backups from before this rotation. It is kept here; delete it when you no "
            f"longer need them: {to_one_line(str(rotated.old_key_path))}"
        )
        if is_shared:
            new_key_path = rotated.old_key_path.parent / "secret_key"
            yield f"Copy the new key to the other machines of this site: {to_one_line(str(new_key_path))}"
    yield EXPOSED_KEY_ADVICE
