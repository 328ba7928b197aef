"""The plugin's zip: the same bytes for everybody, with what WordPress needs, and nothing secret."""

import io
import re
import zipfile
from pathlib import Path

import pytest

from pointsync.shops import plugin_zip
from tests.support.paths import PACKAGE

FOLDER = PACKAGE / "shops" / "wordpress" / "pointsync"


def build_anew() -> bytes:
    plugin_zip.build.cache_clear()
    return plugin_zip.build()


def test_the_same_files_make_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = build_anew()
    copy = tmp_path / "pointsync"
    for path in sorted(FOLDER.rglob("*.*"), reverse=True):
        target = copy / path.relative_to(FOLDER)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
        target.chmod(0o600)
    (copy / ".DS_Store").write_text("left out")
    monkeypatch.setattr(plugin_zip, "FOLDER", copy)
    try:
        assert build_anew() == before, "other times, permissions and order"
        (copy / "readme.txt").write_text("changed")
        assert build_anew() != before
    finally:
        plugin_zip.build.cache_clear()


def test_what_is_in_it() -> None:
    with zipfile.ZipFile(io.BytesIO(plugin_zip.build())) as archive:
        names = archive.namelist()
        assert archive.testzip() is None
        head = archive.read("pointsync/pointsync.php").decode()
    assert names == sorted(names)
    assert all(name.startswith("pointsync/") for name in names)
    assert {"pointsync/pointsync.php", "pointsync/uninstall.php", "pointsync/readme.txt"} <= set(names)
    for line in ("Requires at least:    6.4", "Requires PHP:         7.4", "Update URI:           false"):
        assert line in head, "WordPress reads it"


def test_its_version_is_said_in_one_way() -> None:
    version = plugin_zip.get_version()
    assert f"define( 'POINTSYNC_VERSION', '{version}' );" in (FOLDER / "pointsync.php").read_text()
    assert re.search(rf"^Stable tag:\s+{re.escape(version)}$", (FOLDER / "readme.txt").read_text(), re.MULTILINE)


@pytest.mark.parametrize(
    ("version", "is_older"),
    [
        ("0", True),
        ("0.9.9", True),
        ("1", False),
        ("1.0", False),
        ("1.0.0", False),
        ("1.0.0.0", False),
        ("1.0.1", False),
        ("0.10", True),
        ("2", False),
        ("dev", False),
        ("", False),
        ("1..", False),
    ],
)
def test_an_older_version_is_known(monkeypatch: pytest.MonkeyPatch, version: str, is_older: bool) -> None:
    monkeypatch.setattr(plugin_zip, "get_version", lambda: "1.0.0")
    assert plugin_zip.is_older(version) == is_older
