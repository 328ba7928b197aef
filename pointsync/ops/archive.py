"""The backup file: a ZIP with the database, a manifest and usually the secret key that decrypts the database.

The secret key is included if PointSync has generated it (`secret_key` in POINTSYNC_DATA): after the loss of a server,
the backup may be all that is left, and without the key the site's Pass, its private key and its remotes' Passes would
be lost. A key that the operator sets with POINTSYNC_SECRET_KEY is not included.
"""

import sqlite3
import zipfile
import zlib
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

import msgspec

from pointsync import clock
from pointsync.crypto import Vault, WrongSecretKey
from pointsync.db import sqlite_file
from pointsync.db.sqlite_file import ProgressCallback
from pointsync.errors import DomainError

FORMAT = 1
FORMAT_NAME = "pointsync backup"
MANIFEST_NAME, DATABASE_NAME, SECRET_NAME = "about.json", "database", "secret_key"
SQLITE_HEADER = b"SQLite format 3\0"
SQLITE, POSTGRESQL = "sqlite", "postgresql"
MAX_MANIFEST_BYTES = 65_536
CHUNK_BYTES = 1_048_576
NOT_A_BACKUP = "is not a backup made by pointsync backup"
READ_ERRORS = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError)


class BadBackup(DomainError):
    """The file cannot be restored. The message says why and continues a sentence that begins with the file's name.

    `is_damaged`: it is a backup of which nothing can be restored.
    """

    def __init__(self, message: str, *, is_damaged: bool = False) -> None:
        super().__init__("bad_backup", message)
        self.is_damaged = is_damaged


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """The description in a backup. Its format must not change: older backups have it."""

    what: str
    format: int
    made_at: str
    version: str
    """The version of PointSync."""
    schema: str
    """The database's migration."""
    database: str
    """`sqlite` (a database file) or `postgresql` (the output of `pg_dump`)."""
    site: str
    """The name of the site."""
    proof: str
    """A text encrypted with the secret key. A key that decrypts it decrypts the database's secrets."""
    auth: str | None = None
    """The site's Auth; None in backups of the first version."""
    last_seq: int | None = None
    """The last movement's number in the database; None in backups of the first version."""


@dataclass(frozen=True, slots=True)
class Archive:
    """A backup that was read: its manifest, and its secret key if it holds one."""

    path: Path
    manifest: Manifest
    secret: str | None
    is_database_file: bool = False
    """Whether the file is a plain SQLite database, such as the copies kept before an upgrade or a restore."""

    def can_be_decrypted_by(self, vault: Vault) -> bool:
        """Whether `vault` has the secret key with which the database was encrypted."""
        try:
            vault.decrypt(self.manifest.proof)
        except WrongSecretKey:
            return False
        return True

    def extract_database(self, target: Path, on_progress: ProgressCallback) -> None:
        """Write the database to `target`. Raises BadBackup if it is damaged, and OSError."""
        if self.is_database_file:
            try:
                sqlite_file.copy(self.path, target, on_progress)
            except sqlite3.DatabaseError as error:
                raise BadBackup(f"cannot be copied: {error}") from error
            return
        try:
            with zipfile.ZipFile(self.path) as file, file.open(DATABASE_NAME) as source, target.open("wb") as copy:
                total, done = file.getinfo(DATABASE_NAME).file_size, 0
                while chunk := source.read(CHUNK_BYTES):
                    copy.write(chunk)
                    done += len(chunk)
                    on_progress(done, total)
        except (KeyError, *READ_ERRORS) as error:
            raise BadBackup("is damaged; take another backup") from error


def write(
    file: BinaryIO, manifest: Manifest, database: Path, secret: str | None, on_progress: ProgressCallback
) -> None:
    """Write a backup and verify it. Raises OSError, and BadBackup if the verification fails."""
    total, done = database.stat().st_size, 0
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr(MANIFEST_NAME, msgspec.json.format(msgspec.json.encode(manifest)))
        if secret is not None:
            archive.writestr(SECRET_NAME, secret)
        with database.open("rb") as source, archive.open(DATABASE_NAME, "w", force_zip64=True) as target:
            while chunk := source.read(CHUNK_BYTES):
                target.write(chunk)
                done += len(chunk)
                on_progress(done, total)
    file.flush()
    with zipfile.ZipFile(file) as archive:
        if bad_entry := archive.testzip():
            raise BadBackup(f"was not written correctly ({bad_entry}); check the disk")


def read(path: Path) -> Archive:
    """Read the manifest of a backup or of a plain copy of an SQLite database.

    Raises BadBackup for any other, damaged or newer file, and OSError.
    """
    with path.open("rb") as plain:  # a missing file raises OSError here, before zipfile opens it
        if plain.read(len(SQLITE_HEADER)) == SQLITE_HEADER:
            return _read_database_file(path)
    try:
        with zipfile.ZipFile(path) as file:
            names = set(file.namelist())
            if (
                not {MANIFEST_NAME, DATABASE_NAME} <= names
                or file.getinfo(MANIFEST_NAME).file_size > MAX_MANIFEST_BYTES
            ):
                raise BadBackup(NOT_A_BACKUP)
            manifest = msgspec.json.decode(file.read(MANIFEST_NAME), type=dict)
            if manifest.get("what") != FORMAT_NAME:
                raise BadBackup(NOT_A_BACKUP)
            if manifest.get("format") != FORMAT:
                raise BadBackup(f"was made by a newer PointSync ({manifest.get('version')}); install that one")
            secret = file.read(SECRET_NAME).decode() if SECRET_NAME in names else None
            return Archive(path, msgspec.convert(manifest, Manifest), secret)
    except READ_ERRORS as error:
        is_damaged = _starts_like_backup(path)
        message = "is damaged; take another backup" if is_damaged else NOT_A_BACKUP
        raise BadBackup(message, is_damaged=is_damaged) from error
    except ValueError as error:  # the manifest is not valid
        raise BadBackup(NOT_A_BACKUP) from error


def _read_database_file(path: Path) -> Archive:
    """Read a database file. `made_at` is the time of the file, `proof` is the site's encrypted private key."""
    query = "SELECT version_num, sealed_private_key, auth, (SELECT max(seq) FROM movement) FROM alembic_version, site"
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            [[schema, proof, auth, last_seq]] = connection.execute(query).fetchall()
    except (sqlite3.Error, ValueError) as error:
        raise BadBackup(f"is not the database of a site: {error}") from error
    made_at = clock.to_text(datetime.fromtimestamp(path.stat().st_mtime, UTC))
    manifest = Manifest(
        what=FORMAT_NAME,
        format=FORMAT,
        made_at=made_at,
        version="unknown",
        schema=schema,
        database=SQLITE,
        site="this file",
        proof=proof,
        auth=auth,
        last_seq=last_seq or 0,
    )
    return Archive(path, manifest, None, is_database_file=True)


def _starts_like_backup(path: Path) -> bool:
    """Whether a file begins like a backup. A ZIP file that was cut off has lost its directory, which is at the end."""
    with path.open("rb") as file:
        head = file.read(30 + len(MANIFEST_NAME))
    return head.startswith(b"PK\x03\x04") and head.endswith(MANIFEST_NAME.encode())
