"""PointSync beside task queues on the same machine: huey, Celery and procrastinate.

The receiver of the others only answers, while PointSync's receiver checks, applies and commits.
"""

import sys
import tempfile
from pathlib import Path

from tests.bench.delivery import throughput
from tests.bench.floors.bare_server import run_bare_server
from tests.bench.output.figure import Figure
from tests.bench.peers.environment import Unavailable, create_environment
from tests.bench.peers.peer import Peer, measure
from tests.bench.peers.stores import postgres_store, redis_store, sqlite_store
from tests.bench.two_sites import two_sites

PEERS = (
    Peer(
        "huey (SQLite)",
        ("huey",),
        "huey_app",
        sqlite_store,
        ("huey_consumer", "huey_app.huey", "--delay", "0.01", "--max-delay", "0.05", "--no-periodic", "--quiet"),
        {
            "4 worker threads": (1, ("--workers", "4")),
            "16 worker threads": (1, ("--workers", "16")),
            "2 worker processes": (1, ("--workers", "2", "--worker-type", "process")),
            "4 worker processes": (1, ("--workers", "4", "--worker-type", "process")),
            "8 worker processes": (1, ("--workers", "8", "--worker-type", "process")),
        },
    ),
    Peer(
        "Celery (Redis)",
        ("celery[redis]", "packaging"),  # packaging is missing among its requirements
        "celery_app",
        redis_store,
        ("celery", "--app", "celery_app", "worker", "--loglevel", "ERROR", "--without-gossip", "--without-mingle"),
        {
            "2 worker processes": (1, ("--concurrency", "2")),
            "4 worker processes": (1, ("--concurrency", "4")),
            "8 worker processes": (1, ("--concurrency", "8")),
            "8 worker threads": (1, ("--concurrency", "8", "--pool", "threads")),
        },
    ),
    Peer(
        "procrastinate (PostgreSQL)",
        ("procrastinate", "psycopg[binary,pool]"),
        "procrastinate_app",
        postgres_store,
        ("procrastinate", "--app", "procrastinate_app.app", "worker"),
        {
            "1 worker process, 4 tasks at once": (1, ("--concurrency", "4")),
            "1 worker process, 16 tasks at once": (1, ("--concurrency", "16")),
            "2 worker processes, 8 tasks at once each": (2, ("--concurrency", "8")),
            "4 worker processes, 4 tasks at once each": (4, ("--concurrency", "4")),
        },
    ),
)


def run() -> list[Figure]:
    """The rate with a backlog on SQLite as a multiple of each product's, with as many workers as are best for it."""
    with two_sites() as sites:
        ours = throughput.measure(sites)[0]
    figures = []
    bin_folder = create_environment()
    with run_bare_server() as receiver:
        for peer in PEERS:
            with tempfile.TemporaryDirectory(prefix="pointsync-bench-") as folder:
                try:
                    rate, how = measure(peer, bin_folder, Path(folder), receiver)
                except Unavailable as reason:
                    print(f"{peer.name} is left out: {reason}", file=sys.stderr)
                    continue
            name = f"A to B, compared with {peer.name}"
            figures.append(Figure(name, ours.value, "movements/s", rate, "one task and one POST each", note=how))
    return figures
