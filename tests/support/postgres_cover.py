"""Which tests need not run on PostgreSQL each time, because others execute all their statements there.

Most tests of the ledger, of sites and of pages run on SQLite and again on PostgreSQL, where they can find what only
PostgreSQL does: its SQL, types, constraints and locks. `tests/data/covered_on_postgres.txt` names tests of which every
statement, and every error of one, is also in a test that does run there; what they do beside that is the same code on
both. Their second run is `long`. To write the list again:

    .venv/bin/pytest -n 2 -p tests.support.postgres_cover -m 'postgres and not long'
"""

import inspect
import json
import re
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import pytest
from sqlalchemy import Engine, event

from tests.support import run_folder
from tests.support.paths import DATA

LIST = DATA / "covered_on_postgres.txt"
HEADER = "# Written by tests/support/postgres_cover.py."
ABOUT_POSTGRES = re.compile(
    r"postgres|dialect|concurren|parallel|lock|barrier|thread|isolation|collat|unicode|\\x00|%00|2 ?\*\* ?6|sort"
    r"|order_by|spelling|migrat|integrity|DatabaseBusy|time_zone|explain|plan|/db/|lease|under_load|killed",
    re.IGNORECASE,
)
"""Words of tests, or of their paths, that are about what the two databases do differently. These run on both."""
SAME_STATEMENT = [
    (re.compile(r"IN \((?:%\(\w+\)s(?:::\w+)?(?:, )?)+\)"), "IN (…)"),
    (re.compile(r"VALUES (\((?:[^()]|\([^()]*\))*\))(?:, \((?:[^()]|\([^()]*\))*\))+"), r"VALUES \1…"),
    (re.compile(r"%\((\w+?)(?:_\d+)*(?:__\d+)?\)s"), r"%(\1)s"),
    (re.compile(r"SAVEPOINT \w+"), "SAVEPOINT"),
]
"""Statements that differ only in the number of their values, or in the numbers of their names, are one."""


@cache
def read_list() -> frozenset[str]:
    """The covered tests, without their parameters."""
    return frozenset(line for line in LIST.read_text().splitlines() if not line.startswith("#"))


def is_recording(config: pytest.Config) -> bool:
    """Whether this run writes the list, and so runs all tests."""
    return config.pluginmanager.has_plugin(__name__)


@dataclass
class Execution:
    """What the cases of a test have executed on PostgreSQL."""

    statements: set[str] = field(default_factory=set)
    threads: set[int] = field(default_factory=set)
    seconds: float = 0
    is_about_postgres: bool = False


def choose_covered(executed: dict[str, Execution]) -> list[str]:
    """The tests that can be left out so that each statement stays in one that is not; the longest ones first."""
    left = Counter(statement for each in executed.values() for statement in each.statements)
    covered = []
    for name, each in sorted(executed.items(), key=lambda item: -item[1].seconds):
        can_be_left_out = not each.is_about_postgres and len(each.threads) < 2
        if can_be_left_out and all(left[statement] > 1 for statement in each.statements):
            covered.append(name)
            left.subtract(each.statements)
    return sorted(covered)


_executed: dict[str, Execution] = {}
_running: list[Execution] = []


def pytest_configure() -> None:
    """Listen to all databases."""
    event.listen(Engine, "before_cursor_execute", _note_statement)
    event.listen(Engine, "handle_error", _note_error)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_protocol(item: pytest.Function) -> Iterator[None]:
    """Note what the test executes."""
    name = item.nodeid.partition("[")[0]
    execution = _executed.setdefault(name, Execution())
    execution.is_about_postgres = bool(ABOUT_POSTGRES.search(name + inspect.getsource(item.function)))
    began_at = time.process_time()
    _running.append(execution)
    yield
    _running.pop()
    execution.seconds += time.process_time() - began_at


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Let each worker hand over what it has noted, and write the list in the end."""
    worker = getattr(session.config, "workerinput", {}).get("workerid", "main")
    noted = {
        name: {**vars(each), "statements": sorted(each.statements), "threads": sorted(each.threads)}
        for name, each in _executed.items()
        if each.statements
    }
    (run_folder.path() / f"executed-{worker}.json").write_text(json.dumps(noted))
    if worker == "main":
        LIST.write_text("\n".join((HEADER, *choose_covered(_read_noted()), "")))


def _read_noted() -> dict[str, Execution]:
    found: dict[str, Execution] = {}
    for file in run_folder.path().glob("executed-*.json"):
        for name, noted in json.loads(file.read_text()).items():
            found[name] = Execution(**noted | {part: set(noted[part]) for part in ("statements", "threads")})
    return found


def _note_statement(connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
    if _running and connection.dialect.name == "postgresql":
        _running[-1].statements.add(_normalise(statement))
        _running[-1].threads.add(threading.get_ident())


def _note_error(context: Any) -> None:
    if _running and context.dialect and context.dialect.name == "postgresql":
        kind = type(context.original_exception).__name__
        _running[-1].statements.add(f"{kind}: {_normalise(context.statement or '')}")


def _normalise(statement: str) -> str:
    for pattern, same in SAME_STATEMENT:
        statement = pattern.sub(same, statement)
    return statement


def list_missing(names: Iterable[str]) -> list[str]:
    """The names of tests that are no longer there."""
    return [name for name in names if not _is_there(*name.split("::"))]


def _is_there(path: str, *names: str) -> bool:
    file = DATA.parents[1] / path
    return file.exists() and f"def {names[-1]}(" in file.read_text()
