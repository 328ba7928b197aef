"""The customer list: search, order, and balances."""

from dataclasses import dataclass

from flask import request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session
from wtforms import SearchField, SelectField

from pointsync import db
from pointsync.admin.customers.customer import shown_balances
from pointsync.admin.customers.manual_movements import CUSTOMER_LIST_QUERY, TAB
from pointsync.admin.shell.forms import QueryForm
from pointsync.admin.shell.paging import DEFAULT_SIZE, PageQuery
from pointsync.admin.shell.panel import blueprint, render_page
from pointsync.admin.shell.reserve_choices import find_reserve, reserve_labels
from pointsync.db.keyset import Count, Page
from pointsync.errors import DomainError, InvalidInput
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
EMAIL_ORDER_LABELS = {order: label for order, label in ORDER_LABELS.items() if order in ("email", "-email")}


class CustomerListForm(QueryForm):
    """The list's search and order."""

    q = SearchField("Search")
    order = SelectField("Sort by", choices=ORDER_LABELS, default="email", validate_choice=False)
    reserve = SelectField("Points in", validate_choice=False)

    def __init__(self, all_reserves: list[Reserve]) -> None:
        super().__init__()
        self.reserve.choices = reserve_labels(all_reserves)

    def show_error(self, error: DomainError) -> None:
        """Show an error of the reserve above the list if there is only one reserve, since the field is hidden then."""
        fields = {"q" if name == "search" else name: message for name, message in error.fields.items()}
        if len(self.reserve.choices) < 2:
            fields.pop("reserve", None)
        error.fields = fields
        super().show_error(error)


@dataclass(frozen=True, slots=True)
class CustomerListPage:
    """A page of the list with the number of all customers found, and the size and order that were used."""

    page: Page[CustomerRow]
    count: Count
    size: int
    order: str


@blueprint.get("/customers")
def customers() -> ResponseReturnValue:
    """The list."""
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
    return html, form.status_code


def _load_page(
    session: Session, form: CustomerListForm, query: PageQuery, all_reserves: list[Reserve]
) -> CustomerListPage:
    search, size, order = form.q.data or "", query.size, form.order.data or "email"
    reserve = find_reserve(all_reserves, request.args.get("reserve"))
    if order not in ORDER_LABELS:
        raise InvalidInput("order", "There is no such order. Choose one from the list.")
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
