"""What kinds of files are understood, by the names in their header.

- PointSync's own: `customer,reserve,points,kind,reason,at,ref`, of which only `customer` and `points` must be there;
  so are its exports of movements and of customers.
- Lists of balances, with a column of e-mail addresses and one of points. WooRewards and MyRewards export a JSON list of
  `{"email": …, "points": …}` (plugins.longwatchstudio.com/kb/wr-mr-data-management, "JSON File format"). WooCommerce
  Points and Rewards keeps a customer's points as `wc_points_balance`, and WPLoyalty (docs.flycart.org, "How to import
  customer points") names its columns `user_email` and `points`; YITH and others export "email and related points"
  without saying how the columns are called, so the usual spellings are taken, whatever their case and spaces.
"""

import re
from dataclasses import dataclass

from pointsync.imports.encoding import UnreadableFile

POINTSYNC, BALANCES = "pointsync", "balances"
FORMATS = {POINTSYNC: "PointSync's own", BALANCES: "a list of balances"}
COLUMNS = ("customer", "reserve", "points", "kind", "reason", "at", "ref")

_CUSTOMER_SPELLINGS = (
    "customer email mail emailaddress mailaddress useremail customeremail memberemail billingemail accountemail"
)
_POINTS_SPELLINGS = (
    "points point balance pointsbalance pointbalance balancepoints userpoints customerpoints currentpoints "
    "availablepoints totalpoints rewardpoints loyaltypoints wcpointsbalance"
)
_SPELLINGS = {"customer": frozenset(_CUSTOMER_SPELLINGS.split()), "points": frozenset(_POINTS_SPELLINGS.split())}
_NON_ALPHANUMERIC = re.compile(r"[^a-z0-9]+")
MAX_QUOTED_CHARS = 40


@dataclass(frozen=True, slots=True)
class FileFormat:
    """What a header was understood as."""

    name: str
    """One of `SHAPES`."""
    column_indexes: dict[str, int]
    """Where each column that is read stands, counted from 0."""
    ignored: list[str]
    """The columns that are not read, as they are called in the file."""


def detect_format(header: list[str], format_name: str | None = None) -> FileFormat:
    """What the header is of, or what of `wanted` is in it. Raises Unreadable, naming what is missing or twice there."""
    normalized = [_NON_ALPHANUMERIC.sub("", name.lower()) for name in header]
    if {"movement", "remote", "state"} <= set(normalized):
        raise UnreadableFile("these are deliveries; export movements or customers, and import those.", 1)
    is_own = "customer" in normalized and "points" in normalized
    name = format_name or (POINTSYNC if is_own else BALANCES)
    spellings = {column: frozenset({column}) for column in COLUMNS} if name == POINTSYNC else _SPELLINGS
    column_indexes: dict[str, int] = {}
    for column, accepted in spellings.items():
        indexes = [index for index, column_name in enumerate(normalized) if column_name in accepted]
        if len(indexes) > 1:
            names = " and ".join(_printable(header[index]) for index in indexes[:4])
            raise UnreadableFile(f"the columns {names} could both be the {column}; leave one, or rename it.", 1)
        if indexes:
            column_indexes[column] = indexes[0]
    for column, description in (("customer", "the customers' e-mail addresses"), ("points", "their points")):
        if column not in column_indexes:
            existing = ", ".join(_printable(each) for each in header[:10])
            suggestion = "email" if column == "customer" and name == BALANCES else column
            raise UnreadableFile(
                f"no column has {description}; call it {suggestion}. The columns here are {existing}.", 1
            )
    ignored = [each for index, each in enumerate(header) if index not in column_indexes.values() and each.strip()]
    return FileFormat(name, column_indexes, [_printable(each) for each in ignored])


def _printable(name: str) -> str:
    printable = "".join(letter if letter.isprintable() else "?" for letter in name.strip())
    return (printable if len(printable) <= MAX_QUOTED_CHARS else f"{printable[: MAX_QUOTED_CHARS - 1]}…") or "(no name)"
