"""`pointsync demo`: a family of real sites on this machine, to look at and to play with."""

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
from pointsync.cli.framework.errors import WRONG, Fault
from pointsync.cli.framework.output import facts, give, is_json
from pointsync.cli.framework.param_types import Whole

if TYPE_CHECKING:
    from pointsync.cli.demo.scenario import Story

MAX_PORT = 65_535
NAMES = (
    *("Mug shop", "Tea shop", "Print shop", "Book shop", "Plant shop"),
    *("Toy shop", "Cheese shop", "Bike shop", "Record shop"),
)
ADMIN = "demo"
PASSWORD_BYTES = 9


@click.command(cls=Command)
@click.option("--sites", type=Whole(2, len(NAMES)), default=3, help="How many; 3 unless given.")
@click.option("--port", type=Whole(1, MAX_PORT), default=8600, help="The first site's; 8600 unless given.")
@click.option("--keep", type=click.Path(path_type=Path), metavar="DIR", help="Keep the sites' data in this folder.")
@click.option("--once", is_flag=True, help="End once all sites are in step.")
def demo(sites: int, port: int, keep: Path | None, once: bool) -> None:
    """Run complete sites that list each other, with customers and a trickle of movements.

    Says when all are in step, then stops one for a while, so that orange and red are seen. Ctrl-C ends all and
    leaves nothing behind, unless --keep names a folder.
    """
    if port + sites - 1 > MAX_PORT:
        raise click.UsageError(f"--port: {sites} sites from port {port} on go beyond {MAX_PORT}; choose a lower one.")
    from pointsync.cli.demo.demo_site import Member, end_all, refuse_taken
    from pointsync.cli.demo.scenario import Stopped, Story
    from pointsync.cli.framework.shutdown import Stop

    refuse_taken(range(port, port + sites))
    password = secrets.token_urlsafe(PASSWORD_BYTES)
    with _folder(keep) as folder:
        stop = Stop()
        family = [Member(NAMES[index], folder, port + index) for index in range(sites)]
        try:
            _tell(Story(family, stop, partial(click.echo, err=is_json())), password, once)
        except Stopped:
            pass
        finally:
            stop.asked = True
            end_all(family)


def _tell(story: "Story", password: str, once: bool) -> None:
    story.open_shops(ADMIN, password)
    story.say(facts({each.name: each.url for each in story.family}))
    story.say(f"Sign in to any of them as {ADMIN} with the password {password}")
    movements, customers = story.get_in_step()
    document = {
        "sites": [
            {"name": each.name, "url": each.url, "admin": ADMIN, "password": password, "data": str(each.data)}
            for each in story.family
        ],
        "customers": customers,
        "movements": movements,
    }
    give(
        document,
        f"In step: {len(story.family)} sites, {customers} customers, {movements} movements everywhere.",
    )
    if not once:
        story.go_on()


@contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    """Where the data lives: a folder of its own that is removed afterwards, or `keep`, which is not."""
    if keep is None:
        made = Path(tempfile.mkdtemp(prefix="pointsync-demo-"))
        try:
            yield made
        finally:
            shutil.rmtree(made, ignore_errors=True)
        return
    try:
        keep.mkdir(parents=True, exist_ok=True)
        is_empty = not any(keep.iterdir())
    except (OSError, ValueError) as error:
        raise Fault(f"--keep: {keep} cannot be used: {getattr(error, 'strerror', None) or error}.", WRONG) from None
    if not is_empty:
        raise Fault(f"--keep: {keep} is not empty; name a new folder.", WRONG)
    yield keep.resolve()
