"""What admins and shops do with people: give a customer another address, merge two customers, and undo a merge. Each is
one transaction, and takes the same time for a customer with many movements."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from pointsync.db.is_in import is_in
from pointsync.email_address import Address, parse
from pointsync.errors import Conflict, InvalidInput, NotFound
from pointsync.ledger import audit_recorder, customers, draft_rules
from pointsync.ledger.fetch_back import state as fetch_back
from pointsync.ledger.people import deliveries, stored
from pointsync.ledger.people.arrange import arrange, lock_rows
from pointsync.ledger.people.change import ALIAS, MERGE, RENAME, UNMERGE, Change, ChangeKey
from pointsync.ledger.people.disputed import mark_disputed
from pointsync.ledger.people.erased.tokens import is_reserved, is_token
from pointsync.ledger.people.replay import replay
from pointsync.ledger.people.stored import lock_changes
from pointsync.models import Balance, Customer

MAX_ADDRESSES = 20
"""Of one customer. Each is read from its own index."""
CUSTOMER_EXISTS = "customer_exists"
"""The code of the refusal if an address belongs to another customer."""


@dataclass(frozen=True, slots=True)
class Merge:
    """A merge that was not undone yet, and that can be undone."""

    change: Change
    addresses: tuple[str, ...]
    """Those that will belong to a separate customer again if the merge is undone."""


def rename(session: Session, customer: str, to: str, now: datetime) -> Customer:
    """Give the customer another address. The old one stays an alias for ever. Return the customer's new row.

    Raises NotFound (`unknown_customer`), InvalidInput (`customer`, `to`), Conflict (`customer_exists` if the new
    address belongs to somebody else, `too_many_addresses`, `too_many_changes`), or TryLater while lost movements come
    back.
    """
    return _add_address(session, RENAME, customer, to, now)


def add_alias(session: Session, customer: str, alias: str, now: datetime) -> Customer:
    """Add an address to the customer, who is shown as before. Raises what `rename` raises."""
    return _add_address(session, ALIAS, customer, alias, now)


def merge(session: Session, customer: str, into: str, now: datetime) -> Customer:
    """Merge a customer into the customer of `into`, who is shown as before. The balances are added up.

    Raises NotFound, InvalidInput, Conflict (`same_customer`, `balance_out_of_bounds`, `too_many_addresses`,
    `too_many_changes`), or TryLater while lost movements come back.
    """
    begin(session)
    gone, kept = get_living(session, customer), _get(session, into, "into")
    if gone.id == kept.id:
        message = f"{kept.email} is an address of this customer already."
        raise Conflict("same_customer", message, {"into": message})
    related = lock_related(session, [gone.email, kept.email], now)
    change = stored.make(session, related, MERGE, gone.email, now, into=kept.email)
    _apply(session, related, change, now)
    before = {"customer": gone.email, "into": kept.email}
    audit_recorder.log_action(
        session, "merged", "customer", kept.id, kept.email, before=before, after={"customer": kept.email}
    )
    return customers.get(session, into)


def unmerge(session: Session, key: ChangeKey, now: datetime) -> tuple[Customer, Customer]:
    """Undo a merge: each of the two customers has again what was recorded under their own addresses.

    Return the customer who was merged into the other one, and the other one. Raises NotFound (`unknown_merge`),
    Conflict (`undone_before`, `balance_out_of_bounds`, `too_many_changes`), or TryLater.
    """
    begin(session)
    undone = stored.find(session, key)
    if undone is None or undone.change != MERGE or undone.into is None or is_token(undone.into):
        raise NotFound(
            "unknown_merge", "This merge is not known here. The customer's page lists the merges that can be undone."
        )
    related = lock_related(session, undone.addresses, now)
    if any(each.change == UNMERGE and each.undoes == key for each in related):
        raise Conflict("undone_before", "This merge was undone already.")
    shown = customers.get(session, undone.customer).email
    change = stored.make(session, related, UNMERGE, undone.customer, now, undoes=key)
    _apply(session, related, change, now)
    customer, other = customers.get(session, undone.customer), customers.get(session, undone.into)
    after = {"customer": customer.email, "other": other.email}
    audit_recorder.log_action(
        session, "unmerged", "customer", customer.id, customer.email, before={"customer": shown}, after=after
    )
    return customer, other


def unmerge_address(session: Session, email: str, now: datetime) -> tuple[Customer, Customer]:
    """Undo the newest merge that gave this address to another customer. Return both customers, as `unmerge` does.

    Raises NotFound (`unknown_customer`, `unknown_merge`), InvalidInput, and what `unmerge` raises.
    """
    customer, address = get_living(session, email), parse(email).key
    for found in list_merges(session, customer):
        if address in found.addresses:
            return unmerge(session, found.change.key, now)
    raise NotFound("unknown_merge", f"{address} was not merged into another customer, or that merge was undone.")


def list_addresses(session: Session, customer: Customer) -> list[str]:
    """The customer's other addresses, sorted."""
    query = select(Customer.email).where(Customer.merged_into_id == customer.id)
    return list(session.scalars(query.order_by(Customer.email)))


def find_first_seen(session: Session, customer: Customer) -> datetime:
    """When the first of the customer's addresses became known here."""
    query = select(func.min(Customer.created_at)).where(Customer.merged_into_id == customer.id)
    oldest_alias = session.scalar(query)
    return min(customer.created_at, oldest_alias) if oldest_alias else customer.created_at


def list_merges(session: Session, customer: Customer) -> list[Merge]:
    """The merges of this customer that can be undone, newest first."""
    related = stored.list_related(session, [customer.email])
    now = replay(related)
    undone = {each.undoes for each in related if each.change == UNMERGE}
    found = []
    for change in sorted(related, key=lambda each: each.order, reverse=True):
        if change.change != MERGE or change.key in undone or customer.email not in now.find(change.customer).addresses:
            continue
        without = replay(each for each in related if each.key != change.key)
        separate = without.find(change.customer).addresses
        if change.into not in separate:
            found.append(Merge(change, separate))
    return found


def _add_address(session: Session, kind: str, email: str, added: str, now: datetime) -> Customer:
    begin(session)
    customer, address = get_living(session, email), _parse(added, "to")
    owner = customers.find(session, [address.key]).get(address.key)
    if owner is not None and owner.id != customer.id:
        raise _customer_exists(address.key)
    if address.key == customer.email or (owner is not None and kind == ALIAS):
        return customer
    customers.get_or_create(session, [address], now)  # with the spelling that was typed
    related = lock_related(session, [customer.email, address.key], now)
    change = stored.make(session, related, kind, customer.email, now, into=address.key)
    if change.key in replay([*related, change]).disputed:
        raise _customer_exists(address.key)
    _apply(session, related, change, now)
    shown = customers.get(session, address.key)
    before, after = {"customer": customer.email}, {"customer": shown.email}
    if kind == RENAME:
        audit_recorder.log_action(session, "renamed", "customer", shown.id, shown.email, before=before, after=after)
    else:
        after = {"alias": address.key}
        audit_recorder.log_action(session, "added", "customer", shown.id, shown.email, after=after)
    return shown


def begin(session: Session) -> None:
    """Let one change be made at a time, because it depends on all changes before it."""
    fetch_back.refuse_if_running(session)  # the balances are not complete yet
    lock_changes(session)


def lock_related(session: Session, addresses: Iterable[str], now: datetime, *, has_limit: bool = True) -> list[Change]:
    """All changes about these addresses. The rows of the addresses that they name are locked, and their balances:
    before the site, as by everybody who records something.

    With `has_limit`, raises Conflict (`too_many_changes`) if no more are possible.
    """
    related = stored.list_related(session, addresses)
    if has_limit:
        stored.require_room(related)
    named = {address for change in related for address in change.addresses}
    rows = lock_rows(session, named.union(addresses), now)
    owners = {row.merged_into_id or row.id for row in rows}
    balances = select(Balance.customer_id).where(is_in(Balance.customer_id, owners))
    session.scalars(balances.order_by(Balance.customer_id, Balance.reserve_id).with_for_update()).all()
    return related


def _apply(session: Session, related: list[Change], change: Change, now: datetime) -> None:
    deliveries.enqueue(session, seq=stored.add(session, change, now).seq)
    changes = [*related, change]
    people = replay(changes)
    if any(len(people.find(address).addresses) > MAX_ADDRESSES for address in change.addresses):
        raise Conflict("too_many_addresses", f"A customer can have at most {MAX_ADDRESSES} addresses.")
    arrange(session, people, {address for each in changes for address in each.addresses}, now)
    mark_disputed(session, changes, people)


def _parse(address: str, name: str) -> Address:
    try:
        parsed = parse(address)
    except InvalidInput as error:
        raise InvalidInput(name, error.message) from error
    if is_reserved(parsed.key):
        raise InvalidInput(name, draft_rules.ERASED)
    return parsed


def _get(session: Session, email: str, name: str) -> Customer:
    return customers.get(session, _parse(email, name).key)


def get_living(session: Session, email: str) -> Customer:
    """The customer who has this address. Raises InvalidInput, or NotFound also for an erased person."""
    customer = customers.get(session, email)
    if is_token(customer.email):
        raise NotFound("unknown_customer", "This person was erased.")
    return customer


def _customer_exists(address: str) -> Conflict:
    message = f"{address} belongs to another customer. If both are the same person, merge the two."
    return Conflict(CUSTOMER_EXISTS, message, {"to": message})
