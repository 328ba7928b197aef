"""Connection codes: one line of text that an admin pastes into the plugin, which exchanges it for a key."""

import base64
import json
from datetime import datetime, timedelta

from pointsync import ids
from pointsync.crypto import sha256_hex
from pointsync.errors import DomainError
from pointsync.models import ConnectedShop

LIFETIME = timedelta(minutes=15)
PREFIX = "psc1."
MAX_SECRET_LENGTH = 64

_ANOTHER = (
    "Get a new one in PointSync: System › Shops. It is valid for 15 minutes, and can be used once. Nothing was changed."
)


class WrongCode(DomainError):
    """A code that is unknown, used or too old. The message says which."""

    def __init__(self, problem: str) -> None:
        message = f"{problem} {_ANOTHER}"
        super().__init__("wrong_code", message, {"code": message})


def renew(shop: ConnectedShop, site_url: str, now: datetime) -> str:
    """Give the shop a new code, and return it. The one before is unknown from now on.

    The code also has the public URL of this site, so that an admin pastes only one thing.
    """
    secret = ids.new_token()
    shop.code_digest, shop.code_ends_at, shop.code_used_at = sha256_hex(secret), now + LIFETIME, None
    document = json.dumps({"u": site_url, "c": secret}, separators=(",", ":"))
    return PREFIX + base64.urlsafe_b64encode(document.encode()).decode().rstrip("=")


def check(shop: ConnectedShop | None, now: datetime) -> ConnectedShop:
    """The shop that was found by a code. Raises WrongCode if there is none, or if the code is used or too old.

    A code from before the clock was set back is too old as well.
    """
    if shop is None or shop.code_ends_at is None:
        raise WrongCode("This code is unknown here: a newer one has replaced it, or it was not copied completely.")
    if shop.code_used_at is not None:
        raise WrongCode("This code was used already.")
    if not timedelta() < shop.code_ends_at - now <= LIFETIME:
        raise WrongCode("This code is older than 15 minutes.")
    return shop


def is_waiting(shop: ConnectedShop, now: datetime) -> bool:
    """Whether the shop has a code that can still be used."""
    return (
        shop.code_ends_at is not None
        and shop.code_used_at is None
        and timedelta() < shop.code_ends_at - now <= LIFETIME
    )
