"""Every PHP file of the plugin can be read by PHP 7.4, and can be compiled by Debian's PHP."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.shops.interpreters import BOTH, DEBIAN, HERE, PHP_7_4, PLUGIN, Interpreter

FILES = sorted(PLUGIN.rglob("*.php"))


def find_errors(php: Interpreter, *files: Path) -> dict[str, str]:
    """The syntax errors by path."""
    if php.missing:
        pytest.skip(php.missing)
    [run] = php.run(HERE / "lint.php", [[str(each) for each in files]], {each: str(each) for each in _folders(files)})
    assert run.status == 0, run.errors
    return dict(json.loads(run.text))


def _folders(files: tuple[Path, ...]) -> set[Path]:
    return {each.parent for each in files if not each.is_relative_to(PLUGIN)}


def test_every_file_can_be_read() -> None:
    assert len(FILES) > 20
    assert find_errors(PHP_7_4, *FILES) == {}


def test_every_file_can_be_compiled() -> None:
    """`php -l` finds more than the syntax, such as a class that is declared twice."""
    if DEBIAN.missing:
        pytest.skip(DEBIAN.missing)
    command = 'for file; do php -n -l -d display_errors=1 "$file" >/dev/null || echo "$file"; done'
    words = ["sh", "-c", command, "sh", *FILES]
    done = subprocess.run(words, capture_output=True, encoding="utf-8", timeout=100, check=True)
    assert done.stdout == ""


@pytest.mark.parametrize("php", BOTH, ids=lambda php: php.name)
def test_control_a_wrong_file_is_found(php: Interpreter, tmp_path: Path) -> None:
    wrong, newer = tmp_path / "wrong.php", tmp_path / "newer.php"
    wrong.write_text("<?php function (")
    newer.write_text("<?php class A { public function __construct(private int $x) {} }")
    assert set(find_errors(php, wrong, newer)) == {str(wrong), *([] if php is DEBIAN else [str(newer)])}
