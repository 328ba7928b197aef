"""How long a site needs from the command to the first healthy answer."""

import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter

from tests.bench.floors.bare_server import run_bare_server
from tests.bench.output.figure import Figure
from tests.bench.sizes import size
from tests.support.process import SiteProcess

STARTS = size(5, quick=1)


def run() -> list[Figure]:
    """A first start, which creates the database, and later ones; beside a bare Flask application on waitress."""
    bare, later = [], []
    with tempfile.TemporaryDirectory(prefix="pointsync-bench-") as folder:
        site = SiteProcess(Path(folder) / "site")
        first = _measure(site)
        for _ in range(STARTS):
            later.append(_measure(site))
            began = perf_counter()
            with run_bare_server():
                bare.append(perf_counter() - began)
    floor, name = median(bare), "a bare Flask application on waitress"
    return [
        Figure("start to healthy", median(later), "s", floor, name, is_more_better=False),
        Figure("first start, with a new database", first, "s", floor, name, is_more_better=False),
    ]


def _measure(site: SiteProcess) -> float:
    began = perf_counter()
    site.start()
    elapsed = perf_counter() - began
    site.terminate()
    return elapsed
