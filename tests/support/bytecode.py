"""The tests' compiled files: written once before the workers start, which would all write the same ones otherwise."""

import subprocess
import sys
from pathlib import Path

from tests.support.paths import CHECKOUT

TESTS = CHECKOUT / "tests"
TIMEOUT_SECONDS = 300


def write_missing() -> None:
    """Write all of them, in one process for each of two halves, if this checkout has none yet."""
    if sys.dont_write_bytecode or any((TESTS / "unit").rglob("test_*pytest*.pyc")):
        return
    files = sorted(TESTS.rglob("test_*.py"))
    collecting = [_collect(half) for half in (files[::2], files[1::2])]
    for process in collecting:
        process.wait(TIMEOUT_SECONDS)  # whatever it has found: the workers find it again, and report it


def _collect(files: list[Path]) -> subprocess.Popen[bytes]:
    options = ("--collect-only", "-q", "-n", "0", "-p", "no:cacheprovider")
    return subprocess.Popen(
        [sys.executable, "-m", "pytest", *options, *map(str, files)], cwd=CHECKOUT, stdout=subprocess.DEVNULL
    )
