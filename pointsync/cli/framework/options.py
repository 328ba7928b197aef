"""Options that several commands have."""

import click

from pointsync.cli.framework.param_types import RESERVE_KEY

RESERVE_OPTION = click.option(
    "--reserve",
    "reserve_key",
    type=RESERVE_KEY,
    metavar="KEY",
    default="default",
    help="The points reserve. Default: default.",
)
RESERVE_FILTER_OPTION = click.option(
    "--reserve", "reserve_key", type=RESERVE_KEY, metavar="KEY", help="Only this points reserve. Default: all."
)
