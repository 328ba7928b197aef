"""Customers: the list."""

from dataclasses import dataclass

from flask import request
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from sqlalchemy.orm import Session
from wtforms import SearchField, SelectField

from pointsync.admin.customers.delivery_summary import balances, chosen, reserve_names
from pointsync.admin.customers.manual_movements import LIST, TAB
from pointsync.admin.shell.paging import USUAL_SIZE, Asked
from pointsync.admin.shell.panel import blueprint, page
from pointsync.db import db
from pointsync.db.keyset import Count, Page
from pointsync.errors import Invalid
from pointsync.ledger import customer_list, reserves
from pointsync.ledger.customer_list import Listed
from pointsync.models import Reserve

ORDERS = {
    "email": "E-mail, A to Z",
    "-email": "E-mail, Z to A",
    "newest": "Newest first",
    "oldest": "Oldest first",
    "-points": "Most points first",
    "points": "Fewest points first",
}
BY_POINTS = ("-points", "points")
BY_EMAIL = {order: words for order, words in ORDERS.items() if order in ("email", "-email")}


class ListForm(FlaskForm):  # type: ignore[misc]
    """What is looked for and in which order; it stands in the address, so it carries no token."""

    class Meta:
        csrf = False

    q = SearchField("Narrow your search")
    order = SelectField("Order by", choices=ORDERS, default="email", validate_choice=False)
    reserve = SelectField("Points in", validate_choice=False)
    problem: str | None = None
    """What is wrong with the address apart from what can be mended in a field."""

    def __init__(self, every: list[Reserve]) -> None:
        super().__init__(request.args)
        self.reserve.choices = reserve_names(every)

    def refuse(self, error: Invalid) -> None:
        """Put the sentence at its field, or above the list where none is shown for it."""
        for name, sentence in error.fields.items():
            name = "q" if name == "search" else name
            if name in self and not (name == "reserve" and len(self.reserve.choices) < 2):
                self[name].errors = [sentence]
                return
        self.problem = error.message


@dataclass(frozen=True, slots=True)
class Shown:
    """What the address leads to."""

    found: Page[Listed]
    count: Count
    size: int
    order: str


@blueprint.get("/customers", provide_automatic_options=False)
def customers() -> ResponseReturnValue:
    """The tab."""
    session, asked = db.session(), LIST
    every = reserves.every(session)
    form = ListForm(every)
    try:
        shown = _shown(session, form, asked, every)
    except Invalid as error:
        form.refuse(error)
        shown = Shown(Page([]), Count(0, False), USUAL_SIZE, "email")
    html = page(
        "customers/customer_list.html",
        TAB,
        form=form,
        asked=asked,
        shown=shown,
        by_points=BY_POINTS,
        rows=[(row.customer, balances(every, row.points)) for row in shown.found.rows],
    )
    return html, 422 if form.errors or form.problem else 200


def _shown(session: Session, form: ListForm, asked: Asked, every: list[Reserve]) -> Shown:
    search, size, order = form.q.data or "", asked.size, form.order.data or "email"
    reserve = chosen(every, request.args.get("reserve"))
    if order not in ORDERS:
        raise Invalid("order", "There is no such order; choose one of these.")
    order = customer_list.order_in_force(order, search)
    if order in BY_POINTS and reserve is None:
        reserve = next((each for each in every if each.is_active), every[0])
        form.reserve.data = reserve.key
    if search.strip():
        form.order.choices = BY_EMAIL
    form.order.data = order
    by = reserve if order in BY_POINTS else None
    found = customer_list.page(session, search=search, order=order, reserve=by, cursor=asked.cursor, size=size)
    return Shown(found, customer_list.count(session, search=search, reserve=by), size, order)
