"""Import a large file by command: lines per second and peak memory."""

import json
import os
import subprocess
import tempfile
from pathlib import Path
from time import perf_counter
from typing import Any

from tests.bench.sizes import size
from tests.support.paths import CHECKOUT
from tests.support.process import SiteProcess

LINES = int(os.environ.get("POINTSYNC_BENCH_LINES", size(1_000_000, quick=1_000)))
CUSTOMERS = max(LINES // 10, 1)
BYTES_PER_KILOBYTE = 1024


def run() -> dict[str, Any]:
    """A dry run, the import, and the same file again, which records nothing."""
    with tempfile.TemporaryDirectory() as folder:
        site, file = SiteProcess(Path(folder) / "site").create(), Path(folder) / "movements.csv"
        write_file(file, LINES)
        dry = _measure_import(site, file, "--dry-run")
        first = _measure_import(site, file)
        again = _measure_import(site, file)
    assert (dry["recorded"], first["recorded"], again["recorded"]) == (0, LINES, 0)
    assert again["tally"]["known"] == LINES
    return {
        "lines": LINES,
        "megabytes of the file": first["megabytes"],
        **{
            f"{name}: {what}": each[key]
            for name, each in (("dry run", dry), ("import", first), ("again", again))
            for what, key in (("seconds", "seconds"), ("lines a second", "rate"), ("peak MB", "peak_mb"))
        },
    }


def write_file(file: Path, lines: int) -> None:
    """Write a file of movements in which the customers alternate."""
    with file.open("w") as out:
        out.write("customer,reserve,points,kind,reason,at,ref\n")
        for n in range(lines):
            customer, points = n * 7919 % CUSTOMERS, n % 500 - 100 or 7
            out.write(f"c{customer}@many.example,default,{points},earn,Order {n},2026-01-01T10:00:00Z,\n")


def _measure_import(site: SiteProcess, file: Path, *more: str) -> dict[str, Any]:
    began = perf_counter()
    command = [*site.command, "import", str(file), "--json", *more]
    with tempfile.TemporaryFile() as out:
        process = subprocess.Popen(command, cwd=CHECKOUT, env=site.env, stdout=out, stderr=subprocess.DEVNULL)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = perf_counter() - began
        out.seek(0)
        document = json.load(out)
    assert process.returncode == 0, document
    return document | {
        "seconds": round(seconds, 1),
        "rate": round(LINES / seconds),
        "peak_mb": round(used.ru_maxrss / BYTES_PER_KILOBYTE),
        "megabytes": round(file.stat().st_size / 1_000_000),
    }
