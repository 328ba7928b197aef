"""The form of a hook: its fields, and the rule that they say."""

from collections.abc import Mapping
from datetime import datetime, tzinfo

from wtforms import BooleanField, RadioField, SelectField, StringField

from pointsync import clock
from pointsync.admin.shell.forms import SecretField, VersionedForm
from pointsync.errors import DomainError, InvalidInput
from pointsync.ledger.orders.rule import OWN_CURRENCY, PAID_STATUSES, OrderRule
from pointsync.models import Hook
from pointsync.woocommerce.rule_input import RuleInput, parse_currencies, parse_minimums, split_list
from pointsync.woocommerce.rules import amounts_text

COMPLETED, PAID, OTHER = "completed", "processing", "other"
FROM_NOW, FROM_DAY, ALL = "now", "day", "all"
TYPED_UNDER_MORE = ("base", "other_statuses", "currency", "since", "since_day", "minimum", "exclude_product")


class HookForm(VersionedForm):
    """A new hook, or another rule or secret for one. The fields of the rule are named as in errors about it."""

    name = StringField("Name")
    secret = SecretField("Secret")
    reserve = SelectField("Points Reserve")
    rule = RadioField(
        "What counts",
        choices={"orders": "Orders", "movements": "The shop plugin's movements"},
        default="orders",
    )
    rate = StringField("Points per unit", default="1")
    status = SelectField(
        "Give points when",
        choices={
            COMPLETED: "the order is completed",
            PAID: "the order is paid (processing)",
            OTHER: "it has a status under More options",
        },
        default=COMPLETED,
    )
    base = RadioField(
        "Amount that counts",
        choices={"goods": "Goods", "goods+tax": "Goods with tax", "total": "Total"},
        default="goods",
    )
    other_statuses = StringField("Other statuses")
    currency = StringField("Other currencies")
    since = SelectField("Count orders that were created", choices={}, default=FROM_NOW)
    since_day = StringField("First day")
    minimum = StringField("Minimum order")
    exclude_product = StringField("Products without points")
    child_orders = BooleanField("Count orders that have a parent order")

    def set_choices(self, *, is_new: bool) -> None:
        """Offer the choices of a new hook, or of one that exists."""
        self.since.choices = {
            FROM_NOW: "from now on" if is_new else "since this hook was added",
            FROM_DAY: "since the first day below",
            ALL: "at any time",
        }

    def fill(self, values: Mapping[str, str | bool]) -> None:
        """Show the values of `read_values`."""
        for name, value in values.items():
            self[name].data = value
        self.with_original_values(values)

    def read_rule(self, zone: tzinfo, hook: Hook | None = None) -> RuleInput:
        """The rule that was typed, for a new hook or for `hook`. Raises InvalidInput for the field that is wrong."""
        return RuleInput(
            base=self.base.data or "goods",
            rate=(self.rate.data or "").strip(),
            statuses=self._read_statuses(),
            currencies=parse_currencies(split_list(self.currency.data or "")),
            minimums=parse_minimums(split_list(self.minimum.data or "")),
            excluded_products=split_list(self.exclude_product.data or ""),
            counts_from=self._read_since(zone, hook),
            counts_all=self.since.data == ALL,
            counts_children=bool(self.child_orders.data),
        )

    def show_rule_error(self, error: DomainError) -> None:
        """Show an error at the field where it was typed."""
        for name, message in error.fields.items():
            field_name = "other_statuses" if name == "status" and split_list(self.other_statuses.data or "") else name
            self[field_name].errors = [*self[field_name].errors, message]

    @property
    def shows_more(self) -> bool:
        """Whether *More options* are open: there is an error, or something was typed."""
        return any(
            self[name].errors or (self[name].data or "") != (self[name].default or "") for name in TYPED_UNDER_MORE
        ) or bool(self.child_orders.data)

    def _read_statuses(self) -> list[str]:
        status, others = self.status.data or "", split_list(self.other_statuses.data or "")
        if status == OTHER and not others:
            raise InvalidInput("other_statuses", "Type at least one status, such as picked-up.")
        if status not in (COMPLETED, PAID, OTHER):
            raise InvalidInput("status", "The status must be one of processing, completed, or other.")
        first = [] if status == OTHER else list(PAID_STATUSES) if status == PAID and others else [status]
        return [*first, *others]

    def _read_since(self, zone: tzinfo, hook: Hook | None) -> datetime | None:
        """The first moment that counts; None for a new hook's own, or if all orders count."""
        if self.since.data not in (FROM_NOW, FROM_DAY, ALL):
            raise InvalidInput("since", "Choose which orders count.")
        if self.since.data != FROM_DAY:
            return hook.created_at if hook is not None and self.since.data == FROM_NOW else None
        before = OrderRule.from_text(hook.order_rule).counts_from if hook is not None else None
        typed = (self.since_day.data or "").strip()
        if before is not None and typed == _day_text(before, zone):
            return before  # its time of the day stays
        try:
            return clock.parse_input(typed, zone)
        except ValueError:
            raise InvalidInput("since_day", "Type a day, such as 2026-01-31.") from None


def read_values(hook: Hook, zone: tzinfo) -> dict[str, str | bool]:
    """What the form shows for a hook that counts orders."""
    rule = OrderRule.from_text(hook.order_rule)
    rates = {code: rate for code, rate in rule.rates.items() if code != OWN_CURRENCY}
    own = {OWN_CURRENCY: rule.rates[OWN_CURRENCY]} if OWN_CURRENCY in rule.rates else {}
    is_simple = rule.statuses in (PAID_STATUSES, (COMPLETED,))
    since = ALL if rule.counts_from is None else FROM_NOW if rule.counts_from == hook.created_at else FROM_DAY
    return {
        "rate": amounts_text(own),
        "status": (PAID if rule.statuses == PAID_STATUSES else COMPLETED) if is_simple else OTHER,
        "base": rule.base,
        "other_statuses": "" if is_simple else ", ".join(rule.statuses),
        "currency": amounts_text(rates),
        "since": since,
        "since_day": _day_text(rule.counts_from, zone) if rule.counts_from and since == FROM_DAY else "",
        "minimum": amounts_text(rule.minimums),
        "exclude_product": ", ".join(str(each) for each in sorted(rule.excluded_products)),
        "child_orders": rule.counts_children,
    }


def _day_text(at: datetime, zone: tzinfo) -> str:
    return f"{at.astimezone(zone):%Y-%m-%d}"
