"""Each function `test_…` in `php/*_test.php` is a test of its own, in each version of PHP."""

import json
from functools import cache

import pytest

from tests.shops.interpreters import BOTH, HERE, Interpreter

FILES = {each.name: each for each in sorted((HERE / "php").glob("*_test.php"))}


@cache
def _run_all(php: Interpreter) -> dict[tuple[str, str], str]:
    """Why each test has failed, by its file and name; empty for those that have passed."""
    found = {}
    runs = php.run(HERE / "php" / "run.php", [[str(file)] for file in FILES.values()])
    for name, run in zip(FILES, runs, strict=True):
        assert run.status == 0, f"{name}: {run.text}{run.errors}"
        results = [json.loads(line) for line in run.text.splitlines()]
        found |= {(name, each["name"]): each["why"] for each in results}
    return found


def _names(file: str) -> list[str]:
    words = FILES[file].read_text().split()
    return [word.partition("(")[0] for word in words if word.startswith("test_") and "(" in word]


@pytest.mark.parametrize("php", BOTH, ids=lambda php: php.name)
@pytest.mark.parametrize(("file", "name"), [(file, name) for file in FILES for name in _names(file)])
def test_class(file: str, name: str, php: Interpreter) -> None:
    if php.missing:
        pytest.skip(php.missing)
    assert _run_all(php)[file, name] == ""
