"""Whom an erasure reaches: the addresses that changes join with the erased ones, without its origin's knowing.

This is a function of the set of all changes. An erasure reaches an address if a chain of changes leads to it from an
address that it names: renames, aliases and merges from before it which its origin did not know, whether or not they are
disputed or undone. Another erasure may have replaced the addresses in them already. So what counts is the address, not
the token: all tokens with one hash are one address, and each erasure of an address has its hash with every key with
which it was hashed here.
"""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from pointsync.db.is_in import is_in
from pointsync.ledger.people import stored
from pointsync.ledger.people.change import JOINING, Change
from pointsync.ledger.people.erased import erasure_keys, lives
from pointsync.ledger.people.erased.tokens import hash_in, is_token, make_hash
from pointsync.ledger.people.erasure.erasure_details import has_seen, list_plain
from pointsync.models import ErasedAddress, Erasure


class Reached(NamedTuple):
    """What an erasure reaches now, and has not erased yet."""

    addresses: set[str]
    hashes: set[str]
    """Of addresses that other erasures have replaced."""
    is_unknown: bool
    """Whether the address of one of the hashes is not known here any more, so that it has to be searched."""


def find_reached(session: Session, erasure: Erasure) -> Reached:
    """The ends of changes that begin with an address of the erasure."""
    hashes = list_hashes(session, erasure)
    addresses, new = set[str](), set[str]()
    for change in stored.list_about(session, list_tokens_of(session, hashes)):
        if _leads_on(erasure, change):
            addresses.update(each for each in change.addresses if not is_token(each))
            new.update(hash_in(each) for each in change.addresses if is_token(each))
    new -= hashes
    known = {each: address for each in new if (address := _find_address(session, each))}
    return Reached(addresses.union(known.values()), new, is_unknown=len(known) < len(new))


def _leads_on(erasure: Erasure, change: Change) -> bool:
    is_before = erasure.effective_at is not None and change.at < erasure.effective_at
    return is_before and change.change in JOINING and not has_seen(erasure, change)


def list_hashes(session: Session, erasure: Erasure) -> set[str]:
    """The hashes of the addresses of an erasure."""
    return set(session.scalars(select(ErasedAddress.hash).where(ErasedAddress.erasure_id == erasure.id)))


def list_tokens_of(session: Session, hashes: Collection[str]) -> set[str]:
    """All tokens of the addresses with these hashes."""
    return set(session.scalars(select(ErasedAddress.token).where(is_in(ErasedAddress.hash, hashes))))


def list_erasures(session: Session, tokens: Collection[str]) -> Sequence[Erasure]:
    """The erasures of the addresses that have these tokens, the first one first."""
    if not tokens:
        return []
    ids = select(ErasedAddress.erasure_id).where(is_in(ErasedAddress.hash, {hash_in(each) for each in tokens}))
    query = select(Erasure).where(Erasure.id.in_(ids)).order_by(Erasure.effective_at, Erasure.id)
    return session.scalars(query.with_for_update()).all()


def list_component(session: Session, addresses: Collection[str]) -> set[str]:
    """All addresses and tokens that changes connect with these, and with each other. An erasure of one of them reaches
    nothing else."""
    known, new = set[str](), set(addresses)
    while new:
        known |= new
        named = {each for change in stored.list_related(session, new) for each in change.addresses}
        hashes = {hash_in(each) for each in named | new if is_token(each)}
        for found in lives.find_lives(session, [each for each in named | new if not is_token(each)]).values():
            hashes.update(hash_in(each.token) for each in found)
        named |= list_tokens_of(session, hashes)
        named.update(filter(None, (_find_address(session, each) for each in hashes)))
        new = named - known
    return known


def _find_address(session: Session, address_hash: str) -> str | None:
    """The address with this hash, if an erasure still has it."""
    keys = erasure_keys.load_all(session).values()
    query = select(Erasure).join(ErasedAddress, ErasedAddress.erasure_id == Erasure.id)
    for erasure in session.scalars(query.where(ErasedAddress.hash == address_hash)):
        for address in list_plain(erasure):
            if any(make_hash(key, address) == address_hash for key in keys):
                return address
    return None
