"""Redeeming a reward for a customer: those that the balance affords, each form once."""

from flask import request
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from sqlalchemy.orm import Session
from werkzeug.exceptions import NotFound
from wtforms import RadioField

from pointsync import clock, db, ids
from pointsync.admin.customers import manual_movements
from pointsync.admin.customers.manual_movements import TAB, Outcome
from pointsync.admin.shell.panel import blueprint, number, page, plain, row_number
from pointsync.errors import Conflict, Refused
from pointsync.ledger.rewards import rewards
from pointsync.ledger.rewards.rewards import Affordable
from pointsync.models import Customer, Reserve
from pointsync.runtime import runtime

MAX_ROW = 2**31 - 1


class RedeemForm(FlaskForm):  # type: ignore[misc]
    """One of the rewards, each with what it was shown to cost."""

    reward = RadioField("Reward", validate_choice=False)


@blueprint.get("/customers/<int(max=9223372036854775807):customer_id>/redeem", provide_automatic_options=False)
def redeem(customer_id: int) -> ResponseReturnValue:
    """The rewards that the customer can have."""
    return _page(RedeemForm(), _customer(customer_id), ids.new_token())


@blueprint.post("/customers/<int(max=9223372036854775807):customer_id>/redeem", provide_automatic_options=False)
def send_redeem(customer_id: int) -> ResponseReturnValue:
    """Redeem the one that was chosen, unless this very form has done so before."""
    who, form, once = _customer(customer_id), RedeemForm(), manual_movements.once(request.form.get("once"))
    picked = _picked(manual_movements.typed(form, "reward"))
    if picked is None:
        form.reward.errors = ["Choose one of these."]
    if picked is None or not once:
        return _page(form, who, once or ids.new_token(), None if once else manual_movements.INCOMPLETE), 422
    source, now, email = manual_movements.source(), clock.now(), who.email
    reward_id, cost = picked

    def work(session: Session) -> tuple[Outcome, Reserve]:
        reserve = rewards.reserve_of(session, reward_id)
        ref = f"redeem:{once}"
        made = rewards.redeem(session, reserve, reward_id, email, ref, source, now, shown_cost=cost)
        return Outcome([made], made.status == "duplicate"), reserve

    try:
        outcome, reserve = db.in_write(work)
    except Refused as error:
        if isinstance(error, Conflict) and error.code == "ref_conflict":
            return _page(form, _customer(customer_id), ids.new_token(), manual_movements.STALE), 422
        form.reward.errors = [error.message]
        return _page(form, _customer(customer_id), once), 422
    if not outcome.is_repeat:
        runtime().wake()
    return manual_movements.done(outcome, reserve)


def _customer(customer_id: int) -> Customer:
    who = db.db.session.get(Customer, customer_id)
    if who is None:
        raise NotFound
    return who


def _picked(text: str) -> tuple[int, int] | None:
    """The reward's id and its cost out of a radio button's value; None where this is none of ours."""
    reward_id, cost = (row_number(part) for part in (text.partition("-")[0], text.partition("-")[2]))
    return None if reward_id is None or cost is None or reward_id > MAX_ROW else (reward_id, cost)


def _page(form: RedeemForm, who: Customer, once: str, problem: str | None = None) -> str:
    found = rewards.affordable(db.db.session(), who)
    several = len({each.reserve.id for each in found}) > 1
    form.reward.choices = {_value(each): plain(each.reward.title) for each in found}
    notes = {_value(each): _note(each, several) for each in found}
    return page(
        "customers/redemption.html", TAB, form=form, customer=who, once=once, problem=problem, found=found, notes=notes
    )


def _value(each: Affordable) -> str:
    return f"{each.reward.id}-{each.reward.cost}"


def _note(each: Affordable, several: bool) -> str:
    """What it costs and leaves, and what it is."""
    where = f" of {plain(each.reserve.name)}" if several else ""
    words = f"{number(each.reward.cost)} points{where}; {number(each.points - each.reward.cost)} are left then."
    return f"{words} {plain(each.reward.description)}".strip()
