"""Many commands in one process, each run as by the command line. Starting a process for each would be slower.

`main` reads `[{args, stdin}]` from stdin and answers `[{code, out, err, threads}]`.
"""

import gc
import io
import json
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tests.support import fork_server
from tests.support.process import SiteProcess

TIMEOUT_SECONDS = 110


@dataclass(frozen=True)
class CommandResult:
    """The output and the exit code of a command, and the threads that ran at its end except the main one."""

    args: tuple[str, ...]
    code: int
    out: str
    err: str
    threads: list[str]

    @property
    def json(self) -> Any:
        """The JSON document that it printed."""
        assert self.code == 0, self
        return json.loads(self.out)


def run_commands(site: SiteProcess, commands: Sequence[Sequence[str]], stdin: str = "") -> list[CommandResult]:
    """Run `commands` on the site's data, one after the other, each with the same stdin."""
    requests = json.dumps([{"args": list(args), "stdin": stdin} for args in commands])
    done = fork_server.run([], site.env, input=requests, timeout_seconds=TIMEOUT_SECONDS, main=__name__)
    assert done.returncode == 0, done.stderr
    return [
        CommandResult(tuple(args), **result) for args, result in zip(commands, json.loads(done.stdout), strict=True)
    ]


def _run_command(args: list[str], stdin: str) -> dict[str, Any]:
    from pointsync.cli.commands import ROOT

    if args[:1] in (["restore"], ["rotate-key"]):
        for _ in range(3):
            gc.collect()  # else earlier commands would count as running processes
    streams = sys.stdin, sys.stdout, sys.stderr
    sys.stdin = io.TextIOWrapper(io.BytesIO(stdin.encode()), "utf-8")
    sys.stdout = out = io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True)
    sys.stderr = err = io.TextIOWrapper(io.BytesIO(), "utf-8", "backslashreplace", write_through=True)
    code: Any = 0
    try:
        ROOT.main(args, prog_name="pointsync")
    except SystemExit as end:
        code = end.code
    finally:
        sys.stdin, sys.stdout, sys.stderr = streams
    threads = [each.name for each in threading.enumerate() if each is not threading.main_thread()]
    outputs = {name: each.buffer.getvalue().decode() for name, each in (("out", out), ("err", err))}  # type: ignore[attr-defined]
    return {"code": code or 0, "threads": threads, **outputs}


def main() -> None:
    """Run the commands in the forked process."""
    print(json.dumps([_run_command(**each) for each in json.load(sys.stdin)]))
