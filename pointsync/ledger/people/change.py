"""A change of people: a rename, an alias, a merge, the undoing of a merge, or an erasure. Pure."""

from datetime import datetime
from hashlib import blake2b
from typing import Literal, NamedTuple

from msgspec import Struct

from pointsync import clock

RENAME, ALIAS, MERGE, UNMERGE, ERASE = "rename", "alias", "merge", "unmerge", "erase"
KINDS = frozenset({RENAME, ALIAS, MERGE, UNMERGE, ERASE})
JOINING = frozenset({RENAME, ALIAS, MERGE})
"""The changes that join two addresses. An `unmerge` undoes one of them."""


class ChangeKey(NamedTuple):
    """Which change it is, on all sites."""

    origin: str
    """The Auth of the site on which it was made."""
    id: str
    """Its id there, in decimal."""


class Change(Struct, frozen=True, kw_only=True):
    """One change. All addresses are keys, see `email_address.Address`."""

    origin: str
    id: str
    at: datetime
    change: Literal["rename", "alias", "merge", "unmerge", "erase"]
    customer: str
    """An address of the customer whom it is about."""
    into: str | None = None
    """`rename`: the new address. `alias`: one more address. `merge`: an address of the customer who stays."""
    undoes: ChangeKey | None = None
    """`unmerge`: the change that no longer counts."""

    @property
    def key(self) -> ChangeKey:
        """Which change it is."""
        return ChangeKey(self.origin, self.id)

    @property
    def order(self) -> tuple[datetime, str, int, str]:
        """Its place among all changes, the same on every site. Ids are compared as numbers."""
        return self.at, self.origin, len(self.id), self.id

    @property
    def addresses(self) -> tuple[str, ...]:
        """The addresses that it names."""
        return (self.customer,) if self.into is None else (self.customer, self.into)


def digest(change: Change) -> int:
    """The digest of a change: BLAKE2b of its content, 128 bits. The lines are the same on every site."""
    undoes = f"{change.undoes.origin} {change.undoes.id}" if change.undoes else ""
    lines = (change.id, change.change, change.customer, change.into or "", undoes, clock.to_text(change.at))
    return int.from_bytes(blake2b("\n".join(lines).encode("utf-8", "surrogatepass"), digest_size=16).digest())
