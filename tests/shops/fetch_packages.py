"""Gets what the tests of the plugin need from the npm registry: `python3 tests/shops/fetch_packages.py`.

PHP 7.4 for Node.js, and WordPress 6.4, the oldest versions that the plugin supports. They are kept in a cache in the
home folder, so this does nothing the next time. It needs only Python's own library, npm and tar.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

FOLDER = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pointsync-tests"
PHP_VERSION = "3.1.56"
PHP = [f"@php-wasm/node-7-4@{PHP_VERSION}", f"@php-wasm/universal@{PHP_VERSION}"]
WORDPRESS = "@wp-playground/wordpress-builds@0.9.19"
"""A large package, of which only the two files are kept."""
WORDPRESS_FILES = (
    "package/src/wordpress/wp-6.4.zip",
    "package/src/sqlite-database-integration/sqlite-database-integration.zip",
)
PHP_FOLDER = FOLDER / f"php-{PHP_VERSION}"
WORDPRESS_FOLDER = FOLDER / "wordpress-6.4"
FETCH_SECONDS = 600


def has_php() -> bool:
    """Whether PHP 7.4 is there."""
    return (PHP_FOLDER / "node_modules").is_dir()


def has_wordpress() -> bool:
    """Whether WordPress is there."""
    return WORDPRESS_FOLDER.is_dir()


def main() -> None:
    """Get what is missing."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    if not has_php():
        with tempfile.TemporaryDirectory(dir=FOLDER) as folder:
            _npm("install", "--prefix", folder, "--ignore-scripts", "--no-audit", "--no-fund", *PHP)
            shutil.move(folder, PHP_FOLDER)
            Path(folder).mkdir()  # what the context manager removes
    if not has_wordpress():
        with tempfile.TemporaryDirectory(dir=FOLDER) as folder:
            _npm("pack", "--pack-destination", folder, WORDPRESS)
            [archive] = Path(folder).glob("*.tgz")
            target = Path(folder) / "files"
            target.mkdir()
            command = ["tar", "xzf", archive, "-C", target, "--strip-components=3", *WORDPRESS_FILES]
            subprocess.run(command, check=True, timeout=FETCH_SECONDS)
            shutil.move(target, WORDPRESS_FOLDER)


def _npm(*words: str) -> None:
    subprocess.run(["npm", "--silent", *words], check=True, timeout=FETCH_SECONDS, stdout=sys.stderr)


if __name__ == "__main__":
    main()
