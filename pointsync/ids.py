"""Unique names: movement ids, Auths, Passes, API keys and tokens."""

import re
import secrets
import string
import unicodedata
from datetime import UTC, datetime, timedelta

EPOCH = datetime(2020, 1, 1, tzinfo=UTC)
COUNTER_BITS = 22
MAX_ID = 2**63 - 1
MAX_ROW_ID = 2**31 - 1
"""Of an INTEGER column. PostgreSQL rejects a larger number as out of range."""
MAX_GAP = 2**20
MAX_AUTH_LENGTH = 191
"""The longest text that can name an origin."""

_MOVEMENT_ID = re.compile(r"[1-9][0-9]{0,18}\Z")
_RUN = re.compile(r"[0-9a-f]{32}\Z")
_AUTH = re.compile(r"wrk_[0-9a-f]{16}\Z")
_PASS = re.compile(r"wrs_[A-Za-z0-9]{16}\Z")
_ALPHANUMERIC = string.ascii_letters + string.digits


def lowest_id_at(time: datetime) -> int:
    """The lowest movement id for a time: the milliseconds since 2020, followed by a counter of 22 bits."""
    return (time - EPOCH) // timedelta(milliseconds=1) << COUNTER_BITS


def time_of(movement_id: int) -> datetime:
    """The time of a movement id: when it was made, unless the clock had been ahead before."""
    return EPOCH + timedelta(milliseconds=movement_id >> COUNTER_BITS)


def parse_movement_id(text: str) -> int | None:
    """The movement id in `text`: a positive 63-bit integer in decimals, without leading zeros; None otherwise."""
    if not _MOVEMENT_ID.match(text):
        return None
    number = int(text)
    return number if number <= MAX_ID else None


def random_gap() -> int:
    """How many ids to leave out before new ones, at most 2²⁰: two copies of a site never make the same id."""
    return secrets.randbelow(MAX_GAP + 1)


def new_run(first_call: int) -> str:
    """A name for a run that begins with this call: 16 hex digits of it, then 64 random bits in hex."""
    return f"{first_call:016x}{secrets.token_hex(8)}"


def first_call_of(run: str) -> int:
    """The call with which a run began."""
    return int(run[:16], 16)


def new_auth() -> str:
    """A new Auth: `wrk_` and 16 hex digits, the form that WooRewards uses."""
    return "wrk_" + secrets.token_hex(8)


def new_pass() -> str:
    """A new Pass: `wrs_` and 16 letters and digits, the form that WooRewards uses."""
    return "wrs_" + "".join(secrets.choice(_ALPHANUMERIC) for _ in range(16))


def is_auth(text: str) -> bool:
    """Whether `text` has the form of an Auth."""
    return bool(_AUTH.match(text))


def is_run(text: str) -> bool:
    """Whether `text` has the form of a run's name."""
    return bool(_RUN.match(text))


def normalise_auth(text: str) -> str:
    """The Auth in `text`, whose spelling may differ in upper case, spaces, invisible characters or wide letters.

    Any other text is returned unchanged, such as the `source` of a foreign WooRewards shop. All texts from outside that
    name a site go through this before they are compared: otherwise another spelling of a known site would be another
    site, without a key and without a block.
    """
    if _AUTH.match(text) or len(text) > MAX_AUTH_LENGTH:
        return text
    letters = [each for each in unicodedata.normalize("NFKC", text) if unicodedata.category(each) != "Cf"]
    auth = "".join("".join(letters).lower().split())
    return auth if _AUTH.match(auth) else text


def is_pass(text: str) -> bool:
    """Whether `text` has the form of a Pass."""
    return bool(_PASS.match(text))


def new_api_key() -> str:
    """A new API key with 256 random bits, so that a plain hash of it is safe to store."""
    return "psk_" + secrets.token_urlsafe(32)


def new_token() -> str:
    """128 random bits in hex, such as for a marker, a hook's id or a worker's id."""
    return secrets.token_hex(16)
