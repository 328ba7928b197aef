"""A customer's page: their balances, and the history of their points."""

from flask import request
from flask.typing import ResponseReturnValue
from wtforms import SelectField

from pointsync import clock, db
from pointsync.admin.customers.customer import get_customer, shown_balances
from pointsync.admin.customers.delivery_summary import delivery_summary, source_label
from pointsync.admin.customers.manual_movements import TAB
from pointsync.admin.shell.forms import QueryForm
from pointsync.admin.shell.paging import PageQuery
from pointsync.admin.shell.panel import blueprint, render_page
from pointsync.admin.shell.reserve_choices import find_reserve, reserve_labels
from pointsync.errors import DomainError, InvalidInput
from pointsync.ledger import customers as ledger
from pointsync.ledger import reserves
from pointsync.ledger.holds import holds
from pointsync.ledger.holds.held_points import sum_held_of
from pointsync.ledger.outbox import get_local_auth
from pointsync.ledger.people import people
from pointsync.ledger.people.erased.tokens import is_token
from pointsync.ledger.people.erasure import erasures
from pointsync.ledger.rewards import levels
from pointsync.models import Reserve
from pointsync.reports import changes, customer_history
from pointsync.runtime import get_runtime


class ReserveFilter(QueryForm):
    """The history's filter by reserve."""

    reserve = SelectField("Points Reserve", validate_choice=False)

    def __init__(self, all_reserves: list[Reserve]) -> None:
        super().__init__()
        self.reserve.choices = {"": "All"} | reserve_labels(all_reserves)

    def show_error(self, error: DomainError) -> None:
        """Show an error of the reserve above the list if there is only one reserve, since the field is hidden then."""
        super().show_error(InvalidInput("", error.message) if len(self.reserve.choices) <= 2 else error)


@blueprint.get("/customers/<big_row_id:customer_id>")
def customer(customer_id: int) -> ResponseReturnValue:
    """The customer's history, newest first."""
    session = db.session()
    customer, all_reserves = get_customer(session, customer_id), reserves.list_all(session)
    form, query = ReserveFilter(all_reserves), PageQuery("admin.customer", ("reserve",), {"customer_id": customer_id})
    page, size = query.load(
        form,
        lambda cursor, size: customer_history.list_page(
            session,
            get_runtime().config,
            customer,
            reserve=find_reserve(all_reserves, request.args.get("reserve")),
            cursor=cursor,
            size=size,
        ),
    )
    local_auth = get_local_auth(session)
    rows = [(each, source_label(each.movement.source), delivery_summary(each, local_auth)) for each in page.rows]
    now = clock.now()
    held = {reserve_id: points for (_, reserve_id), points in sum_held_of(session, [customer.id], now).items()}
    points_by_key = {each.reserve: each.points for each in ledger.list_balances(session, customer)}
    html = render_page(
        "customers/history.html",
        TAB,
        customer=customer,
        is_erased=is_token(customer.email),
        erased_by=erasures.find_by_token(session, customer.email),
        form=form,
        balances=shown_balances(all_reserves, points_by_key),
        held=held,
        holds=[(each, source_label(each.source)) for each in holds.list_active(session, customer, now)] if held else [],
        max_holds=holds.MAX_LISTED,
        addresses=(addresses := people.list_addresses(session, customer)),
        merges=people.list_merges(session, customer) if addresses else [],
        changes=changes.list_of_customer(session, customer),
        first_seen_at=people.find_first_seen(session, customer) if addresses else customer.created_at,
        reached=levels.list_reached(session, customer),
        has_several_reserves=len(all_reserves) > 1,
        local_auth=local_auth,
        **query.template_values(page.with_rows(rows), size),
    )
    return html, form.status_code
