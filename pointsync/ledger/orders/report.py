"""What a shop says that an order is. Shops report; only the ledger computes points from it."""

from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction

from pointsync.email_address import Address

ITEM, FEE, SHIPPING = "item", "fee", "shipping"
"""The kinds of an order's lines."""


@dataclass(frozen=True, slots=True)
class OrderLine:
    """A line of an order, after coupons: `total` without tax, and its `tax`.

    What the report does not tell is None.
    """

    kind: str
    id: int | None
    total: Fraction
    tax: Fraction = Fraction(0)
    product_id: int | None = None
    variation_id: int | None = None
    categories: frozenset[int] | None = None
    is_on_sale: bool | None = None
    is_gift_card: bool | None = None

    @property
    def with_tax(self) -> Fraction:
        """What the customer pays for it."""
        return self.total + self.tax


@dataclass(frozen=True, slots=True)
class RefundedLine:
    """The part of a refund that belongs to a line of the order; amounts are above 0. `line_id` is the order's line."""

    kind: str
    line_id: int | None
    total: Fraction
    tax: Fraction = Fraction(0)
    product_id: int | None = None


@dataclass(frozen=True, slots=True)
class Refund:
    """A refund: its whole amount, above 0, and the lines it is for; None if the report does not tell the lines."""

    id: int
    total: Fraction
    reason: str = ""
    lines: tuple[RefundedLine, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderReport:
    """An order as its shop knows it at one moment."""

    id: int
    number: str = ""
    """How the shop names the order to its customers."""
    key: str | None = None
    """The shop's random key of the order. Another key under the same id is another order."""
    status: str = ""
    currency: str = ""
    """A code such as EUR; empty if the report does not tell it."""
    total: Fraction = Fraction(0)
    """What the customer pays, with tax and shipping; refunds are not subtracted."""
    minor_unit: Fraction = Fraction(1, 100)
    """The smallest amount of the currency as the shop prints it."""
    lines: tuple[OrderLine, ...] | None = None
    """Items, fees and shipping; None if the report does not tell them."""
    refunds: tuple[Refund, ...] = ()
    customer: Address | None = None
    """The e-mail address with which the order was placed."""
    customer_problem: str = ""
    """Why there is no address, as a sentence."""
    account_id: int | None = None
    """The shop's id of the customer's account; 0 for a guest, None if the report does not tell it."""
    roles: frozenset[str] | None = None
    """The customer's roles in the shop."""
    created_at: datetime | None = None
    modified_at: datetime | None = None
    parent_id: int = 0
    is_deleted: bool = False
    """The shop has moved the order to the trash. Then nothing but the id is known."""
    is_restored: bool = False
    """The shop has taken the order out of the trash."""
    asked_at: datetime | None = None
    """When this site asked the shop for the order; None if the shop reported it by itself."""

    @property
    def label(self) -> str:
        """What the order is called in sentences."""
        return f"Order {self.number or self.id}"

    @property
    def highest_ids(self) -> tuple[int, int]:
        """The highest ids of its refunds and of its lines; 0 if it has none. The shop counts up, so a later state has
        higher ones.
        """
        return (
            max((each.id for each in self.refunds), default=0),
            max((each.id or 0 for each in self.lines or ()), default=0),
        )

    @property
    def tells_refunded_lines(self) -> bool:
        """Whether it is known of each refund which lines it is for."""
        return all(each.lines is not None for each in self.refunds)

    @property
    def refunded(self) -> Fraction:
        """The money of all refunds."""
        return sum((each.total for each in self.refunds), Fraction(0))
