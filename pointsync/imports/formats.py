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

from pointsync.imports.encoding import Unreadable

OWN, BALANCES = "pointsync", "balances"
SHAPES = {OWN: "PointSync's own", BALANCES: "a list of balances"}
COLUMNS = ("customer", "reserve", "points", "kind", "reason", "at", "ref")

_CUSTOMER = "customer email mail emailaddress mailaddress useremail customeremail memberemail billingemail accountemail"
_POINTS = (
    "points point balance pointsbalance pointbalance balancepoints userpoints customerpoints currentpoints "
    "availablepoints totalpoints rewardpoints loyaltypoints wcpointsbalance"
)
_SPELLINGS = {"customer": frozenset(_CUSTOMER.split()), "points": frozenset(_POINTS.split())}
_LETTERS = re.compile(r"[^a-z0-9]+")
MAX_SHOWN = 40


@dataclass(frozen=True, slots=True)
class Shape:
    """What a header was understood as."""

    name: str
    """One of `SHAPES`."""
    places: dict[str, int]
    """Where each column that is read stands, counted from 0."""
    ignored: list[str]
    """The columns that are not read, as they are called in the file."""


def recognise(header: list[str], wanted: str | None = None) -> Shape:
    """What the header is of, or what of `wanted` is in it. Raises Unreadable, naming what is missing or twice there."""
    words = [_LETTERS.sub("", name.lower()) for name in header]
    if {"movement", "remote", "state"} <= set(words):
        raise Unreadable("these are deliveries; export movements or customers, and import those.", 1)
    is_own = "customer" in words and "points" in words
    name = wanted or (OWN if is_own else BALANCES)
    spellings = {column: frozenset({column}) for column in COLUMNS} if name == OWN else _SPELLINGS
    places: dict[str, int] = {}
    for column, known in spellings.items():
        found = [place for place, word in enumerate(words) if word in known]
        if len(found) > 1:
            names = " and ".join(_shown(header[place]) for place in found[:4])
            raise Unreadable(f"the columns {names} could both be the {column}; leave one, or rename it.", 1)
        if found:
            places[column] = found[0]
    for column, what in (("customer", "the customers' e-mail addresses"), ("points", "their points")):
        if column not in places:
            there = ", ".join(_shown(each) for each in header[:10])
            call = "email" if column == "customer" and name == BALANCES else column
            raise Unreadable(f"no column has {what}; call it {call}. The columns here are {there}.", 1)
    ignored = [each for place, each in enumerate(header) if place not in places.values() and each.strip()]
    return Shape(name, places, [_shown(each) for each in ignored])


def _shown(name: str) -> str:
    shown = "".join(letter if letter.isprintable() else "?" for letter in name.strip())
    return (shown if len(shown) <= MAX_SHOWN else f"{shown[: MAX_SHOWN - 1]}…") or "(no name)"
