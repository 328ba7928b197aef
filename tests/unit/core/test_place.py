"""Where a database is: what is compared, and on which file systems inodes say nothing."""

import os
from pathlib import Path

import pytest
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from pointsync.db import place
from pointsync.db.place import Place

MOUNTS = """\
21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 21 0:25 / /tmp/usb rw shared:2 - vfat /dev/sdb1 rw
31 21 0:26 / /tmp/with\\040space rw - fuse.sshfs host: rw
32 21 0:27 / /tmp/usb/inner rw - xfs /dev/sdc1 rw
35 21 0:30 / /tmp/fixed rw - ext4 /dev/sde1 rw
33 21 0:28 / /tmp/twice rw - vfat /dev/sdd1 rw
34 21 0:29 / /tmp/twice rw master:7 - overlay overlay rw
"""


def test_a_place_is_stored_as_text():
    for each in (Place("inode 12"), Place("postgresql 7 16384", "00000001 2026-03-01 12:00:00+00"), Place("")):
        assert place.parse(str(each)) == each
    assert place.parse(None) == Place("")


def test_an_unknown_place_is_never_elsewhere():
    here = Place("inode 12")
    assert here.is_elsewhere(Place("inode 13"))
    assert not here.is_elsewhere(Place("inode 12", "later"))
    assert not here.is_elsewhere(Place(""))
    assert not Place("").is_elsewhere(here)


def test_the_file_system_is_compared_where_both_know_it():
    """On new file systems the first files have the same inodes."""
    here = Place("inode 12 of 5348972668127090742")
    assert here.is_elsewhere(Place("inode 12 of 8665977696960340929"))
    assert here.is_elsewhere(Place("inode 13 of 5348972668127090742"))
    assert here.is_elsewhere(Place("inode 13"))
    assert not here.is_elsewhere(Place("inode 12"))
    assert not Place("inode 12").is_elsewhere(here)
    assert not here.is_elsewhere(here)


@pytest.mark.parametrize(
    ("folder", "expected"),
    [
        ("/tmp/usb", ""),
        ("/tmp/usb/deeper", ""),
        ("/tmp/usb/inner", "inode {inode}"),
        ("/tmp/usbstick", "inode {inode} of {system:x}"),
        ("/tmp/with space", ""),
        ("/tmp/twice", "inode {inode}"),
        ("/tmp/fixed", "inode {inode} of {system:x}"),
        ("/tmp", "inode {inode} of {system:x}"),
    ],
)
def test_inodes_that_a_driver_makes_up_are_not_compared(
    folder: str, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """The file exists elsewhere; only the table of mounts says where it is."""
    root = tmp_path / "root"
    file = root / folder.lstrip("/") / "pointsync.db"
    file.parent.mkdir(parents=True)
    mounts = tmp_path / "mountinfo"
    escaped = str(root).replace(" ", "\\040")
    mounts.write_text(MOUNTS.replace(" /tmp", f" {escaped}/tmp"))
    monkeypatch.setattr(place, "MOUNTS_FILE", mounts)
    engine = create_engine(f"sqlite:///{file}")
    place.watch_connections(engine)
    with Session(engine) as session:
        found = place.of(session)
    engine.dispose()
    assert found == Place(expected.format(inode=file.stat().st_ino, system=os.statvfs(file).f_fsid))


def test_a_system_without_a_table_of_mounts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(place, "MOUNTS_FILE", tmp_path / "missing")
    engine = create_engine(f"sqlite:///{tmp_path}/pointsync.db")
    place.watch_connections(engine)
    with Session(engine) as session:
        assert place.of(session).name.startswith("inode ")
    engine.dispose()


def test_a_copied_file_is_elsewhere_and_a_hard_link_is_not(tmp_path: Path):
    (tmp_path / "a.db").touch()
    os.link(tmp_path / "a.db", tmp_path / "link.db")
    (tmp_path / "copy.db").write_bytes((tmp_path / "a.db").read_bytes())
    found = {}
    for name in ("a", "link", "copy"):
        engine = create_engine(f"sqlite:///{tmp_path}/{name}.db")
        place.watch_connections(engine)
        with Session(engine) as session:
            found[name] = place.of(session)
        engine.dispose()
    assert found["a"] == found["link"] != found["copy"]
