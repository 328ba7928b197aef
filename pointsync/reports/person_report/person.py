"""Who a report is about."""

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from pointsync.config import Config
from pointsync.email_address import normalise
from pointsync.ledger.people.erased.texts import AddressTexts
from pointsync.models import Customer
from pointsync.sync.site import names
from pointsync.sync.site.names import SiteNames


@dataclass(frozen=True)
class Person:
    """All addresses of one customer, and where to look for them."""

    session: Session
    config: Config
    rows: tuple[Customer, ...]
    """The rows of the addresses, the one that is shown first. Empty if no customer has the address."""
    now: datetime
    """What counts as held at this time."""
    address: str
    """The address with which the customer is shown, or that was asked for."""

    @property
    def data(self) -> Path:
        """The data folder."""
        return self.config.data

    @cached_property
    def row_ids(self) -> list[int]:
        """The ids of the rows."""
        return [row.id for row in self.rows]

    @cached_property
    def emails(self) -> dict[int, str]:
        """The addresses by the ids of their rows."""
        return {row.id: row.email for row in self.rows}

    @cached_property
    def addresses(self) -> list[str]:
        """The addresses, in every spelling that is stored."""
        spellings = [spelling for row in self.rows for spelling in (row.email, row.spelling) if spelling]
        return list(dict.fromkeys([self.address, *spellings]))

    @cached_property
    def texts(self) -> AddressTexts:
        """Finds the addresses in texts."""
        return AddressTexts({self.address, *self.emails.values()})

    @cached_property
    def site_names(self) -> SiteNames:
        """The names of all sites."""
        return names.read(self.session, self.config)


def find(session: Session, config: Config, email: str, now: datetime) -> Person:
    """The person who has this address. Raises InvalidInput."""
    address = normalise(email)
    row = session.scalar(select(Customer).where(Customer.email == address))
    if row is None:
        return Person(session, config, (), now, address)
    shown = row.merged_into or row
    others = session.scalars(select(Customer).where(Customer.merged_into_id == shown.id).order_by(Customer.email))
    return Person(session, config, (shown, *others), now, shown.email)
