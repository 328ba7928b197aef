"""Copies and earlier states of a site's data folder, as people and machines make them."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

DATABASE = "pointsync.db"
SIDE_FILES = (f"{DATABASE}-wal", f"{DATABASE}-shm")


def snapshot(data_dir: Path, target: Path) -> Path:
    """Copy the folder of a site, which may run: as a snapshot of its volume has it."""
    target.mkdir(parents=True)
    for file in data_dir.iterdir():
        if file.is_file() and file.name not in (DATABASE, *SIDE_FILES):
            shutil.copy(file, target / file.name)
    with closing(sqlite3.connect(data_dir / DATABASE)) as source, closing(sqlite3.connect(target / DATABASE)) as copy:
        source.backup(copy)
    return target


def roll_back(data_dir: Path, kept: Path) -> None:
    """Put the folder of a stopped site back to a snapshot of its volume: the files keep their inodes."""
    for name in SIDE_FILES:
        (data_dir / name).unlink(missing_ok=True)
    for file in kept.iterdir():
        (data_dir / file.name).write_bytes(file.read_bytes())


def clone_volume(kept: Path, data_dir: Path) -> Path:
    """A folder on a clone of the volume: the database believes that it is in its place."""
    shutil.copytree(kept, data_dir)
    with closing(sqlite3.connect(data_dir / DATABASE)) as database, database:
        database.execute("UPDATE site SET place = NULL")
    return data_dir
