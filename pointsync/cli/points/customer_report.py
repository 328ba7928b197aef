"""`pointsync customer report`: the stored data about a person."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pointsync.cli.framework.command import Command
from pointsync.cli.framework.errors import EXIT_USAGE, CommandError
from pointsync.cli.framework.output import is_json_requested, print_result
from pointsync.cli.framework.output_file import open_output
from pointsync.cli.framework.param_types import EMAIL
from pointsync.cli.framework.site_context import site_context
from pointsync.cli.ops.backup_files import check_not_site_file

if TYPE_CHECKING:
    from pointsync.reports.person_report.report import Report

MAX_SHOWN = 10
"""Rows of each part. The files have all."""


@click.command("report", cls=Command)
@click.argument("email", type=EMAIL, metavar="EMAIL")
@click.option("--all-sites", is_flag=True, help="Ask the other sites of the family, too. This can take a minute.")
@click.option("--csv", "csv_file", type=click.Path(path_type=Path), metavar="FILE", help="Write a CSV file.")
def report_customer(email: str, all_sites: bool, csv_file: Path | None) -> None:
    """Show the stored data about a person: a summary, or everything with --json or --csv FILE.

    The audit log records it, here and on the sites that are asked.
    """
    from pointsync import clock, db
    from pointsync.reports.person_report import documents, report
    from pointsync.runtime import get_runtime

    if csv_file is not None and is_json_requested():
        raise CommandError("--csv and --json cannot be given together.", EXIT_USAGE)
    with site_context():
        config = get_runtime().config
        if csv_file is not None:
            check_not_site_file(csv_file, config, "--csv")
        found = report.make(db.session(), config, email, clock.now(), is_of_all_sites=all_sites)
        if csv_file is not None:
            _write(csv_file, found)
            print_result({}, f"The stored data about {found.person.address} was written to {csv_file}.")
        elif is_json_requested():
            import msgspec

            document: Any = msgspec.json.decode(b"".join(found.iter_document(documents.JSON)))
            print_result(document, "")
        else:
            _print(found)


def _write(path: Path, found: "Report") -> None:
    from pointsync.reports.person_report import documents

    with open_output(path, "--csv") as file:
        for piece in found.iter_document(documents.CSV):
            file.write(piece.decode())


def _print(found: "Report") -> None:
    from itertools import groupby

    import msgspec

    from pointsync.reports.person_report.documents import describe

    for site in found.sites:
        click.echo(site.name or site.url or site.auth)
        for part, rows in groupby(site.rows(), key=lambda row: row[0]):
            click.echo(f"  {part}:")
            count = 0
            for _, content in rows:
                count += 1
                if count <= MAX_SHOWN:
                    click.echo(f"    {describe(msgspec.to_builtins(content))}")
            if count > MAX_SHOWN:
                click.echo(f"    and {count - MAX_SHOWN:,} more")
        if site.problem:
            click.echo(f"  {site.problem}")
    sys.stdout.flush()
