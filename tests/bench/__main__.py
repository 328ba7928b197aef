"""`python -m tests.bench [NAME …] [--json]`: prints a table for each benchmark, or one JSON document for all."""

import argparse
import json
import os
import sys
from collections.abc import Callable
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.bench import comparison, export, imports, latency, pages, panel, people, throughput
from tests.support.process import SiteProcess

BENCHMARKS: dict[str, Callable[[], dict[str, Any]]] = {
    "throughput": throughput.run,
    "latency": latency.run,
    "pages": pages.run,
    "export": export.run,
    "import": imports.run,
    "panel": panel.run,
    "comparison": comparison.run,
    "people": people.run,
}


def main() -> None:
    """Run the named benchmarks, or all."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*BENCHMARKS, []], help="which benchmarks; default: all")
    parser.add_argument("--json", action="store_true", help="one JSON document instead of tables")
    arguments = parser.parse_args()
    SiteProcess.is_forked = False  # a forked process would falsify memory and start times
    console = Console(stderr=arguments.json)
    figures: dict[str, Any] = {}
    for name in arguments.names or BENCHMARKS:
        console.print(f"[bold]{name}[/bold] …")
        figures[name] = BENCHMARKS[name]()
        table = Table("what", "figure")
        for what, figure in figures[name].items():
            table.add_row(what, f"{figure:,}" if isinstance(figure, int | float) else str(figure))
        console.print(table)
    if arguments.json:
        json.dump({"python": sys.version.split()[0], "cores": os.cpu_count(), **figures}, sys.stdout, indent=2)


if __name__ == "__main__":
    main()
