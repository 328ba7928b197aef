"""Many commands in one process, each as the command line would run it: importing takes longer than they do.

`python -m tests.cli.command_batch` reads `[{args, stdin}]` from stdin and answers `[{code, out, err, threads}]`.
"""

import gc
import io
import json
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tests.support.process import SiteProcess

SECONDS = 110


@dataclass(frozen=True)
class Done:
    """What a command has said, how it ended, and which threads ran then beside the main one."""

    args: tuple[str, ...]
    code: int
    out: str
    err: str
    threads: list[str]

    @property
    def json(self) -> Any:
        """Its one JSON document."""
        assert self.code == 0, self
        return json.loads(self.out)


def run_many(site: SiteProcess, commands: Sequence[Sequence[str]], stdin: str = "") -> list[Done]:
    """Run `commands` on the site's data, one after the other, each with the same stdin."""
    asked = json.dumps([{"args": list(args), "stdin": stdin} for args in commands])
    done = subprocess.run(
        [sys.executable, "-m", "tests.cli.command_batch"],
        env=site.env,
        input=asked,
        capture_output=True,
        encoding="utf-8",
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [Done(tuple(args), **said) for args, said in zip(commands, json.loads(done.stdout), strict=True)]


def _run(args: list[str], stdin: str) -> dict[str, Any]:
    from pointsync.cli.commands import COMMANDS

    if args[:1] in (["restore"], ["rotate-key"]):
        gc.collect()  # commands before it would count as processes that run
    streams = sys.stdin, sys.stdout, sys.stderr
    sys.stdin = io.TextIOWrapper(io.BytesIO(stdin.encode()), "utf-8")
    sys.stdout = out = io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True)
    sys.stderr = err = io.TextIOWrapper(io.BytesIO(), "utf-8", "backslashreplace", write_through=True)
    code: Any = 0
    try:
        COMMANDS.main(args, prog_name="pointsync")
    except SystemExit as end:
        code = end.code
    finally:
        sys.stdin, sys.stdout, sys.stderr = streams
    threads = [each.name for each in threading.enumerate() if each is not threading.main_thread()]
    said = {name: each.buffer.getvalue().decode() for name, each in (("out", out), ("err", err))}  # type: ignore[attr-defined]
    return {"code": code or 0, "threads": threads, **said}


if __name__ == "__main__":
    print(json.dumps([_run(**each) for each in json.load(sys.stdin)]))
