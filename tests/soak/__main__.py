"""`python -m tests.soak [--seconds 180] [--seed N]`: three sites under load while everything goes wrong.

It fails if a remote is green although it has differed for more than 10 seconds (after a rollback: 25 seconds) or
something has waited for it for more than 10 seconds, or if the sites do not come back in step.
"""

import argparse
import random
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.soak.run import run_soak

MAX_SHOWN = 20


def main() -> int:
    """Run a soak and print its figures; 1 if it has failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--seconds", type=float, default=180)
    parser.add_argument("--seed", default=str(random.randrange(10**6)), help="for the same disturbances again")
    parser.add_argument("--rollbacks", type=int, help="how many; default: 2 in 180 seconds")
    parser.add_argument("--keep", type=Path, help="keep the sites' data and logs in this new folder")
    arguments = parser.parse_args()
    console = Console()
    console.print(f"seed {arguments.seed}, {arguments.seconds:g} seconds …")
    with tempfile.TemporaryDirectory() as folder:
        if arguments.keep:
            arguments.keep.mkdir(parents=True)
        report = run_soak(arguments.keep or Path(folder), arguments.seconds, arguments.seed, arguments.rollbacks)
    table = Table("what", "figure")
    for what, figure in report.figures.items():
        table.add_row(what, f"{figure:,}" if isinstance(figure, int | float) else str(figure))
    console.print(table)
    for failure in report.failures[:MAX_SHOWN]:
        console.print(f"[red]failed[/red] {failure}", highlight=False)
    console.print(f"{len(report.failures)} failures" if report.failures else "passed")
    return 1 if report.failures else 0


if __name__ == "__main__":
    sys.exit(main())
