"""System › API keys: how the orders count that a shop reports by the API."""

from typing import Any

from flask import flash, redirect, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from sqlalchemy.orm import Session
from wtforms import SelectField, StringField

from pointsync import clock, db
from pointsync.accounts import api_keys
from pointsync.admin.shell.forms import show_errors
from pointsync.admin.shell.panel import blueprint, render_page
from pointsync.admin.shell.reserve_choices import reserve_choices
from pointsync.errors import Conflict, InvalidInput, NotFound
from pointsync.models import Hook
from pointsync.runtime import get_runtime
from pointsync.woocommerce import api_rule, hooks
from pointsync.woocommerce.rule_input import parse_currencies, split_list

TAB = "admin.api_keys"


class OrderRuleFields(FlaskForm):  # type: ignore[misc]
    """How a shop's orders count, whether it has keys already or will be connected."""

    reserve = SelectField("Points Reserve")
    base = SelectField(
        "What counts",
        choices={
            "goods": "Goods without tax and shipping",
            "goods+tax": "Goods with their tax",
            "total": "Total that the customer pays",
        },
    )
    rate = StringField("Points per unit", default="1")
    status = StringField("Order statuses", default="completed")
    currency = StringField("Other currencies")

    def read_rule(self) -> dict[str, Any]:
        """The arguments of `api_rule.add` that were typed. Raises InvalidInput."""
        return {
            "reserve_key": self.reserve.data or "",
            "base": self.base.data or "",
            "rate": (self.rate.data or "").strip(),
            "currencies": parse_currencies(split_list(self.currency.data or "")),
            "status": [each for each in (self.status.data or "").split(",") if each.strip()],
        }


class OrderRuleForm(OrderRuleFields):
    """The same for a shop that has keys."""

    shop = SelectField("Shop")


def list_rules(session: Session) -> list[Hook]:
    """How the orders of shops count that report them by the API."""
    return [each for each in hooks.list_all(session) if each.key_shop is not None]


@blueprint.get("/system/api-keys/orders/add")
def add_order_rule() -> ResponseReturnValue:
    """Show the form."""
    return _render_form(OrderRuleForm())


@blueprint.post("/system/api-keys/orders/add")
def submit_add_order_rule() -> ResponseReturnValue:
    """Let the orders of a shop count."""
    form = OrderRuleForm()
    try:
        rule = db.run_in_transaction(
            lambda session: api_rule.add(
                session,
                get_runtime().vault,
                key_shop=form.shop.data or "",
                now=clock.now(),
                **form.read_rule(),
            )
        )
    except (InvalidInput, Conflict, NotFound) as error:
        show_errors(form, error)
        return _render_form(form), 422
    flash(f"Orders that {rule.key_shop} reports count in {rule.reserve.name} now.", "done")
    return redirect(url_for(TAB, _anchor="orders"), 303)


def _render_form(form: OrderRuleForm) -> str:
    session = db.session()
    counted = {each.key_shop for each in list_rules(session)}
    names = [
        each for each in api_keys.list_shops(session, api_rule.SCOPE) if each not in counted or each == form.shop.data
    ]
    form.shop.choices = {each: each for each in names}
    form.reserve.choices = reserve_choices(session, only_active=True)
    return render_page("settings/api_keys/order_rule_form.html", TAB, form=form)
