"""The WooRewards dialect: the paths and credentials of the add-on's calls. Pure: no network, no database."""

import base64
import binascii
import re
from dataclasses import dataclass
from urllib.parse import quote

URL_PREFIX = "/wp-json/woorewards/v1/pointsync"
DEFAULT_TEMPLATE = f"{URL_PREFIX}/sync/[reserve]/[user_email]/[points]/[action]"
PLACEHOLDERS = ("[reserve]", "[user_email]", "[points]", "[action]")

KIND_BY_ACTION = {"add": "earn", "sub": "spend", "set": "manual"}

_RESERVE = re.compile(r"[a-zA-Z0-9_-]+\Z")
_SYNC_PATH = re.compile(r"(?P<reserve>[a-zA-Z0-9_-]+)/(?P<email>.+)/(?P<points>[0-9]+)/(?P<action>add|sub|set)/?\Z")


@dataclass(frozen=True, slots=True)
class SyncPath:
    """The parts of a sync call's path."""

    reserve: str
    email: str
    points: int
    action: str


def is_reserve_key(text: str) -> bool:
    """Whether a path can contain `text` as a reserve key."""
    return bool(_RESERVE.match(text))


def parse_sync_path(path: str) -> SyncPath | None:
    """Parse a path after `…/sync/`, percent-decoded once; None if it is not a sync path."""
    match = _SYNC_PATH.match(path)
    if not match or len(match["points"]) > 19:
        return None
    return SyncPath(match["reserve"], match["email"], int(match["points"]), match["action"])


def build_sync_path(template: str, reserve: str, email: str, points: int) -> str:
    """The path of the sync call for `points`: the amount without a sign, and the action `add` or `sub`."""
    values = (reserve, quote(email, safe=""), str(abs(points)), "add" if points >= 0 else "sub")
    for placeholder, value in zip(PLACEHOLDERS, values, strict=True):
        template = template.replace(placeholder, value)
    return template


def build_ping_path(template: str, reserve: str) -> str:
    """The path of the ping: next to the sync path, under the same REST prefix."""
    prefix = template.rsplit("/sync/", 1)[0] if "/sync/" in template else URL_PREFIX
    return f"{prefix}/ping/{quote(reserve, safe='')}"


def build_basic_auth(auth: str, password: str) -> str:
    """The value of the Authorization header."""
    return "Basic " + base64.b64encode(f"{auth}:{password}".encode()).decode()


def parse_basic_auth(header: str) -> tuple[str, str] | None:
    """The user and password of an Authorization header; None if it has none."""
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, colon, password = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return None
    return (user, password) if colon else None
