"""Erasing people: what an erasure says takes effect here, in whatever order it and other changes arrive.

An erasure takes away all addresses that the person had at its time. Each of them gets a token (`tokens`), in place of
the address in everything that is dated before the erasure: in the address's row, and in the changes about it. So
who has which addresses is replayed of the changes as they are stored, with nothing that has to be known about erasures.
"""

import json
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from msgspec.structs import replace
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from pointsync.db.is_in import is_in
from pointsync.db.upsert import insert_or_ignore
from pointsync.ledger.people import stored
from pointsync.ledger.people.change import ERASE, JOINING, Change
from pointsync.ledger.people.erasure import erased, erasure_keys
from pointsync.ledger.people.erasure.erased_rows import replace_address
from pointsync.ledger.people.erasure.erasure_details import has_seen, list_plain, list_tokens
from pointsync.ledger.people.erasure.tokens import hash_in, is_token, make_hash, make_token
from pointsync.models import Customer, CustomerChange, ErasedAddress, Erasure, Hold, Mail, Movement

SCANNED = "scanned"
"""In the position of an erasure: the last customer who was compared with its hashes. Gone when all were."""
SCAN_ROWS = 5000


def erase_related(session: Session, related: Sequence[Change], now: datetime) -> set[str]:
    """Let the erasures among these changes take effect, and erase whom the others connect with erased people.

    Return the addresses whose rows have changed, with their tokens.
    """
    changed: set[str] = set()
    for origin, change_id in sorted((change.origin, change.id) for change in related if change.change == ERASE):
        query = select(Erasure).where(Erasure.origin == origin, Erasure.change_id == change_id)
        erasure = session.scalar(query.with_for_update())
        if erasure is not None and erasure.carried_out_at is None:
            add_hashes(session, erasure, [hash_in(token) for token in erasure.position.get("tokens", [])])
            erasure.position = {SCANNED: 0}
            changed |= erase_addresses(session, erasure, list_plain(erasure), now)
    tokens = {address for change in related for address in change.addresses if is_token(address)}
    for erasure in _list_erasures(session, tokens):
        _adopt_tokens(session, erasure, tokens)
        if late := _find_late(session, erasure):
            changed |= erase_addresses(session, erasure, late, now)
    return changed


def erase_addresses(session: Session, erasure: Erasure, addresses: Iterable[str], now: datetime) -> set[str]:
    """Erase the person who had these addresses, with those that changes join with them which its origin did not know.

    Return these addresses, with their tokens: the caller lets their rows belong to whom the changes say. It
    has the lock of all changes.
    """
    changed: set[str] = set()
    waiting = {address for address in addresses if not is_token(address)}
    while waiting:
        in_order = select(Customer.id).where(is_in(Customer.email, waiting)).order_by(Customer.id).with_for_update()
        session.scalars(in_order).all()  # as everybody locks them who locks several
        for address in sorted(waiting):
            _erase_address(session, erasure, address, now)
        changed |= waiting
        waiting = _find_late(session, erasure)
    erasure.carried_out_at = erasure.carried_out_at or now
    session.flush()
    return changed.union(list_tokens(session, erasure))


def _adopt_tokens(session: Session, erasure: Erasure, tokens: Collection[str]) -> None:
    """Another site has erased more addresses of the person, and names them by their tokens only: search for them."""
    own = {token for token in tokens if is_token(token) and make_token(hash_in(token), str(erasure.change_id)) == token}
    if new := own.difference(list_tokens(session, erasure)):
        add_hashes(session, erasure, [hash_in(token) for token in new])
        erasure.position, erasure.cleaned_at = {SCANNED: 0}, None
        session.flush()


def _find_late(session: Session, erasure: Erasure) -> set[str]:
    """The addresses that changes from before the erasure join with the erased ones, if its origin did not know them.

    Whether such a change is disputed or undone makes no difference: nobody can be brought back if that is found later.
    """
    tokens = set(list_tokens(session, erasure))
    for address in list_plain(erasure):
        tokens.update(life.token for life in erased.list_lives(session, address))
    late = set[str]()
    for change in stored.list_about(session, tokens):
        is_before = erasure.effective_at is not None and change.at < erasure.effective_at
        if change.change in JOINING and is_before and not has_seen(erasure, change):
            late.update(address for address in change.addresses if not is_token(address))
    return late


def _list_erasures(session: Session, tokens: Collection[str]) -> Sequence[Erasure]:
    """The erasures of the persons whose addresses have these tokens."""
    if not tokens:
        return []
    query = select(Erasure).join(ErasedAddress, ErasedAddress.erasure_id == Erasure.id)
    rows = session.scalars(query.where(is_in(ErasedAddress.token, tokens)).order_by(Erasure.effective_at, Erasure.id))
    return rows.unique().all()


def as_stored(session: Session, change: Change) -> Change:
    """A change with the tokens of the addresses that belonged to erased people at its time."""
    tokens = erased.find_tokens(session, [(address, change.at) for address in change.addresses])
    customer = tokens.get((change.customer, change.at), change.customer)
    into = None if change.into is None else tokens.get((change.into, change.at), change.into)
    return replace(change, customer=customer, into=into)


def list_reached(session: Session, change: Change) -> list[tuple[int, str]]:
    """The erasures whose origins did not know a change that is about to be stored, and the address that each erases."""
    reached: list[tuple[int, str]] = []
    if change.change not in JOINING or change.into is None:
        return reached
    for address, other in ((change.customer, change.into), (change.into, change.customer)):
        tokens = [life.token for life in erased.list_lives(session, address) if change.at < life.until]
        tokens += [address] if is_token(address) else []
        erasures = _list_erasures(session, tokens)
        reached += [(erasure.id, other) for erasure in erasures if not has_seen(erasure, change)]
    return [(erasure_id, address) for erasure_id, address in reached if not is_token(address)]


def erase_reached(session: Session, reached: Iterable[tuple[int, str]], now: datetime) -> set[str]:
    """Erase the addresses of `list_reached`, after the change was stored. Return what `erase_addresses` returns."""
    changed: set[str] = set()
    for erasure_id, address in reached:
        changed |= erase_addresses(session, session.get_one(Erasure, erasure_id), [address], now)
    return changed


def find_unknown(session: Session, erasure: Erasure) -> tuple[list[str], int | None]:
    """The next customers whose addresses have hashes of this erasure, and where the search continues; None at its end.

    Another site that does not know the addresses any more has sent only hashes.
    """
    assert erasure.origin is not None
    key = erasure_keys.load_all(session)[erasure.origin]
    query = select(ErasedAddress.hash).where(ErasedAddress.erasure_id == erasure.id)
    hashes = set(session.scalars(query))
    rows = session.execute(
        select(Customer.id, Customer.email)
        .where(Customer.id > erasure.position.get(SCANNED, 0))
        .order_by(Customer.id)
        .limit(SCAN_ROWS)
    ).all()
    found = [row.email for row in rows if make_hash(key, row.email) in hashes and not is_token(row.email)]
    return found, rows[-1].id if len(rows) == SCAN_ROWS else None


def save_scan(
    session: Session, erasure: Erasure, found: Collection[str], last_id: int | None, now: datetime
) -> set[str]:
    """Erase the customers whom `find_unknown` has found. Return what `erase_addresses` returns."""
    changed = erase_addresses(session, erasure, found, now) if found else set()
    erasure.position = {} if last_id is None else {SCANNED: last_id}
    session.flush()
    return changed


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


def _erase_address(session: Session, erasure: Erasure, address: str, now: datetime) -> None:
    assert erasure.effective_at is not None
    key = erasure_keys.load_all(session)[str(erasure.origin)]
    address_hash = make_hash(key, address)
    token, until = make_token(address_hash, str(erasure.change_id)), erasure.effective_at
    add_hashes(session, erasure, [address_hash])
    erasure.cleaned_at = None
    erasure.position = {name: value for name, value in erasure.position.items() if name == SCANNED}
    kept = sorted({*list_plain(erasure), address})
    erasure.sealed_addresses = erasure_keys.vault().encrypt(json.dumps(kept))
    row = replace_address(session, address, token, until, now)
    for column in (CustomerChange.customer, CustomerChange.into_address):
        statement = update(CustomerChange).where(column == address, CustomerChange.at < until).values({column: token})
        session.execute(statement, execution_options={"synchronize_session": False})
    session.flush()
    session.expire_all()
    _count(session, erasure, row)
    _note_until(session, address, until)


def _note_until(session: Session, address: str, until: datetime) -> None:
    """A customer who has the address now is another one than the person who was erased."""
    row = session.scalar(select(Customer).where(Customer.email == address))
    if row is not None:
        row.erased_until = max(until, row.erased_until or until)
        session.flush()


def _count(session: Session, erasure: Erasure, row: Customer | None) -> None:
    """Add what was recorded under an address to the numbers of the receipt."""
    found = {"addresses": 1}
    if row is not None:
        for name, model in (("movements", Movement), ("holds", Hold), ("mails", Mail)):
            query = select(func.count()).select_from(model).where(model.customer_id == row.id)
            found[name] = session.scalar(query) or 0
    erasure.counts = {name: erasure.counts.get(name, 0) + found.get(name, 0) for name in {**erasure.counts, **found}}
    session.flush()
