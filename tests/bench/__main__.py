"""`python -m tests.bench [NAME …]`: measures, and prints each figure beside its floor from the same run."""

import argparse
import atexit
import importlib
import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console

from tests.bench.output import chart, rounds, table
from tests.bench.output.figure import Summary
from tests.bench.sizes import QUICK_VARIABLE
from tests.support import run_folder
from tests.support.process import SiteProcess

ROUNDS = 3
QUICK_AT_ONCE = 4
"""They mostly wait for processes to start."""
MIN_WIDTH = 150
BENCHMARKS = {
    "throughput": "tests.bench.delivery.throughput:run",
    "latency": "tests.bench.delivery.latency:run",
    "recording": "tests.bench.shop.recording:run",
    "own-calls": "tests.bench.shop.own_calls:run",
    "hanging": "tests.bench.delivery.hanging:run",
    "memory": "tests.bench.site.memory:run",
    "start": "tests.bench.site.start:run",
    "disk": "tests.bench.site.disk:run",
    "verification": "tests.bench.site.verification:run",
    "throughput-postgres": "tests.bench.delivery.throughput:run_on_postgres",
    "latency-postgres": "tests.bench.delivery.latency:run_on_postgres",
    "recording-postgres": "tests.bench.shop.recording:run_on_postgres",
    "replication": "tests.bench.delivery.replication:run",
    "pages": "tests.bench.pages:run",
    "export": "tests.bench.export:run",
    "import": "tests.bench.imports:run",
    "panel": "tests.bench.panel:run",
    "comparison": "tests.bench.comparison:run",
    "people": "tests.bench.people:run",
}
"""In the order of the output. Modules are imported when their turn comes, because some need much."""
PEERS = {"peers": "tests.bench.peers.peers:run"}
"""Only if they are asked for, because they install packages."""


def main() -> None:
    """Run the named benchmarks, or all."""
    arguments = _parse_arguments()
    if arguments.quick:
        os.environ[QUICK_VARIABLE] = "1"
        if not run_folder.is_created():
            run_folder.create()
            atexit.register(run_folder.remove)
    # A forked process would falsify memory and start times; but nobody looks at those of a quick run.
    SiteProcess.is_forked = arguments.quick
    rounds_count = 1 if arguments.quick else arguments.rounds
    console = Console(stderr=arguments.json)
    console.width = max(console.width, MIN_WIDTH)
    names = arguments.names or [*BENCHMARKS, *(PEERS if arguments.peers else {})]
    found: dict[str, Any] = {}
    with ThreadPoolExecutor(QUICK_AT_ONCE) as pool:
        # In turn, where figures count.
        measuring = (pool.map if arguments.quick else map)(partial(_measure, count=rounds_count), names)
        for name in names:
            console.print(f"[bold]{name}[/bold] …")
            found[name] = next(measuring)
            console.print(table.build(found[name]))
    if arguments.svg:
        arguments.svg.write_text(chart.draw(_with_floors(found), _title(arguments)))
    if arguments.json:
        json.dump(_build_document(found), sys.stdout, indent=2)


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    names = [*BENCHMARKS, *PEERS]
    parser.add_argument("names", nargs="*", choices=[*names, []], metavar="NAME", help=f"any of {', '.join(names)}")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"how often each is repeated; default: {ROUNDS}")
    parser.add_argument("--quick", action="store_true", help="little of everything, to see that it works; no figures")
    parser.add_argument("--peers", action="store_true", help="also install and measure other products")
    parser.add_argument("--json", action="store_true", help="one JSON document instead of tables")
    parser.add_argument("--svg", type=Path, metavar="FILE", help="draw the figures that have floors")
    return parser.parse_args()


def _measure(name: str, count: int) -> list[Summary] | dict[str, Any]:
    module, function = {**BENCHMARKS, **PEERS}[name].split(":")
    return rounds.measure(getattr(importlib.import_module(module), function), count)


def _with_floors(found: dict[str, Any]) -> dict[str, list[Summary]]:
    return {name: each for name, each in found.items() if isinstance(each, list)}


def _title(arguments: argparse.Namespace) -> str:
    times = "one round" if arguments.quick or arguments.rounds == 1 else f"medians of {arguments.rounds} rounds"
    return f"PointSync beside its floors: {times}, {os.cpu_count()} cores"


def _build_document(found: dict[str, Any]) -> dict[str, Any]:
    documents = {
        name: [summary.to_json() for summary in each] if isinstance(each, list) else each
        for name, each in found.items()
    }
    return {"python": sys.version.split()[0], "cores": os.cpu_count(), **documents}


if __name__ == "__main__":
    main()
