"""Finding the erased person to whom belongs what is dated before an erasure.

An address is hashed once for each site that has ever erased somebody, and all hashes are looked up in one query.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from pointsync.db.is_in import is_in
from pointsync.ledger.people.erasure import erasure_keys
from pointsync.ledger.people.erasure.texts import Replacement
from pointsync.ledger.people.erasure.tokens import hash_in, is_token, make_hash
from pointsync.models import Customer, ErasedAddress

Dated = tuple[str, datetime]
"""An address and the time of what was recorded under it."""


class Life(NamedTuple):
    """An erased person who had an address."""

    until: datetime
    token: str


def find_tokens(session: Session, dated: Iterable[Dated]) -> dict[Dated, str]:
    """The tokens of the addresses that belonged to an erased person at that time.

    Of several erasures, the first one after that time.
    """
    wanted = set(dated)
    lives = _find_lives(session, {address for address, _ in wanted})
    return {
        (address, at): life.token
        for address, at in wanted
        if (life := next((each for each in lives.get(address, []) if at < each.until), None))
    }


def list_lives(session: Session, address: str) -> list[Life]:
    """The erased persons who had this address, the one who was erased first before the others."""
    return _find_lives(session, [address]).get(address, [])


def find_until(session: Session, addresses: Collection[str]) -> dict[str, datetime]:
    """When the persons who had these addresses were last erased, by the address."""
    return {address: lives[-1].until for address, lives in _find_lives(session, addresses).items()}


def hide_in(text: str | None, address: str, token: str) -> str | None:
    """`text` with the token in place of the address."""
    return Replacement({address: token}).apply(text) if text and ("@" in text or "%40" in text) else text


def is_of(session: Session, token: str, address: str) -> bool:
    """Whether a token is that of this address."""
    return is_token(token) and any(
        make_hash(key, address) == hash_in(token) for key in erasure_keys.load_all(session).values()
    )


def is_of_row(session: Session, address_id: int, address: str) -> bool:
    """Whether the row of an address belongs to an erased person who had this address."""
    recorded_under = session.scalar(select(Customer.email).where(Customer.id == address_id))
    return recorded_under is not None and is_of(session, recorded_under, address)


def _find_lives(session: Session, addresses: Collection[str]) -> dict[str, list[Life]]:
    """The erased persons who had each address, in the order of their erasures."""
    keys = erasure_keys.load_all(session).values() if addresses else ()
    by_hash = {make_hash(key, address): address for key in keys for address in addresses if not is_token(address)}
    if not by_hash:
        return {}
    query = select(ErasedAddress.hash, ErasedAddress.until, ErasedAddress.token)
    lives: defaultdict[str, list[Life]] = defaultdict(list)
    for address_hash, until, token in session.execute(query.where(is_in(ErasedAddress.hash, list(by_hash)))):
        lives[by_hash[address_hash]].append(Life(until, token))
    return {address: sorted(found) for address, found in lives.items()}
