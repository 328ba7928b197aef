"""`pointsync vacuum`: give up what the database's files still hold of deleted and changed rows."""

import click

from pointsync.cli.framework.command import Command
from pointsync.cli.framework.output import print_result
from pointsync.cli.framework.site_context import site_context


@click.command(cls=Command)
@site_context()
def vacuum() -> None:
    """Rewrite the database's files, so that nothing of deleted and erased texts is left in them.

    Nobody can write meanwhile, so the site answers later: about a second for 100 MB. On PostgreSQL, its log files
    (pg_wal) and their archives are not part of this.
    """
    from pointsync.ops import compaction

    result = compaction.vacuum()
    print_result(result, f"The database's files were rewritten in {result['seconds']:.1f} s.")
