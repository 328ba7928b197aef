"""stdin, stdout and stderr may be closed or full: nothing else gets their numbers, and notes are dropped."""

import subprocess
import sys

import pytest

from tests.support.paths import CHECKOUT

SCRIPT = """
import os, sys
from pointsync.cli.framework import standard_streams
standard_streams.open_missing()
assert all(os.get_inheritable(number) for number in range(3))
assert os.open("/", os.O_RDONLY) > 2, "no other file gets the number of a stream"
assert "stdin" not in CLOSED or sys.stdin.read() == ""
print("ä \\U0001f600 \\udc80".encode(errors="backslashreplace").decode())
standard_streams.write_note("note ä \\u2028")
sys.stdout.write("not flushed")
standard_streams.flush_at_exit()
sys.exit(7)
"""


def run(redirections: str, closed: str = "") -> int:
    script = SCRIPT.replace("CLOSED", repr(closed))
    shell = f'exec "$@" {redirections}'
    command = ["sh", "-c", shell, "sh", sys.executable, "-c", script]
    return subprocess.run(command, cwd=CHECKOUT, capture_output=True, timeout=30, check=False).returncode


@pytest.mark.parametrize(
    "redirections",
    [
        ">&-",
        "2>&-",
        ">&- <&-",
        ">&- 2>&- <&-",
        "2>/dev/full",
        ">&- 2>/dev/full",
    ],
)
def test_a_process_works_without_its_streams(redirections: str) -> None:
    assert run(redirections, "stdin" if "<" in redirections else "") == 7


def test_what_is_printed_to_a_full_disk_is_an_error_of_the_printer_only() -> None:
    assert run(">/dev/full") in (1, 7)
