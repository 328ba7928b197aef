"""The plugin as a zip file, which WordPress installs. It is the same for everybody: it has no secret and no address."""

import io
import re
import zipfile
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent / "wordpress" / "pointsync"
MAIN_FILE = "pointsync.php"
_VERSION = re.compile(r"^ \* Version:\s+([0-9][0-9.]*)\s*$", re.MULTILINE)
_FIRST_DAY = (1980, 1, 1, 0, 0, 0)
"""The earliest time that a zip file can have. With the times of the files, two sites would make different zips."""
_READABLE_FILE = 0o100644 << 16


@cache
def build() -> bytes:
    """The zip. The same files always make the same bytes."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path in _list_files():
            info = zipfile.ZipInfo(f"{FOLDER.name}/{path.relative_to(FOLDER).as_posix()}", _FIRST_DAY)
            info.compress_type, info.external_attr, info.create_system = zipfile.ZIP_DEFLATED, _READABLE_FILE, 3
            archive.writestr(info, path.read_bytes())
    return target.getvalue()


@cache
def get_version() -> str:
    """The version of the plugin in the zip."""
    found = _VERSION.search((FOLDER / MAIN_FILE).read_text())
    assert found is not None, "WordPress needs the version in the head of the main file"
    return found[1]


def is_older(version: str) -> bool:
    """Whether a plugin of this version is older than that in the zip. False for a version that is no number."""
    try:
        return _numbers(version) < _numbers(get_version())
    except ValueError:
        return False


def _list_files() -> list[Path]:
    """The plugin's files, sorted by their paths."""
    paths = (path for path in FOLDER.rglob("*") if path.is_file() and not path.name.startswith("."))
    return sorted(paths, key=lambda path: path.relative_to(FOLDER).as_posix())


def _numbers(version: str) -> tuple[int, ...]:
    """The numbers of a version; a zero at the end says nothing. Raises ValueError."""
    numbers = [int(each) for each in version.split(".")]
    while numbers and not numbers[-1]:
        del numbers[-1]
    return tuple(numbers)
