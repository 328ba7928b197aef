"""WordPress 6.4 in PHP 7.4, with the plugin and a database in a file. It is unpacked from what `fetch_packages` got."""

import shutil
import zipfile
from pathlib import Path

from tests.shops import fetch_packages
from tests.shops.interpreters import HERE, PHP_7_4, PLUGIN, ScriptRun

FOLDER = "/wordpress"
"""Where it is for PHP."""
DATABASE_PLUGIN = "sqlite-database-integration"


def unpack(target: Path) -> Path:
    """Unpack it into a folder."""
    with zipfile.ZipFile(fetch_packages.WORDPRESS_FOLDER / "wp-6.4.zip") as archive:
        archive.extractall(target)
    content = target / "wp-content"
    with zipfile.ZipFile(fetch_packages.WORDPRESS_FOLDER / f"{DATABASE_PLUGIN}.zip") as archive:
        archive.extractall(content / "plugins")
    (content / "plugins" / f"{DATABASE_PLUGIN}-main").rename(content / "plugins" / DATABASE_PLUGIN)
    shutil.copy(content / "plugins" / DATABASE_PLUGIN / "db.copy", content / "db.php")
    (content / "mu-plugins").mkdir()
    shutil.copy(HERE / "wordpress" / "mu_plugin.php", content / "mu-plugins")
    return target


def run(site: Path, file: str, *arguments: str) -> ScriptRun:
    """Run the tests of a file in `tests/shops/wordpress`, in a fresh copy of the site."""
    script, tests = HERE / "wordpress" / "run.php", HERE / "wordpress" / file
    folders = {site: FOLDER, PLUGIN: f"{FOLDER}/wp-content/plugins/pointsync"}
    [done] = PHP_7_4.run(script, [[str(tests), *arguments]], folders)
    return done
