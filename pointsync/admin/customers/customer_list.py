"""Customers: the list."""

from dataclasses import dataclass

from flask import request
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from sqlalchemy.orm import Session
from wtforms import SearchField, SelectField

from pointsync import db
from pointsync.admin.customers.balance_list import shown_balances
from pointsync.admin.customers.manual_movements import CUSTOMER_LIST_QUERY, TAB
from pointsync.admin.shell.paging import DEFAULT_SIZE, PageQuery
from pointsync.admin.shell.panel import blueprint, render_page
from pointsync.admin.shell.reserve_choices import find_reserve, reserve_labels
from pointsync.db.keyset import Count, Page
from pointsync.errors import InvalidInput
from pointsync.ledger import customer_list, reserves
from pointsync.ledger.customer_list import CustomerRow
from pointsync.models import Reserve

ORDER_LABELS = {
    "email": "E-mail, A to Z",
    "-email": "E-mail, Z to A",
    "newest": "Newest first",
    "oldest": "Oldest first",
    "-points": "Most points first",
    "points": "Fewest points first",
}
POINTS_ORDERS = ("-points", "points")
EMAIL_ORDER_LABELS = {order: words for order, words in ORDER_LABELS.items() if order in ("email", "-email")}


class CustomerListForm(FlaskForm):  # type: ignore[misc]
    """What is looked for and in which order; it stands in the address, so it carries no token."""

    class Meta:
        csrf = False

    q = SearchField("Narrow your search")
    order = SelectField("Order by", choices=ORDER_LABELS, default="email", validate_choice=False)
    reserve = SelectField("Points in", validate_choice=False)
    problem: str | None = None
    """What is wrong with the address apart from what can be mended in a field."""

    def __init__(self, all_reserves: list[Reserve]) -> None:
        super().__init__(request.args)
        self.reserve.choices = reserve_labels(all_reserves)

    def show_error(self, error: InvalidInput) -> None:
        """Put the sentence at its field, or above the list where none is shown for it."""
        for name, sentence in error.fields.items():
            name = "q" if name == "search" else name
            if name in self and not (name == "reserve" and len(self.reserve.choices) < 2):
                self[name].errors = [sentence]
                return
        self.problem = error.message


@dataclass(frozen=True, slots=True)
class CustomerListPage:
    """What the address leads to."""

    page: Page[CustomerRow]
    count: Count
    size: int
    order: str


@blueprint.get("/customers", provide_automatic_options=False)
def customers() -> ResponseReturnValue:
    """The tab."""
    session, query = db.session(), CUSTOMER_LIST_QUERY
    all_reserves = reserves.list_all(session)
    form = CustomerListForm(all_reserves)
    try:
        list_page = _load_page(session, form, query, all_reserves)
    except InvalidInput as error:
        form.show_error(error)
        list_page = CustomerListPage(Page([]), Count(0, False), DEFAULT_SIZE, "email")
    html = render_page(
        "customers/customer_list.html",
        TAB,
        form=form,
        query=query,
        list_page=list_page,
        points_orders=POINTS_ORDERS,
        rows=[(row.customer, shown_balances(all_reserves, row.points)) for row in list_page.page.rows],
    )
    return html, 422 if form.errors or form.problem else 200


def _load_page(
    session: Session, form: CustomerListForm, query: PageQuery, all_reserves: list[Reserve]
) -> CustomerListPage:
    search, size, order = form.q.data or "", query.size, form.order.data or "email"
    reserve = find_reserve(all_reserves, request.args.get("reserve"))
    if order not in ORDER_LABELS:
        raise InvalidInput("order", "There is no such order; choose one of these.")
    order = customer_list.effective_order(order, search)
    if order in POINTS_ORDERS and reserve is None:
        reserve = next((each for each in all_reserves if each.is_active), all_reserves[0])
        form.reserve.data = reserve.key
    if search.strip():
        form.order.choices = EMAIL_ORDER_LABELS
    form.order.data = order
    sort_reserve = reserve if order in POINTS_ORDERS else None
    page = customer_list.list_page(
        session, search=search, order=order, reserve=sort_reserve, cursor=query.cursor, size=size
    )
    return CustomerListPage(page, customer_list.count(session, search=search, reserve=sort_reserve), size, order)
