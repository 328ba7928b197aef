"""Imports point down only, and each outside door stands in one room: read from the source itself."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache

import pytest

from tests.support.paths import CHECKOUT, PACKAGE
from tests.support.source import module_paths, parse_file

# From the bottom up: a module may import what stands below it, and its own folder. The lowest layer is the modules
# at the top of the package that know nothing of the others.
LAYERS = [
    {
        *("clock", "ids", "crypto", "errors", "scopes", "urls", "files", "logs", "config", "key_file"),
        *("failure_counter", "text_limits", "email_address", "csv_safety", "digests", "whole_number"),
    },
    {"db"},
    {"models"},
    {"ledger", "migrations"},
    {"runtime", "leases", "net"},
    {"web"},
    {"sync.site"},
    {"sync.protocol"},
    {"sync.comparison"},
    {"sync.remotes"},
    {"sync.delivery", "sync.fetch_back", "sync.hand_on", "sync.people"},
    {"accounts", "tasks"},
    {"reports", "mail", "woocommerce", "webhooks", "sync.repair"},
    {"exports", "shops"},
    {"imports"},
    {"schedule", "ops"},
    {"startup"},
    {"cli", "admin", "api", "peer"},
    {"app"},
    {"", "__main__"},
]
LAYER = {place: height for height, places in enumerate(LAYERS) for place in places}
TOP_LAYER = LAYER["cli"]


MODULES = module_paths()


@cache
def trees() -> dict[str, ast.Module]:
    """Every module of the package by its dotted name behind `pointsync.`, parsed."""
    return {name: parse_file(path) for name, path in MODULES.items()}


@cache
def imports(tree: ast.Module) -> tuple[str, ...]:
    """The dotted names that a module imports, also inside functions; not those for type checkers only."""
    return tuple(_imported_names(tree))


def _imported_names(tree: ast.Module) -> Iterator[str]:
    for node in _outside_type_checking(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            source = "." * node.level + (node.module or "")
            yield from (f"{source}.{alias.name}" for alias in node.names)


def _outside_type_checking(tree: ast.AST) -> Iterator[ast.AST]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.expr):
            continue  # holds no statement
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        yield node
        yield from _outside_type_checking(node)


def place_of(name: str) -> str | None:
    """The place in LAYERS of a dotted name behind `pointsync.`; None where it has none."""
    parts = name.split(".")
    return next((place for place in (".".join(parts[:2]), parts[0]) if place in LAYER), None)


def imported_place(dotted: str) -> str | None:
    """The place that an imported name lies in; None outside the package, "" for the package's own top."""
    first, _, rest = dotted.partition(".")
    return (place_of(rest) or "") if first == "pointsync" else None


def wrong_imports(module: str, tree: ast.Module) -> list[str]:
    """The imports of a module that do not point down."""
    place = place_of(module)
    assert place is not None
    wrong = []
    for dotted in imports(tree):
        other = imported_place(dotted)
        if dotted.startswith("."):
            wrong.append(f"{module} imports {dotted}: write the whole name, so that its direction is seen")
        if other is None or other == place:
            continue
        if other == "":
            is_wrong = LAYER[place] < TOP_LAYER  # the edges ask for the version, and the commands for the application
        elif LAYER[place] == 0:
            is_wrong = LAYER[other] > 0
        else:
            is_wrong = LAYER[other] >= LAYER[place]
        if is_wrong:
            wrong.append(f"{module or 'pointsync'} imports {dotted}")
    return wrong


def cycles(graph: dict[str, set[str]]) -> list[list[str]]:
    """The rings of modules that import each other: what is left when those that import nothing left are taken away."""
    left = {name: set(others) & set(graph) for name, others in graph.items()}
    while free := [name for name, others in left.items() if not others & set(left)]:
        for name in free:
            del left[name]
    while bare := [name for name in left if not any(name in others for others in left.values())]:
        for name in bare:
            del left[name]
    return [sorted(left)] if left else []


def file_graph(trees: dict[str, ast.Module]) -> dict[str, set[str]]:
    """Which module imports which, without the top: it puts the application together, and commands ask it to."""
    graph = {}
    for name, tree in trees.items():
        names = {dotted.removeprefix("pointsync.") for dotted in imports(tree) if dotted.startswith("pointsync.")}
        targets = {each if each in trees else each.rpartition(".")[0] for each in names}
        graph[name] = targets - {"", name}
    del graph[""]
    return graph


def importers(package: str) -> list[str]:
    """The modules that import an outside package."""
    return [name for name, tree in trees().items() if package in {dotted.split(".")[0] for dotted in imports(tree)}]


@pytest.mark.parametrize("module", MODULES, ids=lambda name: name or "pointsync")
def test_every_import_points_down(module):
    if module == "sync":
        return  # its docstring is all that it has
    assert place_of(module) is not None, "a new folder: say in LAYERS where it stands"
    assert wrong_imports(module, trees()[module]) == []


def test_no_files_import_each_other_in_a_ring():
    assert cycles(file_graph(trees())) == []


def test_a_ring_is_seen():
    trees = {
        "": ast.parse(""),
        "a": ast.parse("from pointsync import b"),
        "b": ast.parse("def f():\n    from pointsync.c import thing"),
        "c": ast.parse("import pointsync.a"),
        "d": ast.parse("from pointsync import a"),
    }
    assert cycles(file_graph(trees)) == [["a", "b", "c"]]


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("ids", "from pointsync import db"),
        ("clock", "import pointsync.models.movement"),
        ("models.movement", "from pointsync.ledger import record"),
        ("ledger.record", "from pointsync.sync.site.settings import read"),
        ("ledger.record", "def later():\n    from pointsync import runtime"),
        ("ledger.record", "from ..sync import settings"),
        ("sync.delivery.send", "import pointsync.api"),
        ("sync.delivery.send", "from pointsync import create_app"),
        ("sync.remotes.check", "from pointsync.sync.delivery import claim"),
        ("sync.site.local_site", "from pointsync.sync.remotes.target import target_of"),
        ("reports.settlement", "from pointsync.exports.rows import header"),
        ("admin.home.dashboard", "from pointsync.api import errors"),
        ("api.remotes", "from pointsync import admin"),
        ("cli.site.identity", "if True:\n    from pointsync.admin.shell.panel import page"),
        ("peer.pointsync", "from pointsync.api.errors import ours"),
        ("app", "from pointsync import create_app as make\nfrom pointsync.__main__ import main"),
    ],
)
def test_a_wrong_import_is_seen(module, source):
    assert wrong_imports(module, ast.parse(source))


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("sync.delivery.send", "from pointsync import clock, ids\nfrom pointsync.ledger.record import record"),
        ("ledger.record", "from pointsync.ledger import customers"),
        ("runtime", "if TYPE_CHECKING:\n    from pointsync.net.http_client import Client"),
        ("config", "from pointsync.errors import ConfigError"),
        ("api.openapi", "import pointsync"),
        ("admin.home.dashboard", "import flask"),
    ],
)
def test_a_right_import_is_let_be(module, source):
    assert wrong_imports(module, ast.parse(source)) == []


@pytest.mark.parametrize("package", ["requests", "apscheduler"])
def test_each_door_to_the_outside_stands_in_one_file(package):
    assert len(importers(package)) == 1


def test_the_ledger_and_the_nouns_know_no_web():
    web = {"flask", "flask_login", "flask_sqlalchemy", "flask_wtf", "werkzeug", "requests", "jinja2", "wtforms"}
    inner = {name: tree for name, tree in trees().items() if name.partition(".")[0] in ("ledger", "models")}
    assert len(inner) > 20
    found = {
        name: sorted(used)
        for name, tree in inner.items()
        if (used := {dotted.split(".")[0] for dotted in imports(tree)} & web)
    }
    assert found == {}


PEOPLE = ["ledger.people.erased", "ledger.people", "ledger.people.erasure", "ledger.people.changes"]
"""From the bottom up: what is known of erased people, customers with several addresses, erasing, and other sites'
changes."""


def test_the_folders_of_people_import_downwards():
    heights = {name: PEOPLE.index(name.rpartition(".")[0]) for name in trees() if name.startswith(f"{PEOPLE[1]}.")}
    found = [
        (name, dotted)
        for name, height in heights.items()
        for dotted in imports(trees()[name])
        for folder in (dotted.removeprefix("pointsync.").rpartition(".")[0],)
        for place in (folder if folder in PEOPLE else folder.rpartition(".")[0],)
        if place in PEOPLE and PEOPLE.index(place) > height
    ]
    assert found == []
    assert len(set(heights.values())) == len(PEOPLE)


def test_no_folder_holds_too_many_files():
    """About 20, or it is several subjects; the nouns have one file each."""
    folders = {path.parent for path in PACKAGE.rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    for folder in folders - {PACKAGE / "models", PACKAGE / "migrations" / "versions"}:
        files = [path for path in folder.iterdir() if path.is_file() and path.name != "__init__.py"]
        assert len(files) <= 21, folder


def test_importing_the_package_does_nothing():
    """No thread, no scheduler, no HTTP client, no file: importing is free."""
    source = (
        "import sys, threading, pointsync\n"
        "assert threading.active_count() == 1\n"
        "assert not {'requests', 'apscheduler', 'pointsync.sync', 'pointsync.db'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", source], cwd=CHECKOUT, check=True, timeout=60)
