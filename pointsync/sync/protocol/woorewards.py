"""The WooRewards dialect: paths, credentials and answers of the add-on's wire. Pure: no network, no database."""

import base64
import binascii
import json
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

ROUTE = "/wp-json/woorewards/v1/pointsync"
DEFAULT_TEMPLATE = f"{ROUTE}/sync/[reserve]/[user_email]/[points]/[action]"
PLACEHOLDERS = ("[reserve]", "[user_email]", "[points]", "[action]")

KINDS = {"add": "earn", "sub": "spend", "set": "manual"}

_RESERVE = re.compile(r"[a-zA-Z0-9_-]+\Z")
_SYNC = re.compile(r"(?P<reserve>[a-zA-Z0-9_-]+)/(?P<email>.+)/(?P<points>[0-9]+)/(?P<action>add|sub|set)/?\Z")


@dataclass(frozen=True, slots=True)
class SyncPath:
    """What the path of a sync call says."""

    reserve: str
    email: str
    points: int
    action: str


def is_reserve(text: str) -> bool:
    """Whether a path can name `text` as a reserve."""
    return bool(_RESERVE.match(text))


def read_sync_path(path: str) -> SyncPath | None:
    """What stands behind `…/sync/`, percent-decoded once; None when it is no such path."""
    found = _SYNC.match(path)
    if not found or len(found["points"]) > 19:
        return None
    return SyncPath(found["reserve"], found["email"], int(found["points"]), found["action"])


def fill_template(template: str, reserve: str, email: str, points: int) -> str:
    """The path of the sync call that passes `points` on: digits and an action, never a sign."""
    values = (reserve, quote(email, safe=""), str(abs(points)), "add" if points >= 0 else "sub")
    for placeholder, value in zip(PLACEHOLDERS, values, strict=True):
        template = template.replace(placeholder, value)
    return template


def ping_path(template: str, reserve: str) -> str:
    """The path of the ping: beside the sync path, under the same REST prefix."""
    prefix = template.rsplit("/sync/", 1)[0] if "/sync/" in template else ROUTE
    return f"{prefix}/ping/{quote(reserve, safe='')}"


def basic(auth: str, password: str) -> str:
    """The value of the Authorization header."""
    return "Basic " + base64.b64encode(f"{auth}:{password}".encode()).decode()


def read_basic(header: str) -> tuple[str, str] | None:
    """User and password of an Authorization header; None when it holds none."""
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, colon, password = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return None
    return (user, password) if colon else None


def read_answer(body: bytes) -> dict[str, Any] | None:
    """The JSON object of an answer; None when it is none. A mark or notice before it, as WordPress
    plugins leave them, makes it none."""
    try:
        decoded = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return decoded if isinstance(decoded, dict) else None
