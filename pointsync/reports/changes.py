"""Changes of customers, newest first: who made them, whether they are applied here, and which sites have them."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

from msgspec import Meta, Struct
from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from pointsync import clock
from pointsync.db import keyset
from pointsync.db.is_in import is_in
from pointsync.errors import InvalidInput
from pointsync.ledger.movement_json import DateTimeString, Email
from pointsync.ledger.outbox import get_local_auth
from pointsync.ledger.people.change import ERASE
from pointsync.ledger.people.changes import approval
from pointsync.ledger.people.erasure import erasure_details
from pointsync.ledger.people.members import list_members
from pointsync.models import Approval, ChangeDelivery, Customer, CustomerChange, DeliveryState, Erasure, Remote

WAITING, DISPUTED, UNDELIVERED = "waiting", "disputed", "undelivered"
STATES = (WAITING, DISPUTED, UNDELIVERED)
MAX_OF_CUSTOMER = 100

SiteState = Literal["delivered", "waiting", "refused", "impossible"]


class ChangeAtSite(Struct):
    """Whether another site has a change that was made here."""

    name: str
    auth: Annotated[str, Meta(description="The site's permanent name.")]
    state: Annotated[
        SiteState, Meta(description="impossible: a WooRewards shop, or a PointSync that does not know changes.")
    ]
    message: Annotated[str | None, Meta(description="Why the site does not have it, as far as that is known.")]
    delivered_at: DateTimeString | None


class ChangeOfCustomers(Struct):
    """A rename, one more address, a merge, an undone merge, or an erasure."""

    id: str
    origin: Annotated[str, Meta(description="The permanent name of the site on which it was made.")]
    origin_name: str
    change: Literal["rename", "alias", "merge", "unmerge", "erase"]
    customer: Email
    into: Annotated[str | None, Meta(description="The new address, or an address of the customer who stays.")]
    at: DateTimeString
    state: Annotated[
        Literal["counts", "waiting", "refused", "disputed"],
        Meta(
            description="counts: it is applied here. waiting: for an admin's approval. refused: by an admin of this "
            "site. disputed: it has no effect, because the address belongs to another customer."
        ),
    ]
    sites: Annotated[list[ChangeAtSite], Meta(description="The other sites. Empty for changes of other sites.")]

    @classmethod
    def from_row(cls, row: CustomerChange, customer: str, names: dict[str, str], sites: list[ChangeAtSite]) -> Self:
        """The JSON of a stored change about a customer; `names` are those of sites by Auth."""
        if row.approval in (Approval.WAITING, Approval.REFUSED):
            state = str(row.approval)
        else:
            state = "disputed" if row.is_disputed else "counts"
        return cls(
            id=row.id,
            origin=row.origin,
            origin_name=names.get(row.origin, row.origin),
            change=row.change,  # type: ignore[arg-type]
            customer=customer,
            into=row.into_address,
            at=clock.to_text(row.at),
            state=state,  # type: ignore[arg-type]
            sites=sites,
        )


@dataclass(frozen=True, slots=True)
class ChangeRow:
    """A stored change, and what is shown of it."""

    row: CustomerChange
    json: ChangeOfCustomers

    def sites_in(self, state: SiteState) -> list[ChangeAtSite]:
        """The other sites for which it is in that state."""
        return [each for each in self.json.sites if each.state == state]


def list_page(
    session: Session, *, state: str | None = None, cursor: str | None = None, size: int = 20
) -> keyset.Page[ChangeRow]:
    """A page of all changes; with `state`, those that an admin must approve or settle, or that a site does not have.

    Raises InvalidInput for `state`, `cursor` or `size`.
    """
    query: Any = select(CustomerChange)
    if state is not None:
        query = query.where(_condition(state))

    def fetch(request: keyset.PageRequest) -> Sequence[CustomerChange]:
        narrowed = request.apply_to(query, CustomerChange.seq.expression, is_descending=True)
        return list(session.scalars(narrowed))

    found = keyset.fetch_page(cursor, size, (int,), fetch, lambda row: (row.seq,))
    return found.with_rows(_describe(session, found.rows))


def list_of_customer(session: Session, customer: Customer) -> list[ChangeRow]:
    """The newest changes about any of the customer's addresses, newest first."""
    emails = select(Customer.email).where(Customer.id.in_(list_members(session, customer.id)))
    known = list(session.scalars(emails))
    about = or_(is_in(CustomerChange.customer, known), is_in(CustomerChange.into_address, known))
    query = select(CustomerChange).where(about).order_by(CustomerChange.seq.desc()).limit(MAX_OF_CUSTOMER)
    return _describe(session, session.scalars(query).all())


def _condition(state: str) -> Any:
    if state == WAITING:
        return or_(approval.waiting_condition(), CustomerChange.approval == Approval.REFUSED)
    if state == DISPUTED:
        return approval.disputed_condition()
    if state == UNDELIVERED:
        listed = select(Remote.auth).where(Remote.deleted_at.is_(None))
        is_open = select(ChangeDelivery.change_seq).where(
            ChangeDelivery.open_condition(), ChangeDelivery.auth.in_(listed)
        )
        return CustomerChange.seq.in_(is_open)
    raise InvalidInput("state", f"The state must be one of {', '.join(STATES)}.")


def _describe(session: Session, rows: Sequence[CustomerChange]) -> list[ChangeRow]:
    remotes: dict[str, Remote] = {}
    for remote in session.scalars(select(Remote).order_by(Remote.deleted_at.is_not(None), Remote.id)):
        remotes.setdefault(remote.auth, remote)
    names = {auth: remote.display_name for auth, remote in remotes.items()} | {get_local_auth(session): "This site"}
    sites: defaultdict[int, list[ChangeAtSite]] = defaultdict(list)
    query = select(ChangeDelivery).where(is_in(ChangeDelivery.change_seq, [row.seq for row in rows]))
    for delivery in session.scalars(query.order_by(ChangeDelivery.id)):
        remote_of_site = remotes.get(delivery.auth)
        if remote_of_site is not None and (not remote_of_site.deleted_at or delivery.delivered_at):
            sites[delivery.change_seq].append(_describe_site(delivery, remote_of_site))
    return [
        ChangeRow(row, ChangeOfCustomers.from_row(row, _customer_of(session, row), names, sites[row.seq]))
        for row in rows
    ]


def _customer_of(session: Session, row: CustomerChange) -> str:
    """The customer of a change. Whom an erasure is to erase is shown to the admin who decides, if it is known here."""
    if row.change == ERASE and row.approval == Approval.WAITING:
        query = select(Erasure).where(Erasure.origin == row.origin, Erasure.change_id == row.id)
        erasure = session.scalar(query)
        addresses = erasure_details.list_plain(erasure) if erasure else []
        return addresses[0] if addresses else row.customer
    return row.customer


def _describe_site(delivery: ChangeDelivery, remote: Remote) -> ChangeAtSite:
    state: SiteState = "waiting"
    if delivery.state == DeliveryState.DELIVERED:
        state = "delivered"
    elif remote.dialect is not None and not remote.takes_changes:
        state = "impossible"
    elif delivery.state == DeliveryState.FAILED:
        state = "refused"
    return ChangeAtSite(
        name=remote.display_name,
        auth=delivery.auth,
        state=state,
        message=delivery.message,
        delivered_at=clock.to_text(delivery.delivered_at) if delivery.delivered_at else None,
    )
