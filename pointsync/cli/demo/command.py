"""`pointsync demo`: several complete sites on this machine, to try PointSync."""

import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pointsync.cli.framework.command import Command
from pointsync.cli.framework.errors import EXIT_USAGE, CommandError
from pointsync.cli.framework.output import format_pairs, is_json_requested, print_result
from pointsync.cli.framework.param_types import MAX_PORT, PORT, WholeNumber

if TYPE_CHECKING:
    from pointsync.cli.demo.scenario import Scenario

SITE_NAMES = (
    *("Mug shop", "Tea shop", "Print shop", "Book shop", "Plant shop"),
    *("Toy shop", "Cheese shop", "Bike shop", "Record shop"),
)
ADMIN_NAME = "demo"
PASSWORD_BYTES = 9


@click.command(cls=Command)
@click.option("--sites", type=WholeNumber(2, len(SITE_NAMES)), default=3, help="The number of sites. Default: 3.")
@click.option("--port", type=PORT, default=8600, help="The port of the first site. Default: 8600.")
@click.option(
    "--keep",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Keep the sites' data in this folder, which must be new or empty.",
)
@click.option("--once", "stops_in_step", is_flag=True, help="Stop when all sites are in step.")
def demo(sites: int, port: int, keep: Path | None, stops_in_step: bool) -> None:
    """Run several complete sites on this machine, with customers and regular movements.

    It prints when all sites are in step. Then it stops one site for a while, to show an orange and a red remote.
    Ctrl-C stops all sites and deletes their data, unless --keep names a folder.
    """
    if port + sites - 1 > MAX_PORT:
        raise click.UsageError(
            f"--port: {sites} sites from port {port} on would need ports above {MAX_PORT}. Choose a lower port."
        )
    from pointsync.cli.demo.demo_site import DemoSite, check_ports_free, stop_all
    from pointsync.cli.demo.scenario import Scenario, Stopped
    from pointsync.cli.framework.shutdown import StopSignal

    check_ports_free(range(port, port + sites))
    password = secrets.token_urlsafe(PASSWORD_BYTES)
    with _data_folder(keep) as folder:
        stop = StopSignal()
        family = [DemoSite(SITE_NAMES[index], folder, port + index) for index in range(sites)]
        try:
            _run_scenario(Scenario(family, stop, partial(click.echo, err=is_json_requested())), password, stops_in_step)
        except Stopped:
            pass
        finally:
            stop.is_requested = True
            stop_all(family)


def _run_scenario(scenario: "Scenario", password: str, stops_in_step: bool) -> None:
    scenario.start_sites(ADMIN_NAME, password)
    scenario.print_line(format_pairs({each.name: each.url for each in scenario.family}))
    scenario.print_line(f"Sign in to any of them as {ADMIN_NAME} with the password {password}")
    movements, customers = scenario.wait_until_in_step()
    document = {
        "sites": [
            {"name": each.name, "url": each.url, "admin": ADMIN_NAME, "password": password, "data": str(each.data)}
            for each in scenario.family
        ],
        "customers": customers,
        "movements": movements,
    }
    print_result(
        document,
        f"All {len(scenario.family)} sites are in step: {customers} customers, {movements} movements.",
    )
    if not stops_in_step:
        scenario.show_outage()


@contextmanager
def _data_folder(keep: Path | None) -> Iterator[Path]:
    """The folder for the data: `keep`, or a temporary folder that is deleted afterwards."""
    if keep is None:
        temporary = Path(tempfile.mkdtemp(prefix="pointsync-demo-"))
        try:
            yield temporary
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        return
    try:
        keep.mkdir(parents=True, exist_ok=True)
        is_empty = not any(keep.iterdir())
    except (OSError, ValueError) as error:
        raise CommandError(
            f"--keep: {keep} cannot be used: {getattr(error, 'strerror', None) or error}.", EXIT_USAGE
        ) from None
    if not is_empty:
        raise CommandError(f"--keep: {keep} is not empty. Give a new folder.", EXIT_USAGE)
    yield keep.resolve()
