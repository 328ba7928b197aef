"""Erasing people: what an erasure says takes effect here, in whatever order it and other changes arrive.

An erasure takes away all addresses that the person had at its time. Each of them gets a token (`tokens`), in place of
the address in everything that is dated before the erasure: in the address's row, and in the changes about it. So
who has which addresses is replayed of the changes as they are stored, with nothing that has to be known about erasures.
"""

import json
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from types import MappingProxyType

from msgspec.structs import replace
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from pointsync.db.is_in import is_in
from pointsync.db.upsert import insert_or_ignore
from pointsync.ledger.people.change import ERASE, Change
from pointsync.ledger.people.erased import erasure_keys, lives
from pointsync.ledger.people.erased.tokens import hash_in, is_token, make_hash, make_token
from pointsync.ledger.people.erasure import known_movements, position, reach
from pointsync.ledger.people.erasure.erased_rows import replace_address
from pointsync.ledger.people.erasure.erasure_details import list_plain, list_tokens
from pointsync.ledger.people.erasure.known_movements import KnownMovements
from pointsync.models import Customer, CustomerChange, ErasedAddress, Erasure, Hold, Mail


def erase_related(session: Session, related: Sequence[Change], now: datetime) -> set[str]:
    """Let the erasures among these changes take effect, and erase whom the others connect with erased people.

    Return the addresses whose rows have changed, with their tokens.
    """
    names = {address for change in related for address in change.addresses}
    tokens = set(filter(is_token, names))
    if not tokens:
        return set()
    lock_rows(session, reach.list_component(session, names))
    changed: set[str] = set()
    for origin, change_id in sorted((change.origin, change.id) for change in related if change.change == ERASE):
        query = select(Erasure).where(Erasure.origin == origin, Erasure.change_id == change_id)
        erasure = session.scalar(query.with_for_update())
        if erasure is not None and erasure.carried_out_at is None:
            add_hashes(session, erasure, [hash_in(token) for token in position.read(erasure).tokens])
            position.restart(erasure, is_scanning=True)
            changed |= erase_addresses(session, erasure, list_plain(erasure), now)
    erasures = reach.list_erasures(session, tokens)
    for erasure in erasures:
        _adopt_tokens(session, erasure, tokens)
    return changed | _erase_reached(session, erasures, now)


def erase_addresses(
    session: Session,
    erasure: Erasure,
    addresses: Iterable[str],
    now: datetime,
    known: KnownMovements = MappingProxyType({}),
) -> set[str]:
    """Erase the person who had these addresses, with those that changes join with them which its origin did not know.

    Return these addresses, with their tokens: the caller lets their rows belong to whom the changes say. It
    has the lock of all changes.
    """
    waiting = {address for address in addresses if not is_token(address)}
    lock_rows(session, reach.list_component(session, {*waiting, *list_tokens(session, erasure)}))
    linked = [each for address in sorted(waiting) for each in _erase_address(session, erasure, address, now, known)]
    erasure.carried_out_at = erasure.carried_out_at or now
    session.flush()
    return waiting | _erase_reached(session, [erasure, *linked], now)


def _erase_reached(session: Session, erasures: Iterable[Erasure], now: datetime) -> set[str]:
    """Erase whom these erasures reach, and then whom the others reach that have erased one of the same addresses."""
    waiting, changed = list(erasures), set[str]()
    while waiting:
        erasure = waiting.pop()
        reached = reach.find_reached(session, erasure)
        if reached.hashes:
            add_hashes(session, erasure, reached.hashes)
            position.restart(erasure, is_scanning=reached.is_unknown)
        for address in sorted(reached.addresses):
            waiting += _erase_address(session, erasure, address, now, {})
        if reached.addresses or reached.hashes:
            waiting.append(erasure)
        changed |= reached.addresses.union(list_tokens(session, erasure))
    session.flush()
    return changed


def lock_rows(session: Session, addresses: Collection[str]) -> None:
    """As everybody locks the rows of several addresses: in their order, and before balances and the site."""
    in_order = select(Customer.id).where(is_in(Customer.email, addresses)).order_by(Customer.id).with_for_update()
    session.scalars(in_order).all()


def _adopt_tokens(session: Session, erasure: Erasure, tokens: Collection[str]) -> None:
    """Another site has erased more addresses of the person, and names them by their tokens only: search for them."""
    own = {token for token in tokens if make_token(hash_in(token), str(erasure.change_id)) == token}
    if new := own.difference(list_tokens(session, erasure)):
        add_hashes(session, erasure, [hash_in(token) for token in new])
        position.restart(erasure, is_scanning=True)
        session.flush()


def as_stored(session: Session, change: Change) -> Change:
    """A change with the tokens of the addresses that belonged to erased people at its time."""
    for address in change.addresses:
        if not is_token(address):
            _link(session, address)
    tokens = lives.find_tokens(session, [(address, change.at) for address in change.addresses])
    customer = tokens.get((change.customer, change.at), change.customer)
    into = None if change.into is None else tokens.get((change.into, change.at), change.into)
    return replace(change, customer=customer, into=into)


def add_hashes(session: Session, erasure: Erasure, hashes: Collection[str]) -> None:
    """Store that an erasure has erased the addresses with these hashes, which may be unknown here."""
    rows = [
        {
            "hash": each,
            "erasure_id": erasure.id,
            "until": erasure.effective_at,
            "token": make_token(each, str(erasure.change_id)),
        }
        for each in sorted(set(hashes))
    ]
    insert_or_ignore(session, ErasedAddress, rows)


def _erase_address(
    session: Session, erasure: Erasure, address: str, now: datetime, known: KnownMovements
) -> list[Erasure]:
    """Let this erasure's token take the place of the address in all that is dated before. Return the other erasures of
    the address, of which something new is known now: that it is the same one."""
    assert erasure.effective_at is not None
    key = erasure_keys.load_all(session)[str(erasure.origin)]
    address_hash = make_hash(key, address)
    token, until = make_token(address_hash, str(erasure.change_id)), erasure.effective_at
    add_hashes(session, erasure, [address_hash])
    linked = _link(session, address)
    position.restart(erasure)
    kept = sorted({*list_plain(erasure), address})
    erasure.sealed_addresses = erasure_keys.vault().encrypt(json.dumps(kept))
    row = replace_address(session, address, token, until, now, known)
    for column in (CustomerChange.customer, CustomerChange.into_address):
        statement = update(CustomerChange).where(column == address, CustomerChange.at < until).values({column: token})
        session.execute(statement, execution_options={"synchronize_session": False})
    session.flush()
    session.expire_all()
    _count(session, erasure, row, known)
    _note_until(session, address, until)
    return linked


def _link(session: Session, address: str) -> list[Erasure]:
    """Let each erasure of an address have all its hashes, so that they are known for one address when nobody knows the
    address any more. Return the erasures that had not."""
    found = lives.find_lives(session, [address]).get(address, [])
    hashes = {hash_in(life.token) for life in found}
    linked = []
    for erasure_id in sorted({life.erasure_id for life in found}):
        erasure = session.get_one(Erasure, erasure_id)
        if missing := hashes - reach.list_hashes(session, erasure):
            add_hashes(session, erasure, missing)
            linked.append(erasure)
    return linked


def _note_until(session: Session, address: str, until: datetime) -> None:
    """A customer who has the address now is another one than the person who was erased."""
    row = session.scalar(select(Customer).where(Customer.email == address))
    if row is not None:
        row.erased_until = max(until, row.erased_until or until)
        session.flush()


def _count(session: Session, erasure: Erasure, row: Customer | None, known: KnownMovements) -> None:
    """Add what was recorded under an address to the numbers of the receipt."""
    found = {"addresses": 1}
    if row is not None:
        found["movements"] = known_movements.count(session, row.id, known)
        for name, model in (("holds", Hold), ("mails", Mail)):
            query = select(func.count()).select_from(model).where(model.customer_id == row.id)
            found[name] = session.scalar(query) or 0
    erasure.counts = {name: erasure.counts.get(name, 0) + found.get(name, 0) for name in {**erasure.counts, **found}}
    session.flush()
