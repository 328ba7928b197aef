"""The settings of the process, read from the environment or `instance/config.py`, and validated."""

import ipaddress
import os
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Literal
from urllib.parse import urlsplit

from pointsync import key_file, urls
from pointsync.errors import ConfigError
from pointsync.text_limits import MAX_NAME_LENGTH

MIN_SECRET_LENGTH = 16

# The values for `frame-ancestors`; nothing that could end the directive and begin another one.
_FRAME_ANCESTOR = re.compile(
    r"'self'|(?:https?://)?(?:\*|(?:\*\.)?[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])(?::(?:[0-9]{1,5}|\*))?/?",
    re.IGNORECASE,
)

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
TrustedPeer = Network | Literal["unix"]

UNIX_SOCKET: Literal["unix"] = "unix"
"""A trusted proxy that connects through the server's Unix socket."""

# Headers with another meaning, which cannot name the signed-in admin.
_NON_IDENTITY_HEADERS = re.compile(
    "accept|authorization|connection|cookie|host|origin|referer|user-agent|forwarded|x-real-ip"
    "|x-forwarded-(?:for|host|port|prefix|proto)",
    re.IGNORECASE,
)


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
        return self.database_url.startswith("sqlite")


def load(environ: Mapping[str, str] | None = None, root: Path | None = None) -> Config:
    """The settings of this process.

    `environ` replaces the environment, and `root` the folder that contains `instance/`, the default data folder.
    Raises ConfigError with the setting, what is wrong with its value, and an example.
    """
    reader = _SettingsReader(dict(os.environ if environ is None else environ), root or _default_root())
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
    checkout = Path(__file__).resolve().parent.parent
    return checkout if (checkout / "wsgi.py").is_file() else Path.cwd()


class _SettingsReader:
    """Reads and validates the settings one by one. Every method raises ConfigError."""

    def __init__(self, environ: dict[str, str], root: Path) -> None:
        self.environ = environ
        self.root = root
        self.file_settings: dict[str, str] = {}
        path = root / "instance" / "config.py"
        if path.is_file():
            self.file_settings = _read_settings_file(path)

    def get(self, name: str) -> str:
        setting_name = f"POINTSYNC_{name}"
        return self.environ.get(setting_name, self.file_settings.get(setting_name, "")).strip()

    def read_secret_file(self, name: str, example: str) -> str:
        """The content of the file that the setting names; empty if it is not set."""
        if not (path := self.get(name)):
            return ""
        try:
            value = Path(path).read_text().strip()
        except (OSError, ValueError) as error:
            raise _config_error(name, f"names {path}, which cannot be read", example) from error
        if not value:
            raise _config_error(name, f"names {path}, which is empty", example)
        return value

    def text(self, name: str, limit: int) -> str:
        value = self.get(name)
        if len(value) > limit or not value.isprintable():
            raise _config_error(name, f"must be at most {limit} printable characters", "Shop one")
        return value

    def choice(self, name: str, choices: tuple[str, ...]) -> str:
        value = self.get(name).lower() or choices[0]
        if value not in choices:
            raise _config_error(name, f"is {value!r}; it must be one of {', '.join(choices)}", choices[0])
        return value

    def boolean(self, name: str, default: bool) -> bool:
        return self.choice(name, ("on", "off") if default else ("off", "on")) == "on"

    def identity_header(self) -> str | None:
        name, value, example = "PROXY_AUTH_HEADER", self.get("PROXY_AUTH_HEADER"), "X-Forwarded-User"
        if value and not re.fullmatch(r"[A-Za-z0-9-]+", value):
            raise _config_error(name, f"is {value!r}, which is not the name of a header", example)
        if _NON_IDENTITY_HEADERS.fullmatch(value):
            raise _config_error(name, f"is {value!r}, a header that does not name the signed-in user", example)
        return value or None

    def data_dir(self) -> Path:
        """The data folder, which is created if it is missing."""
        path = Path(self.get("DATA") or self.root / "instance")
        try:
            # Private, since it contains customers' addresses; an existing folder keeps its permissions.
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise _config_error(
                "DATA", f"names {path}, which cannot be created: {error.strerror}", "/var/lib/pointsync"
            ) from error
        if not os.access(path, os.W_OK):
            raise _config_error("DATA", f"names {path}, which is not writable", "/var/lib/pointsync")
        return path.resolve()

    def database_url(self, data_dir: Path) -> str:
        value = self.get("DATABASE_URL") or f"sqlite:///{data_dir / 'pointsync.db'}"
        scheme = value.split(":", 1)[0]
        if scheme in ("postgres", "postgresql", "postgresql+psycopg") and _is_database_url(value):
            return "postgresql+psycopg:" + value.split(":", 1)[1]
        if scheme != "sqlite" or not value.startswith("sqlite:////") or value == "sqlite:////":
            raise _config_error(
                "DATABASE_URL",
                "must begin with postgresql:// or with sqlite://// and an absolute path",
                "postgresql://pointsync:secret@localhost/pointsync",
            )
        path = Path(value.removeprefix("sqlite:///"))
        if path.is_dir() or not path.parent.is_dir():
            raise _config_error(
                "DATABASE_URL", f"names {path}, where no file can be created", "sqlite:////var/lib/pointsync.db"
            )
        return value

    def secret_key(self, name: str) -> str:
        """A key that an admin set; empty if it is not set."""
        value = self.get(name) or self.read_secret_file(f"{name}_FILE", "/run/secrets/key")
        return self.check_key_length(name, value) if value else ""

    def check_key_length(self, name: str, key: str) -> str:
        if len(key) < MIN_SECRET_LENGTH:
            raise _config_error(name, f"is shorter than {MIN_SECRET_LENGTH} characters", key_file.new_key())
        return key

    def public_url(self) -> str | None:
        value = self.get("PUBLIC_URL")
        if not value:
            return None
        if problem := urls.find_problem(value):
            raise _config_error("PUBLIC_URL", problem, "https://shop.example/points")
        return value.rstrip("/")

    def frame_ancestors(self) -> str:
        words = self.get("FRAME_ANCESTORS").split() or ["'none'"]
        are_valid = all(_FRAME_ANCESTOR.fullmatch(word) and word.lower() not in ("none", "self") for word in words)
        if words != ["'none'"] and not are_valid:
            raise _config_error(
                "FRAME_ANCESTORS",
                "must be origins with spaces between, 'self', or 'none' alone (with their quotes)",
                "https://shop.example",
            )
        return " ".join(words)

    def trusted_peers(self, name: str) -> tuple[TrustedPeer, ...]:
        peers: list[TrustedPeer] = []
        for word in re.split(r"[,\s]+", self.get(name)):
            if not word:
                continue
            if word == UNIX_SOCKET:
                peers.append(UNIX_SOCKET)
                continue
            try:
                network = ipaddress.ip_network(word, strict=False)
            except ValueError as error:
                raise _config_error(
                    name, f"holds {word!r}, which is not an address or network", "127.0.0.1, 10.0.0.0/8"
                ) from error
            if network.prefixlen == 0:
                raise _config_error(name, f"holds {word!r}, which would trust everybody", "127.0.0.1, 10.0.0.0/8")
            peers.append(network)
        return tuple(peers)

    def smtp_url(self) -> str | None:
        value = self.get("SMTP_URL") or self.read_secret_file("SMTP_URL_FILE", "/run/secrets/smtp")
        try:
            parts = urlsplit(value)
            is_valid = parts.scheme in ("smtp", "smtps") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            is_valid = False
        if value and not is_valid:
            raise _config_error(
                "SMTP_URL", "must be smtp:// or smtps:// with a host", "smtps://user:pass@mail.example:465"
            )
        return value or None


def _is_database_url(url: str) -> bool:
    # Imported here, because the import takes longer than showing a command's help.
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        make_url(url)
    except (ArgumentError, ValueError):
        return False
    return True


def _config_error(name: str, problem: str, example: str) -> ConfigError:
    return ConfigError(f"POINTSYNC_{name} {problem}; example: POINTSYNC_{name}={example}")


def _read_settings_file(path: Path) -> dict[str, str]:
    """The `POINTSYNC_…` settings in an admin's configuration file."""
    module = ModuleType("instance_config")
    try:
        exec(compile(path.read_text(), str(path), "exec"), module.__dict__)  # noqa: S102 the admin's own file, as Flask reads it
    except Exception as error:
        raise ConfigError(f"{path} cannot be read as Python: {error}") from error
    return {name: str(value) for name, value in vars(module).items() if name.startswith("POINTSYNC_")}
