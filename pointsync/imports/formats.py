"""The formats of import files, detected by the column names in the header.

- PointSync's own: `customer,reserve,points,kind,reason,at,ref`. Only `customer` and `points` are required. The exports
  of movements and of customers have this format.
- Balance lists, with a column of e-mail addresses and one of points. WooRewards and MyRewards export a JSON list of
  `{"email": …, "points": …}` (plugins.longwatchstudio.com/kb/wr-mr-data-management, "JSON File format"). WooCommerce
  Points and Rewards stores a customer's points as `wc_points_balance`. WPLoyalty (docs.flycart.org, "How to import
  customer points") names its columns `user_email` and `points`. YITH and others export "email and related points"
  without naming the columns, so the usual spellings are accepted, ignoring case and spaces.
"""

import re
from dataclasses import dataclass

from pointsync.imports.encoding import UnreadableFile
from pointsync.text_limits import printable

POINTSYNC, BALANCES = "pointsync", "balances"
FORMATS = {POINTSYNC: "PointSync's own format", BALANCES: "a list of balances"}
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


@dataclass(frozen=True, slots=True)
class FileFormat:
    """The format that a header has."""

    name: str
    """One of `FORMATS`."""
    column_indexes: dict[str, int]
    """The index of each column that is read."""
    ignored: list[str]
    """The columns that are not read, with their names in the file."""


def detect_format(header: list[str], format_name: str | None = None) -> FileFormat:
    """Find the format of a header and its columns, for the format `format_name` if one is given.

    Raises UnreadableFile, which names the missing or ambiguous columns.
    """
    normalized = [_NON_ALPHANUMERIC.sub("", name.lower()) for name in header]
    if {"movement", "remote", "state"} <= set(normalized):
        raise UnreadableFile("these are deliveries. Export movements or customers, and import that file.", 1)
    is_own = "customer" in normalized and "points" in normalized
    name = format_name or (POINTSYNC if is_own else BALANCES)
    spellings = {column: frozenset({column}) for column in COLUMNS} if name == POINTSYNC else _SPELLINGS
    column_indexes: dict[str, int] = {}
    for column, accepted in spellings.items():
        indexes = [index for index, column_name in enumerate(normalized) if column_name in accepted]
        if len(indexes) > 1:
            names = " and ".join(_quote(header[index]) for index in indexes[:4])
            raise UnreadableFile(f"the columns {names} could both be the {column}. Remove or rename one.", 1)
        if indexes:
            column_indexes[column] = indexes[0]
    for column, description in (("customer", "the customers' e-mail addresses"), ("points", "their points")):
        if column not in column_indexes:
            existing = ", ".join(_quote(each) for each in header[:10])
            suggestion = "email" if column == "customer" and name == BALANCES else column
            raise UnreadableFile(
                f"no column has {description}. Name it {suggestion}. The columns in this file are {existing}.", 1
            )
    ignored = [each for index, each in enumerate(header) if index not in column_indexes.values() and each.strip()]
    return FileFormat(name, column_indexes, [_quote(each) for each in ignored])


def _quote(name: str) -> str:
    return printable(name.strip()) or "(no name)"
