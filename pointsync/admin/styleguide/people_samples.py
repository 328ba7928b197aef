"""Samples for the page of all components: customers with several addresses, changes of customers, and erasures."""

from pointsync import clock
from pointsync.admin.styleguide.samples import LONG_EMAIL, LONG_NAME, LONG_TEXT, SAMPLE_TIME
from pointsync.ledger.people.change import Change
from pointsync.ledger.people.people import Merge
from pointsync.models import CustomerChange
from pointsync.reports.changes import ChangeAtSite, ChangeOfCustomers, ChangeRow

ORIGIN = "wrk_0123456789abcdef"
COUNTS = {"addresses": 2, "movements": 12_345, "mails": 1}


def addresses() -> list[str]:
    """A customer's other addresses."""
    return ["max@example.com", LONG_EMAIL.replace("@", ".second@")]


def merges() -> list[Merge]:
    """Merges that can be undone."""
    return [
        Merge(Change(origin=ORIGIN, id=str(number), at=SAMPLE_TIME, change="merge", customer=email), (email,))
        for number, email in enumerate(addresses(), start=1)
    ]


def changes() -> list[ChangeRow]:
    """A change in each state, here and on other sites."""
    sites = [
        ChangeAtSite("Tea shop", "wrk_1", "delivered", None, clock.to_text(SAMPLE_TIME)),
        ChangeAtSite(LONG_NAME, "wrk_2", "waiting", LONG_TEXT, None),
        ChangeAtSite("Print shop", "wrk_3", "refused", "The receiver does not know the change 'alias'.", None),
        ChangeAtSite("Woo shop", "wrk_4", "impossible", None, None),
    ]
    chosen = [
        ("waiting", []),
        ("refused", []),
        ("disputed", []),
        ("counts", []),
        *(("counts", sites[: n + 1]) for n in range(4)),
    ]
    kinds = ("rename", "alias", "merge", "unmerge", "erase", "rename", "alias", "merge")
    return [
        _change(number, kind, state, at_sites)
        for number, (kind, (state, at_sites)) in enumerate(zip(kinds, chosen, strict=True))
    ]


def _change(number: int, kind: str, state: str, sites: list[ChangeAtSite]) -> ChangeRow:
    into = addresses()[number % 2] if kind in ("rename", "alias", "merge") else None
    document = ChangeOfCustomers(
        id=str(number),
        origin=ORIGIN,
        origin_name="This site",
        change=kind,  # type: ignore[arg-type]
        customer=LONG_EMAIL if number % 2 else "anna@example.com",
        into=into,
        at=clock.to_text(SAMPLE_TIME),
        state=state,  # type: ignore[arg-type]
        sites=sites,
    )
    return ChangeRow(CustomerChange(seq=number), document)
