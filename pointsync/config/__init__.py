"""The settings of the process, read from the environment or `instance/config.py`, and validated."""

import os
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pointsync import key_file
from pointsync.config.reader import SQLITE_PREFIX, UNIX_SOCKET, SettingsReader, TrustedPeer
from pointsync.errors import ConfigError
from pointsync.text_limits import MAX_NAME_LENGTH

__all__ = ["UNIX_SOCKET", "Config", "TrustedPeer", "load"]


@dataclass(frozen=True)
class Config:
    """The validated settings of this process. They never change while it runs."""

    data: Path
    database_url: str
    secret_key: str = field(repr=False)
    secret_key_is_set: bool
    """Whether an admin set the key; otherwise PointSync generated it."""
    secret_key_old: str | None = field(repr=False)
    """The previous key, until the database is encrypted with `secret_key`."""
    public_url: str | None
    site_name: str
    site_name_is_set: bool
    scheduler: bool
    trusted_proxies: tuple[TrustedPeer, ...]
    proxy_auth_header: str | None
    proxy_auth_admins: tuple[str, ...]
    frame_ancestors: str
    private_remotes: bool
    smtp_url: str | None
    log_format: str

    @property
    def is_sqlite(self) -> bool:
        """Whether the database is an SQLite file."""
        return self.database_url.startswith(SQLITE_PREFIX)

    @property
    def database_path(self) -> Path | None:
        """The SQLite file; None for PostgreSQL. In `database_url`, nothing of it is escaped."""
        return Path(self.database_url.removeprefix(SQLITE_PREFIX)) if self.is_sqlite else None


def load(environ: Mapping[str, str] | None = None, root: Path | None = None) -> Config:
    """The settings of this process.

    `environ` replaces the environment, and `root` the folder that contains `instance/`, the default data folder.
    Raises ConfigError with the setting, what is wrong with its value, and an example.
    """
    reader = SettingsReader(dict(os.environ if environ is None else environ), root or _default_root())
    data_dir = reader.data_dir()
    secret_key = reader.secret_key("SECRET_KEY")
    trusted_proxies = reader.trusted_peers("TRUSTED_PROXIES")
    identity_header = reader.identity_header()
    if identity_header and not trusted_proxies:
        raise ConfigError(
            "POINTSYNC_PROXY_AUTH_HEADER needs POINTSYNC_TRUSTED_PROXIES: without it anybody could claim to be "
            "signed in; example: POINTSYNC_TRUSTED_PROXIES=127.0.0.1"
        )
    return Config(
        data=data_dir,
        database_url=reader.database_url(data_dir),
        secret_key=secret_key or reader.check_key_length("SECRET_KEY", key_file.read_or_create(data_dir)),
        secret_key_is_set=bool(secret_key),
        secret_key_old=reader.secret_key("SECRET_KEY_OLD") or None,
        public_url=reader.public_url(),
        site_name=reader.text("SITE_NAME", MAX_NAME_LENGTH) or socket.gethostname(),
        site_name_is_set=bool(reader.get("SITE_NAME")),
        scheduler=reader.boolean("SCHEDULER", default=True),
        trusted_proxies=trusted_proxies,
        proxy_auth_header=identity_header,
        proxy_auth_admins=tuple(name for name in re.split(r"[,\s]+", reader.get("PROXY_AUTH_ADMINS")) if name),
        frame_ancestors=reader.frame_ancestors(),
        private_remotes=reader.boolean("PRIVATE_REMOTES", default=True),
        smtp_url=reader.smtp_url(),
        log_format=reader.choice("LOG_FORMAT", ("text", "json")),
    )


def _default_root() -> Path:
    """The checkout that contains this package, if there is one; otherwise the current folder."""
    checkout = Path(__file__).resolve().parent.parent.parent
    return checkout if (checkout / "wsgi.py").is_file() else Path.cwd()
