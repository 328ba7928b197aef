"""`demo`: its sites get in step, and it leaves nothing behind."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.command_batch import run_commands
from tests.support.paths import CHECKOUT
from tests.support.process import SiteProcess, call, free_port, wait_until

SECONDS = 90

pytestmark = pytest.mark.slow


@pytest.fixture
def demo(tmp_path: Path) -> SiteProcess:
    """A site whose environment the demo runs in. Its settings must have no effect."""
    return SiteProcess(
        tmp_path / "own", env={"POINTSYNC_SCHEDULER": "off", "TMPDIR": str(_file_exists(tmp_path / "tmp"))}
    )


def test_once_ends_in_step(demo: SiteProcess, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    port = free_port(3)
    args = ("--once", "--sites", "3", "--port", str(port), "--keep", str(kept))
    answer = demo.cli("demo", *args, timeout_seconds=SECONDS)
    assert [each["name"] for each in answer["sites"]] == ["Mug shop", "Tea shop", "Print shop"]
    assert [each["url"] for each in answer["sites"]] == [f"http://127.0.0.1:{port + index}" for index in range(3)]
    assert answer["customers"] == 40
    assert answer["movements"] > 100
    histories = []
    for each in answer["sites"]:
        assert (each["admin"], len(each["password"]) >= 10) == ("demo", True)
        commands = [("verify",), ("remote", "list"), ("history", "ada@example.com")]
        verified, remotes, history = run_commands(
            SiteProcess(Path(each["data"])), [(*args, "--json") for args in commands]
        )
        assert verified.json["ok"] is True
        assert [line["waiting"] for line in remotes.json] == [0, 0]
        histories.append({move["id"] for move in history.json["movements"]})
    assert histories[0]
    assert histories[0] == histories[1] == histories[2]
    assert not any((kept.parent / "tmp").iterdir())


@pytest.mark.parametrize("number", [pytest.param(signal.SIGTERM, marks=pytest.mark.long), signal.SIGKILL])
def test_its_sites_end_with_it(demo: SiteProcess, tmp_path: Path, number: signal.Signals) -> None:
    port = free_port(2)
    process = subprocess.Popen(
        [sys.executable, "-m", "pointsync", "demo", "--sites", "2", "--port", str(port), "--json"],
        cwd=CHECKOUT,
        env=demo.env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        assert process.stdout
        document = _read_document(process.stdout.fileno())
        assert len(document["sites"]) == 2
        process.send_signal(number)
        assert process.wait(10) == (0 if number == signal.SIGTERM else -number)
        wait_until(lambda: not any(_answers(port + index) for index in range(2)), 10, "no site answers")
        if number == signal.SIGTERM:
            assert not any((tmp_path / "tmp").iterdir())
    finally:
        process.kill()
        process.wait(10)
        if process.stdout:
            process.stdout.close()


def test_a_port_in_use_is_one_line(demo: SiteProcess, served: SiteProcess) -> None:
    done = demo.run("demo", "--port", str(served.port - 1))
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert f"Port {served.port}" in done.stderr or f"Port {served.port - 1}" in done.stderr


def _file_exists(path: Path) -> Path:
    path.mkdir()
    return path


def _answers(port: int) -> bool:
    try:
        call("GET", f"http://127.0.0.1:{port}/healthz", timeout_seconds=2)
    except OSError:
        return False
    return True


def _read_document(descriptor: int) -> dict[str, list[object]]:
    text = b""
    while chunk := os.read(descriptor, 65_536):
        text += chunk
        try:
            found: dict[str, list[object]] = json.loads(text)
        except ValueError:
            continue
        return found
    raise AssertionError(f"it ended with {text!r}")
