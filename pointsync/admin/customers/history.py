"""A customer: their balances, and the history of their points."""

from flask import request
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from sqlalchemy.orm import Session
from werkzeug.exceptions import NotFound
from wtforms import SelectField

from pointsync.admin.customers.delivery_summary import balances, chosen, maker, reserve_names, way
from pointsync.admin.shell.paging import USUAL_SIZE, Asked
from pointsync.admin.shell.panel import blueprint, page
from pointsync.db import db
from pointsync.db.keyset import Page
from pointsync.errors import Invalid
from pointsync.ledger import customers as ledger
from pointsync.ledger import reserves
from pointsync.ledger.outbox import own_auth
from pointsync.ledger.rewards import levels
from pointsync.models import Customer, Reserve
from pointsync.reports import customer_history
from pointsync.reports.customer_history import Entry
from pointsync.runtime import runtime

TAB = "admin.customers"


class ReserveForm(FlaskForm):  # type: ignore[misc]
    """Which reserve's movements are shown; it stands in the address, so it carries no token."""

    class Meta:
        csrf = False

    reserve = SelectField("Points Reserve", validate_choice=False)
    problem: str | None = None
    """What is wrong with the address apart from the reserve."""

    def __init__(self, every: list[Reserve]) -> None:
        super().__init__(request.args)
        self.reserve.choices = {"": "All"} | reserve_names(every)

    def refuse(self, error: Invalid) -> None:
        """Put the sentence at the field, or above the list where it is not shown or about something else."""
        if "reserve" in error.fields and len(self.reserve.choices) > 2:
            self.reserve.errors = [error.message]
        else:
            self.problem = error.message


@blueprint.get("/customers/<int(max=9223372036854775807):customer_id>", provide_automatic_options=False)
def customer(customer_id: int) -> ResponseReturnValue:
    """The customer's history, newest first."""
    session = db.session()
    who = session.get(Customer, customer_id)
    if who is None:
        raise NotFound
    every = reserves.every(session)
    asked = Asked("admin.customer", ("reserve",), {"customer_id": customer_id})
    form = ReserveForm(every)
    found: Page[Entry] = Page([])
    size = USUAL_SIZE
    try:
        size, reserve = asked.size, chosen(every, request.args.get("reserve"))
        found = customer_history.page(session, runtime().config, who, reserve=reserve, cursor=asked.cursor, size=size)
    except Invalid as error:
        form.refuse(error)
    own = own_auth(session)
    html = page(
        "customers/history.html",
        TAB,
        customer=who,
        form=form,
        asked=asked,
        size=size,
        found=found,
        balances=_balances(session, who, every),
        reached=levels.reached(session, who),
        several=len(every) > 1,
        own_auth=own,
        rows=[(each.movement, each, maker(each.movement), way(each, own)) for each in found.rows],
    )
    return html, 422 if form.errors or form.problem else 200


def _balances(session: Session, who: Customer, every: list[Reserve]) -> list[tuple[Reserve, int]]:
    return balances(every, {each["reserve"]: each["points"] for each in ledger.balances(session, who)})
