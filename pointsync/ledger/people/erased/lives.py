"""Finding the erased person to whom belongs what is dated before an erasure.

An address is hashed once for each site that has ever erased somebody, and all hashes are looked up in one query.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from pointsync.db.is_in import is_in
from pointsync.ledger.people.erased import erasure_keys
from pointsync.ledger.people.erased.texts import Replacement, key_of
from pointsync.ledger.people.erased.tokens import hash_in, is_token, make_hash
from pointsync.models import Customer, ErasedAddress, Erasure

Dated = tuple[str, datetime]
"""An address and the time of what was recorded under it."""


class Life(NamedTuple):
    """An erased person who had an address."""

    until: datetime
    is_linked: bool
    """Whether the token has the hash of another erasure of the address, and is used only if nothing else is known."""
    token: str
    erasure_id: int


def find_tokens(session: Session, dated: Iterable[Dated]) -> dict[Dated, str]:
    """The tokens of the addresses that belonged to an erased person at that time.

    Of several erasures, the first one after that time.
    """
    wanted = set(dated)
    lives = find_lives(session, {address for address, _ in wanted})
    return {
        (address, at): life.token
        for address, at in wanted
        if (life := next((each for each in lives.get(address, []) if at < each.until), None))
    }


def find_until(session: Session, addresses: Collection[str]) -> dict[str, datetime]:
    """When the persons who had these addresses were last erased, by the address."""
    return {address: lives[-1].until for address, lives in find_lives(session, addresses).items()}


def count(session: Session) -> int:
    """How many addresses were erased. It only grows."""
    return session.scalar(select(func.count()).select_from(ErasedAddress)) or 0


def hide_in(text: str | None, address: str, token: str) -> str | None:
    """`text` with the token in place of the address."""
    return Replacement({key_of(address): token}).apply(text) if text else text


def is_of(session: Session, token: str, address: str) -> bool:
    """Whether a token is that of this address."""
    return is_token(token) and any(
        make_hash(key, address) == hash_in(token) for key in erasure_keys.load_all(session).values()
    )


def is_of_row(session: Session, address_id: int, address: str) -> bool:
    """Whether the row of an address belongs to an erased person who had this address."""
    recorded_under = session.scalar(select(Customer.email).where(Customer.id == address_id))
    return recorded_under is not None and is_of(session, recorded_under, address)


def find_lives(session: Session, addresses: Collection[str]) -> dict[str, list[Life]]:
    """The erased persons who had each address, in the order of their erasures."""
    keys = erasure_keys.load_all(session) if addresses else {}
    by_hash = {
        make_hash(key, address): (address, origin)
        for origin, key in keys.items()
        for address in addresses
        if not is_token(address)
    }
    if not by_hash:
        return {}
    query = select(ErasedAddress, Erasure.origin).join(Erasure, Erasure.id == ErasedAddress.erasure_id)
    lives: defaultdict[str, list[Life]] = defaultdict(list)
    for row, erasure_origin in session.execute(query.where(is_in(ErasedAddress.hash, list(by_hash)))):
        address, origin = by_hash[row.hash]
        lives[address].append(Life(row.until, erasure_origin != origin, row.token, row.erasure_id))
    return {address: sorted(found) for address, found in lives.items()}
