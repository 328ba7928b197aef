"""Digests: 128 bits of a movement's content; and sums of them, with which two sites compare what they hold. Pure."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Self

MODULUS = 1 << 128
_HASH = re.compile(r"[0-9a-f]{32}\Z")


def digest(movement_id: str, points: int, customer: str) -> int:
    """The digest of a movement, with its customer as its origin recorded it: BLAKE2b of `id:points:customer`."""
    content = f"{movement_id}:{points}:{customer}".encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(content, digest_size=16).digest())


def to_text(number: int) -> str:
    """A digest or hash on the wire: 32 hex digits."""
    return f"{number:032x}"


def from_text(text: Any) -> int | None:
    """The digest or hash in `text`; None if it is anything else."""
    return int(text, 16) if isinstance(text, str) and _HASH.match(text) else None


@dataclass(frozen=True, slots=True)
class DigestSum:
    """A set of movements: their number, and the sum of their digests modulo 2¹²⁸. Movements of 0 points do not count.

    Two sites hold the same movements if both numbers are equal, in whatever order the movements arrived.
    """

    count: int = 0
    hash: int = 0

    @classmethod
    def of(cls, digests: Iterable[int]) -> Self:
        """The sum of `digests`."""
        count = total = 0
        for each in digests:
            count += 1
            total += each
        return cls(count, total % MODULUS)

    def __add__(self, other: "DigestSum") -> "DigestSum":
        return DigestSum(self.count + other.count, (self.hash + other.hash) % MODULUS)

    def __sub__(self, other: "DigestSum") -> "DigestSum":
        return DigestSum(self.count - other.count, (self.hash - other.hash) % MODULUS)

    def to_json(self) -> dict[str, Any]:
        """`{count, hash}` on the wire."""
        return {"count": self.count, "hash": to_text(self.hash)}

    @classmethod
    def from_json(cls, document: Any) -> Self | None:
        """The sum in `{count, hash}`; None if there is none, as from an earlier version."""
        if not isinstance(document, dict):
            return None
        count, number = document.get("count"), from_text(document.get("hash"))
        if not isinstance(count, int) or isinstance(count, bool) or number is None:
            return None
        return cls(count, number)
