"""The manual against the code: it explains each code that a ping can find, and no other."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from pointsync.net import call, connections, http_client
from pointsync.sync.protocol import errors, ping, pointsync_client, request, woorewards_client
from tests.support.paths import PACKAGE
from tests.support.source import list_nodes

#: Where the code stands among the arguments.
CALLS = {
    "RemoteError": 0,
    "build_error": 0,
    "TransientCallError": 0,
    "PermanentCallError": 0,
    "PingResult": 1,
    "_pointsync_result": 1,
}


def codes_of(path: str) -> Iterator[str]:
    """The codes that a module names where it makes a failure or a verdict."""
    for node in list_nodes(Path(path)):
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "code":
            yield from texts(node.value)
        if isinstance(node, ast.Call) and (place := CALLS.get(ast.unparse(node.func).split(".")[-1])) is not None:
            yield from texts(node.args[place])


def texts(node: ast.expr) -> Iterator[str]:
    """The texts that an expression may come to."""
    if isinstance(node, ast.IfExp):
        yield from (*texts(node.body), *texts(node.orelse))
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value


def test_every_code_of_a_ping_is_explained():
    modules = (http_client, call, connections, errors, ping, pointsync_client, request, woorewards_client)
    known = {code for module in modules for code in codes_of(module.__file__)}
    known |= {code for code, _ in pointsync_client._PERMANENT_ERRORS.values()} | set(errors._REFUSALS)
    known |= set(pointsync_client._REFUSED_RUNS)
    section = (PACKAGE / "manual" / "troubleshooting.md").read_text().split("\n## Ping codes\n")[1].split("\n## ")[0]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    assert {code for row in rows for code in re.findall(r"`(\w+)`", row)} == known
    assert {"ok", "clock_skew", "refused_connection", "timeout", "blocked", "blocked_address", "bad_answer"} <= known
