"""Files that PointSync creates can be read by its own account only, whatever the umask and the folder's mode."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.process import SiteProcess


@pytest.fixture
def open_site(tmp_path: Path) -> Iterator[SiteProcess]:
    """A site in a folder that everybody may read, with a umask that hides nothing. Its first start creates the tables
    as on a server; a forked process would copy them."""
    site = SiteProcess(tmp_path / "open", env={"TMPDIR": str(tmp_path)})
    site.data_dir.chmod(0o755)
    site.umask, site.is_forked = 0, False
    with site:
        site.is_forked = True
        yield site


def test_all_files_are_private(open_site: SiteProcess, tmp_path: Path) -> None:
    open_site.cli("record", "alice@example.com", "5")
    open_site.cli("backup", str(open_site.data_dir / "backup.zip"))
    open_site.cli("export", "--output", str(open_site.data_dir / "customers.csv"))
    created = {path.relative_to(open_site.data_dir) for path in open_site.data_dir.rglob("*")} - {Path("serve.log")}
    assert {"pointsync.db", "pointsync.db-wal", "secret_key", "marker", "backup.zip"} <= {str(path) for path in created}
    assert _modes(open_site, created) == {}

    open_site.terminate()
    open_site.cli("rotate-key")
    open_site.cli("restore", str(open_site.data_dir / "backup.zip"))
    created = {path.relative_to(open_site.data_dir) for path in open_site.data_dir.rglob("*")} - {Path("serve.log")}
    assert _modes(open_site, created) == {}


def test_a_file_with_a_wide_mode_is_named_at_the_start_and_left_as_it_is(open_site: SiteProcess) -> None:
    assert "chmod 600" not in open_site.log_tail()
    database = open_site.data_dir / "pointsync.db"
    open_site.terminate()
    database.chmod(0o644)
    open_site.start()
    is_reachable = all(folder.stat().st_mode & 0o001 for folder in database.parents)
    assert (f"run: chmod 600 {database}" in open_site.log_tail()) == is_reachable
    assert database.stat().st_mode & 0o777 == 0o644


def _modes(site: SiteProcess, paths: set[Path]) -> dict[str, str]:
    """The modes of files and folders that others can use."""
    modes = {str(path): (site.data_dir / path).stat().st_mode & 0o777 for path in paths}
    return {path: oct(mode) for path, mode in modes.items() if mode & 0o077}
