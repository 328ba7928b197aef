"""The formats of import files, detected by the column names in the header.

- PointSync's own: `customer,reserve,points,kind,reason,at,ref`. Only `customer` and `points` are required. The exports
  of movements and of customers have this format. Exported movements also have `origin` and `id`, which are read only
  together.
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
EXPORT_COLUMNS = ("origin", "id")
ADD, FIRST, LAST = "add", "first", "last"
SAME_CUSTOMER = {
    ADD: "The sum of the lines",
    FIRST: "Only the first line",
    LAST: "Only the last line",
}
"""What counts if a customer occurs twice in a list of balances."""

_EMAIL_SPELLINGS = "email mail emailaddress mailaddress useremail customeremail memberemail billingemail accountemail"
_POINTS_SPELLINGS = (
    "points point balance pointsbalance pointbalance balancepoints userpoints customerpoints currentpoints "
    "availablepoints totalpoints rewardpoints loyaltypoints wcpointsbalance"
)
_EMAIL_NAMES = frozenset(_EMAIL_SPELLINGS.split())
_SPELLINGS = {"customer": _EMAIL_NAMES | {"customer"}, "points": frozenset(_POINTS_SPELLINGS.split())}
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

    @property
    def is_balance_list(self) -> bool:
        """Whether its lines say no more than how many points a customer has: then each customer should occur once."""
        return self.column_indexes.keys() <= {"customer", "reserve", "points"}


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
    if set(EXPORT_COLUMNS) <= set(normalized) and name == POINTSYNC:
        spellings |= {column: frozenset({column}) for column in EXPORT_COLUMNS}
    if "customer" in normalized and _EMAIL_NAMES & set(normalized):  # then `customer` contains names
        spellings = spellings | {"customer": _EMAIL_NAMES}
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
