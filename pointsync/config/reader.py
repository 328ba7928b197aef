"""Reading the settings one by one. A wrong value is an error with the setting, what is wrong, and an example."""

import ipaddress
import os
import re
from pathlib import Path
from typing import Literal
from urllib.parse import unquote, urlsplit

from pointsync import files, key_file, urls
from pointsync.config import values
from pointsync.errors import ConfigError

MIN_SECRET_LENGTH = 16

# The values for `frame-ancestors`; nothing that could end the directive and begin another one.
_FRAME_ANCESTOR = re.compile(
    r"'self'|(?:https?://)?(?:\*|(?:\*\.)?[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])(?::(?:[0-9]{1,5}|\*))?/?",
    re.IGNORECASE,
)

_NAMES = (
    *("DATA", "DATABASE_URL", "SECRET_KEY", "SECRET_KEY_FILE", "SECRET_KEY_OLD", "SECRET_KEY_OLD_FILE", "PUBLIC_URL"),
    *("SITE_NAME", "SCHEDULER", "TRUSTED_PROXIES", "PROXY_AUTH_HEADER", "PROXY_AUTH_ADMINS", "FRAME_ANCESTORS"),
    *("PRIVATE_REMOTES", "SMTP_URL", "SMTP_URL_FILE", "LOG_FORMAT"),
)
_QUOTES_STAY = ("SECRET_KEY", "SECRET_KEY_OLD", "FRAME_ANCESTORS", "DATA")
"""A key may begin and end with quotes, `'self'` has them, and around the path of the data they are an error."""
SQLITE_PREFIX = "sqlite:///"
_DATABASE_NAME = "pointsync.db"

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


class SettingsReader:
    """Reads and validates the settings one by one. Every method raises ConfigError."""

    def __init__(self, environ: dict[str, str], root: Path) -> None:
        self.environ = environ
        self.root = root
        path = root / "instance" / "config.py"
        self.file_settings = values.read_file(path) if path.is_file() else {}
        if found := values.find_misspelt((*environ, *self.file_settings), _NAMES):
            raise ConfigError(f"There is no setting {found[0]}. Is {found[1]} meant? Correct the name, or remove it.")

    def find(self, name: str) -> str | None:
        """The value, without spaces and quotes around it; None if it is not set."""
        setting_name = f"POINTSYNC_{name}"
        value = self.environ.get(setting_name, self.file_settings.get(setting_name))
        if value is None:
            return None
        return value.strip() if name in _QUOTES_STAY else values.unquote(value)

    def get(self, name: str) -> str:
        """The same; empty if it is not set."""
        return self.find(name) or ""

    def read_secret_file(self, name: str, example: str) -> str:
        """The content of the file that the setting names; empty if it is not set."""
        if not (path := self.get(name)):
            return ""
        try:
            value = Path(path).read_text().strip()
        except (OSError, ValueError) as error:
            problem = f"names {path}, which cannot be read: {files.describe_owner(Path(path))}"
            raise config_error(name, problem, example) from error
        if not value:
            raise config_error(name, f"names {path}, which is empty", example)
        return value

    def text(self, name: str, limit: int) -> str:
        value = self.get(name)
        if len(value) > limit or not value.isprintable():
            raise config_error(name, f"must be at most {limit} printable characters", "Shop one")
        return value

    def choice(self, name: str, choices: tuple[str, ...]) -> str:
        value = self.get(name).lower() or choices[0]
        if value not in choices:
            raise config_error(name, f"is {value!r}; it must be one of {', '.join(choices)}", choices[0])
        return value

    def boolean(self, name: str, default: bool) -> bool:
        value = self.get(name) or ("on" if default else "off")
        word = values.SWITCH_WORDS.get(value.lower())
        if word is None:
            raise config_error(name, f"is {value!r}; it must be on or off", "on" if default else "off")
        return word == "on"

    def identity_header(self) -> str | None:
        name, value, example = "PROXY_AUTH_HEADER", self.get("PROXY_AUTH_HEADER"), "X-Forwarded-User"
        if value and not re.fullmatch(r"[A-Za-z0-9-]+", value):
            raise config_error(name, f"is {value!r}, which is not the name of a header", example)
        if _NON_IDENTITY_HEADERS.fullmatch(value):
            raise config_error(name, f"is {value!r}, a header that does not name the signed-in user", example)
        return value or None

    def data_dir(self) -> Path:
        """The data folder, which is created if it is missing."""
        value, path = self.find("DATA"), self.root / "instance"
        if value is not None:
            path = Path(value)
            if problem := values.find_path_problem(value):
                if value and (path / _DATABASE_NAME).is_file():
                    problem += f" (the database of this site is in {path.absolute()}; move that folder)"
                raise config_error("DATA", problem, "/var/lib/pointsync")
        try:
            # Private, since it contains customers' addresses; an existing folder keeps its permissions.
            files.make_private_folder(path, parents=True)
        except OSError as error:
            raise config_error(
                "DATA", f"names {path}, which cannot be created: {error.strerror}", "/var/lib/pointsync"
            ) from error
        if not os.access(path, os.W_OK):
            raise config_error(
                "DATA", f"names {path}, which is not writable: {files.describe_owner(path)}", "/var/lib/pointsync"
            )
        return path.resolve()

    def database_url(self, data_dir: Path) -> str:
        value = self.get("DATABASE_URL")
        if not value:
            return f"{SQLITE_PREFIX}{data_dir / _DATABASE_NAME}"
        scheme = value.split(":", 1)[0]
        if scheme in ("postgres", "postgresql", "postgresql+psycopg") and values.is_database_url(value):
            return "postgresql+psycopg:" + value.split(":", 1)[1]
        if scheme != "sqlite" or not value.startswith("sqlite:////") or value == "sqlite:////":
            raise config_error(
                "DATABASE_URL",
                "must begin with postgresql:// or with sqlite://// and an absolute path",
                "postgresql://pointsync:secret@localhost/pointsync",
            )
        path = Path(unquote(value.removeprefix(SQLITE_PREFIX)))
        if "?" in value or values.find_path_problem(str(path)):
            raise config_error(
                "DATABASE_URL",
                f"names {path}, which cannot be meant; use letters and digits",
                f"{SQLITE_PREFIX}/var/lib/pointsync.db",
            )
        if path.is_dir() or not path.parent.is_dir():
            raise config_error(
                "DATABASE_URL", f"names {path}, where no file can be created", "sqlite:////var/lib/pointsync.db"
            )
        return f"{SQLITE_PREFIX}{path}"

    def secret_key(self, name: str) -> str:
        """A key that an admin set; empty if it is not set."""
        value = self.get(name) or self.read_secret_file(f"{name}_FILE", "/run/secrets/key")
        return self.check_key_length(name, value) if value else ""

    def check_key_length(self, name: str, key: str) -> str:
        if len(key) < MIN_SECRET_LENGTH:
            raise config_error(name, f"is shorter than {MIN_SECRET_LENGTH} characters", key_file.new_key())
        return key

    def public_url(self) -> str | None:
        value = self.get("PUBLIC_URL")
        if not value:
            return None
        if values.has_placeholder(value):
            raise config_error("PUBLIC_URL", "has a variable that was not replaced", "https://shop.example/points")
        if problem := urls.find_problem(value):
            raise config_error("PUBLIC_URL", problem, "https://shop.example/points")
        return value.rstrip("/")

    def frame_ancestors(self) -> str:
        value = self.get("FRAME_ANCESTORS")
        words = (values.unquote(value) if value.startswith('"') else value).split() or ["'none'"]
        are_valid = all(_FRAME_ANCESTOR.fullmatch(word) and word.lower() not in ("none", "self") for word in words)
        if words != ["'none'"] and not are_valid:
            raise config_error(
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
                raise config_error(
                    name, f"holds {word!r}, which is not an address or network", "127.0.0.1, 10.0.0.0/8"
                ) from error
            if network.prefixlen == 0:
                raise config_error(name, f"holds {word!r}, which would trust everybody", "127.0.0.1, 10.0.0.0/8")
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
            raise config_error(
                "SMTP_URL", "must be smtp:// or smtps:// with a host", "smtps://user:pass@mail.example:465"
            )
        return value or None


def config_error(name: str, problem: str, example: str) -> ConfigError:
    """The error for a value of a setting."""
    return ConfigError(f"POINTSYNC_{name} {problem}; example: POINTSYNC_{name}={example}")
