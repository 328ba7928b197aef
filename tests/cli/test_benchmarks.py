"""`python -m tests.bench --quick`: every benchmark still runs, and has a floor where it says so."""

import json
import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.bench.__main__ import BENCHMARKS
from tests.browser.conftest import CHROMIUM
from tests.support import postgres
from tests.support.paths import CHECKOUT

NEED_POSTGRES = {"throughput-postgres", "latency-postgres", "recording-postgres", "replication", "people"}
WITHOUT_FLOORS = {"pages", "export", "import", "panel", "comparison", "people"}


@pytest.mark.long
@pytest.mark.parametrize("name", BENCHMARKS)
def test_a_benchmark_runs(name: str, tmp_path: Path) -> None:
    if name in NEED_POSTGRES and (reason := postgres.missing_reason()):
        pytest.skip(reason)
    if name == "panel" and not os.access(CHROMIUM, os.X_OK):
        pytest.skip(f"there is no Chromium at {CHROMIUM}")
    chart = tmp_path / "chart.svg"
    command = [sys.executable, "-m", "tests.bench", name, "--quick", "--json", "--svg", str(chart)]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)[name]
    assert found
    if name in WITHOUT_FLOORS:
        return
    for figure in found:
        assert figure["value"]["median"] > 0, figure
        assert figure["ratio"] is None or figure["ratio"]["median"] > 0, figure
    names = {text.text for text in ElementTree.parse(chart).iter("{http://www.w3.org/2000/svg}text")}
    assert {figure["name"] for figure in found if figure["floor"]} <= names
