"""Commands and servers whose stdout or stderr is closed, full, or read by nobody."""

import os
import sys
from pathlib import Path

import pytest

from tests.support import fork_server
from tests.support.process import SiteProcess, call, free_port, wait_until

FULL, NULL = "/dev/full", os.devnull


@pytest.fixture(scope="module")
def quiet_site(tmp_path_factory: pytest.TempPathFactory) -> SiteProcess:
    """A site that does not run, for commands on its data."""
    return SiteProcess(tmp_path_factory.mktemp("quiet")).create()


def run(site: SiteProcess, *args: str, stdout: str = NULL, stderr: str = NULL) -> int:
    """The exit code of a command that prints to these files."""
    with open(NULL, "rb") as nothing, open(stdout, "wb") as out, open(stderr, "wb") as errors:
        streams = {"stdin": nothing.fileno(), "stdout": out.fileno(), "stderr": errors.fileno()}
        return fork_server.get_server().spawn(list(args), site.env, **streams).wait(60)


def test_a_site_runs_while_all_streams_are_closed(tmp_path: Path) -> None:
    site = SiteProcess(tmp_path / "site")
    site.command = ("sh", "-c", 'exec "$@" >&- 2>&- <&-', "sh", sys.executable, "-m", "pointsync")
    with site:
        assert call("GET", f"{site.url}/api/v1/nothing").status == 404
        assert site.terminate() == 0, "and ends as always"
    assert site.log.read_bytes() == b""
    database = (site.data_dir / "pointsync.db").read_bytes()
    assert database.startswith(b"SQLite format 3\0"), "nothing was printed into the database"


def test_a_site_runs_while_the_disk_of_its_logs_is_full(tmp_path: Path) -> None:
    site = SiteProcess(tmp_path / "site", port=free_port())
    with open(FULL, "wb") as full:
        site.process = site.spawn("serve", "--port", str(site.port), output=full, new_session=True)
    try:
        wait_until(lambda: is_up(site), 30, "it answers")
        assert site.cli("record", "alice@example.com", "5")["balance"] == 5
        assert site.terminate() == 0
    finally:
        site.kill()


def is_up(site: SiteProcess) -> bool:
    try:
        return call("GET", f"{site.url}/healthz").status == 200
    except OSError:
        return False


def test_a_greeting_that_nobody_reads_is_named_in_the_log(quiet_site: SiteProcess, tmp_path: Path) -> None:
    """Its reader has ended, as in `serve | head -0`."""
    reading, writing = os.pipe()
    os.close(reading)
    log = tmp_path / "log"
    with open(NULL, "rb") as nothing, log.open("wb") as errors:
        streams = {"stdin": nothing.fileno(), "stdout": writing, "stderr": errors.fileno()}
        process = fork_server.get_server().spawn(["worker"], quiet_site.env, **streams)
    os.close(writing)
    try:
        wait_until(lambda: b"(Broken pipe), so the greeting is lost" in log.read_bytes(), 30, "the warning")
    finally:
        process.send_signal(15)
        assert process.wait(10) == 0


def test_a_result_that_cannot_be_printed_is_an_error_that_says_what_was_done(
    quiet_site: SiteProcess, tmp_path: Path
) -> None:
    errors = tmp_path / "errors"
    assert run(quiet_site, "record", "bob@example.com", "5", "--json", stdout=FULL, stderr=str(errors)) == 1
    assert errors.read_text() == (
        "Error: The result cannot be printed: No space left on device. What the command does is done nevertheless.\n"
    )
    assert quiet_site.cli("balance", "bob@example.com")["balances"][0]["points"] == 5


def test_a_command_keeps_its_exit_code(quiet_site: SiteProcess) -> None:
    assert run(quiet_site, "site", stderr=FULL) == 0
    assert run(quiet_site, "nonsense", stderr=FULL) == 2


def test_a_command_whose_notes_cannot_be_printed_does_its_work(quiet_site: SiteProcess) -> None:
    assert run(quiet_site, "record", "carol@example.com", "5") == 0
    (quiet_site.data_dir / "marker").unlink()
    assert run(quiet_site, "record", "carol@example.com", "6", stderr=FULL) == 0, "a note says that sending is stopped"
    assert quiet_site.cli("balance", "carol@example.com")["balances"][0]["points"] == 11
    assert quiet_site.cli("site")["hold"]
