"""Measures one other product: tasks are enqueued first, then its workers deliver each with one POST."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench.floors.bare_server import count_received
from tests.bench.peers.environment import install, version_of
from tests.bench.sizes import is_quick, size
from tests.support.process import wait_until

SAMPLE = size(5_000, quick=50)
TRIED = size(600, quick=20)
"""Movements with which each number of workers is tried."""
PATIENCE_SECONDS = 300
PRODUCTS = Path(__file__).parent / "products"


@dataclass(frozen=True)
class Peer:
    """A product, how its workers are started, and which numbers of workers are tried."""

    name: str
    packages: tuple[str, ...]
    module: str
    open_store: Callable[[Path], AbstractContextManager[str]]
    worker: tuple[str, ...]
    """The command of a worker process in the environment's folder, without its options."""
    choices: dict[str, tuple[int, tuple[str, ...]]]
    """For people: the number of processes, and the options of each."""


def measure(peer: Peer, bin_folder: Path, folder: Path, receiver: str) -> tuple[float, str]:
    """Movements per second with the best of its choices, and which one that is. Raises Unavailable."""
    install(bin_folder, peer.packages)
    with peer.open_store(folder) as store:
        env = {name: value for name, value in os.environ.items() if not name.startswith(("POINTSYNC_", "PYTHON"))}
        env |= {"PEER_STORE": store, "PEER_RECEIVER": receiver, "PYTHONPATH": str(PRODUCTS)}
        choices = list(peer.choices)[:1] if is_quick() else list(peer.choices)
        rates = {each: _deliver(peer, each, bin_folder, env, receiver, TRIED) for each in choices}
        best = max(rates, key=lambda each: rates[each])
        rate = _deliver(peer, best, bin_folder, env, receiver, SAMPLE)
    return rate, f"{peer.name} {version_of(bin_folder, peer.packages[0].partition('[')[0])}, {best}"


def _deliver(peer: Peer, choice: str, bin_folder: Path, env: dict[str, str], receiver: str, count: int) -> float:
    """The rate from the first call to the last, so that the start of the workers does not count."""
    count_received(receiver, is_reset=True)
    subprocess.run(
        [str(bin_folder / "python"), "-c", f"import {peer.module}; {peer.module}.enqueue({count})"],
        env=env,
        cwd=PRODUCTS,
        check=True,
        timeout=PATIENCE_SECONDS,
    )
    processes, options = peer.choices[choice]
    command = [str(bin_folder / peer.worker[0]), *peer.worker[1:], *options]
    with _workers(command, env, processes):
        wait_until(
            lambda: count_received(receiver)["count"] >= count, PATIENCE_SECONDS, f"{peer.name} has delivered all"
        )
    received = count_received(receiver)
    return (received["count"] - 1) / received["seconds"]


@contextmanager
def _workers(command: list[str], env: dict[str, str], count: int) -> Iterator[None]:
    running = [
        subprocess.Popen(
            command,
            env=env,
            cwd=PRODUCTS,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        for _ in range(count)
    ]
    try:
        yield
    finally:
        for process in running:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
