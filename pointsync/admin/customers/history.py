"""A customer: their balances, and the history of their points."""

from flask import request
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from sqlalchemy.orm import Session
from werkzeug.exceptions import NotFound
from wtforms import SelectField

from pointsync import db
from pointsync.admin.customers.balance_list import shown_balances
from pointsync.admin.customers.delivery_summary import delivery_summary, source_label
from pointsync.admin.shell.paging import DEFAULT_SIZE, PageQuery
from pointsync.admin.shell.panel import blueprint, render_page
from pointsync.admin.shell.reserve_choices import find_reserve, reserve_labels
from pointsync.db.keyset import Page
from pointsync.errors import InvalidInput
from pointsync.ledger import customers as ledger
from pointsync.ledger import reserves
from pointsync.ledger.outbox import get_local_auth
from pointsync.ledger.rewards import levels
from pointsync.models import Customer, Reserve
from pointsync.reports import customer_history
from pointsync.reports.customer_history import HistoryEntry
from pointsync.runtime import get_runtime

TAB = "admin.customers"


class ReserveFilter(FlaskForm):  # type: ignore[misc]
    """Which reserve's movements are shown; it stands in the address, so it carries no token."""

    class Meta:
        csrf = False

    reserve = SelectField("Points Reserve", validate_choice=False)
    problem: str | None = None
    """What is wrong with the address apart from the reserve."""

    def __init__(self, all_reserves: list[Reserve]) -> None:
        super().__init__(request.args)
        self.reserve.choices = {"": "All"} | reserve_labels(all_reserves)

    def show_error(self, error: InvalidInput) -> None:
        """Put the sentence at the field, or above the list where it is not shown or about something else."""
        if "reserve" in error.fields and len(self.reserve.choices) > 2:
            self.reserve.errors = [error.message]
        else:
            self.problem = error.message


@blueprint.get("/customers/<int(max=9223372036854775807):customer_id>", provide_automatic_options=False)
def customer(customer_id: int) -> ResponseReturnValue:
    """The customer's history, newest first."""
    session = db.session()
    customer = session.get(Customer, customer_id)
    if customer is None:
        raise NotFound
    all_reserves = reserves.list_all(session)
    query = PageQuery("admin.customer", ("reserve",), {"customer_id": customer_id})
    form = ReserveFilter(all_reserves)
    history_page: Page[HistoryEntry] = Page([])
    size = DEFAULT_SIZE
    try:
        size, reserve = query.size, find_reserve(all_reserves, request.args.get("reserve"))
        history_page = customer_history.list_page(
            session, get_runtime().config, customer, reserve=reserve, cursor=query.cursor, size=size
        )
    except InvalidInput as error:
        form.show_error(error)
    local_auth = get_local_auth(session)
    html = render_page(
        "customers/history.html",
        TAB,
        customer=customer,
        form=form,
        query=query,
        page_size=size,
        history_page=history_page,
        balances=_balances(session, customer, all_reserves),
        reached=levels.list_reached(session, customer),
        has_several_reserves=len(all_reserves) > 1,
        local_auth=local_auth,
        rows=[
            (each.movement, each, source_label(each.movement), delivery_summary(each, local_auth))
            for each in history_page.rows
        ],
    )
    return html, 422 if form.errors or form.problem else 200


def _balances(session: Session, customer: Customer, all_reserves: list[Reserve]) -> list[tuple[Reserve, int]]:
    return shown_balances(
        all_reserves, {each["reserve"]: each["points"] for each in ledger.list_balances(session, customer)}
    )
