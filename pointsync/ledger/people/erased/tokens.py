"""The token of an erased person's address: a keyed hash of it, written as an address that nobody can have. Pure.

Each site hashes with a key of its own, and each erasure has its own tokens. So an address that belongs to a new
customer again, and is erased once more, is another erased person.
"""

import re
from hashlib import blake2b

from pointsync.email_address import ERASED_DOMAIN

KEY_BYTES = 32
MAX_ID_LENGTH = 19

_TOKEN = re.compile(rf"[0-9a-f]{{40}}\.[0-9]{{1,{MAX_ID_LENGTH}}}@{re.escape(ERASED_DOMAIN)}\Z")
_RESERVED_END = f"@{ERASED_DOMAIN}"


def make_hash(key: bytes, address: str) -> str:
    """The hash of an address, which is the key of `email_address.Address`: BLAKE2b of 160 bits, in hex."""
    return blake2b(address.encode(), key=key, digest_size=20).hexdigest()


def make_token(address_hash: str, change_id: str) -> str:
    """The token of the address in the erasure with this id."""
    return f"{address_hash}.{change_id}@{ERASED_DOMAIN}"


def is_token(address: str) -> bool:
    """Whether an address is the token of an erased one."""
    return is_reserved(address) and bool(_TOKEN.match(address))


def is_reserved(address: str) -> bool:
    """Whether an address is in the domain of tokens. Nobody may record anything under such an address."""
    return address.endswith(_RESERVED_END)


def hash_in(token: str) -> str:
    """The hash of the address in a token."""
    return token.partition(".")[0]
