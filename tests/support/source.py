"""The package's own source, parsed once for all tests that look at it."""

import ast
from functools import cache
from pathlib import Path

from tests.support.paths import PACKAGE


@cache
def parse_file(path: Path) -> ast.Module:
    """A file's syntax tree. Tests must not change it."""
    return ast.parse(path.read_text(), str(path))


@cache
def list_nodes(path: Path) -> list[ast.AST]:
    """All nodes of that tree, as `ast.walk` gives them."""
    return list(ast.walk(parse_file(path)))


def module_paths() -> dict[str, Path]:
    """Every module of the package: its dotted name behind `pointsync.`, and its file."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found
