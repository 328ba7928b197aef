"""A virtual environment with the other products, which this benchmark makes. They are no dependencies of PointSync."""

import os
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

KEEP_VARIABLE = "POINTSYNC_BENCH_PEERS"
"""A folder for the environment, so that the next run finds it; otherwise it is removed when the process ends."""
INSTALL_SECONDS = 600


class Unavailable(Exception):
    """A product cannot be measured on this machine; the text says why."""


def create_environment() -> Path:
    """The folder with its programs, which is made once. Raises Unavailable."""
    place = Path(os.environ.get(KEEP_VARIABLE) or _own_folder().name)
    if not (place / "bin" / "python").exists():
        _run([sys.executable, "-m", "venv", str(place)], "python -m venv")
    return place / "bin"


@cache
def _own_folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="pointsync-bench-peers-")


def install(bin_folder: Path, packages: tuple[str, ...]) -> None:
    """Install packages from the registry. Raises Unavailable with the last line of what pip says."""
    _run(
        [str(bin_folder / "python"), "-m", "pip", "install", "--quiet", *packages], f"pip install {' '.join(packages)}"
    )


def version_of(bin_folder: Path, package: str) -> str:
    """The installed version."""
    code = f"import importlib.metadata as m; print(m.version({package!r}))"
    return subprocess.run(
        [str(bin_folder / "python"), "-c", code], capture_output=True, text=True, check=True
    ).stdout.strip()


def _run(command: list[str], name: str) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise Unavailable(f"{name} took more than {INSTALL_SECONDS} s") from None
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines() or ["it said nothing"]
        raise Unavailable(f"{name}: {said[-1]}")
