"""Redeeming a reward for a customer: those that the balance affords, each form once."""

from flask import request
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from sqlalchemy.orm import Session
from werkzeug.exceptions import NotFound
from wtforms import RadioField

from pointsync import clock, db, ids
from pointsync.admin.customers import manual_movements
from pointsync.admin.customers.manual_movements import TAB, RecordOutcome
from pointsync.admin.shell.forms import raw_value
from pointsync.admin.shell.idempotency import parse_idempotency_key
from pointsync.admin.shell.panel import blueprint, parse_row_id, render_page
from pointsync.admin.shell.template_filters import format_number, strip_bidi
from pointsync.errors import Conflict, DomainError
from pointsync.ledger.rewards import rewards
from pointsync.ledger.rewards.rewards import AffordableReward
from pointsync.models import Customer, Reserve
from pointsync.runtime import get_runtime

MAX_ID = 2**31 - 1


class RedeemForm(FlaskForm):  # type: ignore[misc]
    """One of the rewards, each with what it was shown to cost."""

    reward = RadioField("Reward", validate_choice=False)


@blueprint.get("/customers/<int(max=9223372036854775807):customer_id>/redeem", provide_automatic_options=False)
def redeem(customer_id: int) -> ResponseReturnValue:
    """The rewards that the customer can have."""
    return _render_form(RedeemForm(), _get_customer(customer_id), ids.new_token())


@blueprint.post("/customers/<int(max=9223372036854775807):customer_id>/redeem", provide_automatic_options=False)
def submit_redeem(customer_id: int) -> ResponseReturnValue:
    """Redeem the one that was chosen, unless this very form has done so before."""
    customer, form, idempotency_key = (
        _get_customer(customer_id),
        RedeemForm(),
        parse_idempotency_key(request.form.get("idempotency_key")),
    )
    choice = _parse_choice(raw_value(form, "reward"))
    if choice is None:
        form.reward.errors = ["Choose one of these."]
    if choice is None or not idempotency_key:
        return _render_form(
            form,
            customer,
            idempotency_key or ids.new_token(),
            None if idempotency_key else manual_movements.MISSING_KEY_MESSAGE,
        ), 422
    source, now, email = manual_movements.current_source(), clock.now(), customer.email
    reward_id, cost = choice

    def redeem_reward(session: Session) -> tuple[RecordOutcome, Reserve]:
        reserve = rewards.get_reserve(session, reward_id)
        ref = f"redeem:{idempotency_key}"
        recorded = rewards.redeem(session, reserve, reward_id, email, ref, source, now, expected_cost=cost)
        return RecordOutcome([recorded], recorded.status == "duplicate"), reserve

    try:
        outcome, reserve = db.run_in_transaction(redeem_reward)
    except DomainError as error:
        if isinstance(error, Conflict) and error.code == "ref_conflict":
            return _render_form(
                form, _get_customer(customer_id), ids.new_token(), manual_movements.STALE_FORM_MESSAGE
            ), 422
        form.reward.errors = [error.message]
        return _render_form(form, _get_customer(customer_id), idempotency_key), 422
    if not outcome.is_duplicate:
        get_runtime().wake_couriers()
    return manual_movements.redirect_to_result(outcome, reserve)


def _get_customer(customer_id: int) -> Customer:
    customer = db.session.get(Customer, customer_id)
    if customer is None:
        raise NotFound
    return customer


def _parse_choice(text: str) -> tuple[int, int] | None:
    """The reward's id and its cost out of a radio button's value; None where this is none of ours."""
    reward_id, cost = (parse_row_id(part) for part in (text.partition("-")[0], text.partition("-")[2]))
    return None if reward_id is None or cost is None or reward_id > MAX_ID else (reward_id, cost)


def _render_form(form: RedeemForm, customer: Customer, idempotency_key: str, error_message: str | None = None) -> str:
    affordable_rewards = rewards.list_affordable(db.session(), customer)
    has_several_reserves = len({each.reserve.id for each in affordable_rewards}) > 1
    form.reward.choices = {_choice_value(each): strip_bidi(each.reward.title) for each in affordable_rewards}
    notes = {_choice_value(each): _choice_note(each, has_several_reserves) for each in affordable_rewards}
    return render_page(
        "customers/redemption.html",
        TAB,
        form=form,
        customer=customer,
        idempotency_key=idempotency_key,
        error_message=error_message,
        affordable_rewards=affordable_rewards,
        reward_notes=notes,
    )


def _choice_value(option: AffordableReward) -> str:
    return f"{option.reward.id}-{option.reward.cost}"


def _choice_note(option: AffordableReward, with_reserve: bool) -> str:
    """What it costs and leaves, and what it is."""
    reserve_text = f" of {strip_bidi(option.reserve.name)}" if with_reserve else ""
    text = f"{format_number(option.reward.cost)} points{reserve_text}; {format_number(option.points - option.reward.cost)} are left then."
    return f"{text} {strip_bidi(option.reward.description)}".strip()
