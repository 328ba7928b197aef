"""Imports point down only, and each outside door stands in one room: read from the source itself."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import pointsync
from tests.support.process import CHECKOUT

PACKAGE = Path(pointsync.__file__).parent

# From the bottom up: a room may import what stands below it, and its own parts.
FLOORS = [
    {"clock", "ids", "crypto", "errors", "scopes", "urls", "files", "sqlite_file", "fair_lock", "config", "key_file"},
    {"db"},
    {"models"},
    {"ledger", "migrations"},
    {"runtime", "logs", "call_log", "gate", "uploads"},
    {"limits", "secret_key"},
    {"busy"},
    {"sync"},
    {"start"},
    {"cli", "admin", "api", "peer"},
    {"web"},
    {"", "__main__"},
]
FLOOR = {room: height for height, rooms in enumerate(FLOORS) for room in rooms}
EDGES = FLOOR["cli"]


def modules() -> dict[str, ast.Module]:
    """Every module of the package by its dotted name behind `pointsync.`, parsed."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name] = ast.parse(path.read_text(), str(path))
    return found


MODULES = modules()


def imports(tree: ast.Module) -> Iterator[str]:
    """The dotted names that a module imports, also inside functions; not those for type checkers only."""
    for node in _outside_type_checking(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            source = "." * node.level + (node.module or "")
            yield from (f"{source}.{alias.name}" for alias in node.names)


def _outside_type_checking(tree: ast.AST) -> Iterator[ast.AST]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        yield node
        yield from _outside_type_checking(node)


def room_of(dotted: str) -> str | None:
    """The room that an imported name lies in; None outside the package, "" for the package's own top."""
    first, _, rest = dotted.partition(".")
    if first != "pointsync":
        return None
    room = rest.partition(".")[0]
    return room if room in FLOOR else ""


def faults(module: str, tree: ast.Module) -> list[str]:
    """The arrows of a module that do not point down."""
    room = module.partition(".")[0]
    wrong = []
    for dotted in imports(tree):
        other = room_of(dotted)
        if dotted.startswith("."):
            wrong.append(f"{module} imports {dotted}: name the whole way, so that arrows are read at sight")
        if other is None or other == room:
            continue
        if other == "":
            is_wrong = FLOOR[room] < EDGES  # the edges ask for the version, and the commands for the application
        elif FLOOR[room] == 0:
            is_wrong = FLOOR[other] > 0
        else:
            is_wrong = FLOOR[other] >= FLOOR[room]
        if is_wrong:
            wrong.append(f"{module or 'pointsync'} imports {dotted}")
    return wrong


def importers(package: str) -> list[str]:
    """The modules that import an outside package."""
    return [name for name, tree in MODULES.items() if package in {dotted.split(".")[0] for dotted in imports(tree)}]


@pytest.mark.parametrize("module", MODULES, ids=lambda name: name or "pointsync")
def test_every_arrow_points_down(module):
    assert module.partition(".")[0] in FLOOR, "a new room: say on which floor it stands"
    assert faults(module, MODULES[module]) == []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("ids", "from pointsync import db"),
        ("clock", "import pointsync.models.movement"),
        ("models.movement", "from pointsync.ledger import record"),
        ("ledger.record", "from pointsync.sync.settings import read"),
        ("ledger.record", "def later():\n    from pointsync import runtime"),
        ("ledger.record", "from ..sync import settings"),
        ("sync.send", "import pointsync.api"),
        ("sync.send", "from pointsync import create_app"),
        ("admin.dashboard", "from pointsync.api import errors"),
        ("api.lists", "from pointsync import admin"),
        ("cli.site", "if True:\n    from pointsync.admin.panel import page"),
        ("peer.pointsync", "from pointsync.api.errors import ours"),
        ("web", "from pointsync import create_app as make\nfrom pointsync.__main__ import main"),
    ],
)
def test_a_wrong_arrow_is_seen(module, source):
    assert faults(module, ast.parse(source))


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("sync.send", "from pointsync import clock, ids\nfrom pointsync.ledger.record import record"),
        ("ledger.record", "from pointsync.ledger import customers"),
        ("runtime", "if TYPE_CHECKING:\n    from pointsync.sync.client import Client"),
        ("config", "from pointsync.errors import ConfigError"),
        ("api.description", "import pointsync"),
        ("admin.dashboard", "import flask"),
    ],
)
def test_a_right_arrow_is_let_be(module, source):
    assert faults(module, ast.parse(source)) == []


@pytest.mark.parametrize("package", ["requests", "apscheduler"])
def test_each_door_to_the_outside_stands_in_one_file(package):
    assert len(importers(package)) == 1


def test_the_ledger_and_the_nouns_know_no_web():
    web = {"flask", "flask_login", "flask_sqlalchemy", "flask_wtf", "werkzeug", "requests", "jinja2", "wtforms"}
    inner = {name: tree for name, tree in MODULES.items() if name.partition(".")[0] in ("ledger", "models")}
    assert len(inner) > 20
    found = {
        name: sorted(used)
        for name, tree in inner.items()
        if (used := {dotted.split(".")[0] for dotted in imports(tree)} & web)
    }
    assert found == {}


def test_importing_the_package_does_nothing():
    """No thread, no scheduler, no HTTP client, no file: importing is free."""
    source = (
        "import sys, threading, pointsync\n"
        "assert threading.active_count() == 1\n"
        "assert not {'requests', 'apscheduler', 'pointsync.sync', 'pointsync.db'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", source], cwd=CHECKOUT, check=True, timeout=60)
