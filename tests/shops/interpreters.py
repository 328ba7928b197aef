"""The two versions of PHP in which the plugin's tests run: Debian's, and 7.4, the oldest that it supports."""

import json
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.shops import fetch_packages
from tests.support.paths import CHECKOUT, PACKAGE

RUN_SECONDS = 100
PLUGIN = PACKAGE / "shops" / "wordpress" / "pointsync"
HERE = Path(__file__).parent
NEEDED = (PLUGIN, HERE)
"""What the scripts read. In PHP 7.4 they have the same paths, so that what one file says of another is right."""


@dataclass(frozen=True, slots=True)
class ScriptRun:
    """What a script has printed."""

    text: str
    errors: str
    status: int


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A version of PHP."""

    name: str
    missing: str | None
    """What to do to have it; None if it is here."""

    def run(
        self, script: Path, runs: Sequence[Sequence[str]], folders: Mapping[Path, str] | None = None
    ) -> list[ScriptRun]:
        """Run a script once for each list of arguments. In PHP 7.4, `folders` are copied to other paths before."""
        if self is DEBIAN:
            return [_run_debian(script, words) for words in runs]
        copied = {each: str(each) for each in NEEDED} | dict(folders or {})
        command = ["node", HERE / "php_7_4.mjs", fetch_packages.PHP_FOLDER, script, json.dumps(list(runs))]
        command += [f"{folder}={path}" for folder, path in copied.items()]
        done = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=RUN_SECONDS, check=False)
        assert done.returncode == 0, done.stderr
        return [ScriptRun(**json.loads(line)) for line in done.stdout.splitlines()]


def _run_debian(script: Path, words: Sequence[str]) -> ScriptRun:
    command = ["php", "-d", "display_errors=stderr", script, *words]
    done = subprocess.run(
        command, capture_output=True, encoding="utf-8", timeout=RUN_SECONDS, check=False, cwd=CHECKOUT
    )
    return ScriptRun(done.stdout, done.stderr, done.returncode)


_FETCH = "run: python3 tests/shops/fetch_packages.py (it needs npm)"
DEBIAN = Interpreter("debian", None if shutil.which("php") else "PHP is not installed: apt-get install php-cli")
PHP_7_4 = Interpreter(
    "7.4", None if shutil.which("node") and fetch_packages.has_php() else f"PHP 7.4 is not here; {_FETCH}"
)
BOTH = (DEBIAN, PHP_7_4)
WORDPRESS_MISSING = PHP_7_4.missing or (None if fetch_packages.has_wordpress() else f"WordPress is not here; {_FETCH}")
