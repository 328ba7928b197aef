"""Redeem a reward for a customer: one that the balance covers, once per form."""

from flask import request
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from sqlalchemy.orm import Session
from wtforms import RadioField

from pointsync import clock, db, ids
from pointsync.admin.customers import manual_movements
from pointsync.admin.customers.customer import get_customer
from pointsync.admin.customers.manual_movements import TAB, RecordOutcome
from pointsync.admin.shell.forms import raw_value
from pointsync.admin.shell.idempotency import parse_idempotency_key
from pointsync.admin.shell.panel import blueprint, parse_row_id, render_page
from pointsync.admin.shell.template_filters import format_count, format_number, strip_bidi
from pointsync.errors import Conflict, DomainError
from pointsync.ids import MAX_ROW_ID
from pointsync.ledger.rewards import rewards
from pointsync.ledger.rewards.rewards import AffordableReward
from pointsync.models import Customer, Reserve
from pointsync.runtime import get_runtime


class RedeemForm(FlaskForm):  # type: ignore[misc]
    """The rewards to choose from. A choice includes the cost that was shown, so that a new price is noticed."""

    reward = RadioField("Reward", validate_choice=False)


@blueprint.get("/customers/<big_row_id:customer_id>/redeem")
def redeem(customer_id: int) -> ResponseReturnValue:
    """The rewards that the customer can afford."""
    return _render_form(RedeemForm(), get_customer(db.session(), customer_id), ids.new_token())


@blueprint.post("/customers/<big_row_id:customer_id>/redeem")
def submit_redeem(customer_id: int) -> ResponseReturnValue:
    """Redeem the chosen reward, unless this form has already done so."""
    customer, form = get_customer(db.session(), customer_id), RedeemForm()
    submitted_key = parse_idempotency_key(request.form.get("idempotency_key"))
    key = submitted_key or ids.new_token()
    choice = _parse_choice(raw_value(form, "reward"))
    if choice is None:
        form.reward.errors = ["Choose a reward."]
    if choice is None or not submitted_key:
        message = None if submitted_key else manual_movements.MISSING_KEY_MESSAGE
        return _render_form(form, customer, key, message), 422
    source, now, email = manual_movements.current_source(), clock.now(), customer.email
    reward_id, cost = choice

    def redeem_reward(session: Session) -> tuple[RecordOutcome, Reserve]:
        reserve = rewards.get_reserve(session, reward_id)
        recorded = rewards.redeem(session, reserve, reward_id, email, f"redeem:{key}", source, now, expected_cost=cost)
        return RecordOutcome([recorded], recorded.status == "duplicate"), reserve

    try:
        outcome, reserve = db.run_in_transaction(redeem_reward)
    except DomainError as error:
        customer = get_customer(db.session(), customer_id)
        if isinstance(error, Conflict) and error.code == "ref_conflict":
            return _render_form(form, customer, ids.new_token(), manual_movements.STALE_FORM_MESSAGE), 422
        form.reward.errors = [error.message]
        return _render_form(form, customer, key), 422
    if not outcome.is_duplicate:
        get_runtime().wake_couriers()
    return manual_movements.redirect_to_result(outcome, reserve)


def _parse_choice(text: str) -> tuple[int, int] | None:
    """The reward's id and the cost that was shown, from a radio button's value; None if it is malformed."""
    id_text, _, cost_text = text.partition("-")
    reward_id, cost = parse_row_id(id_text), parse_row_id(cost_text)
    return None if reward_id is None or cost is None or reward_id > MAX_ROW_ID else (reward_id, cost)


def _render_form(form: RedeemForm, customer: Customer, idempotency_key: str, error_message: str | None = None) -> str:
    affordable_rewards = rewards.list_affordable(db.session(), customer, clock.now())
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
    """The cost, what remains, and the description."""
    cost = format_count(option.reward.cost, "point")
    if with_reserve:
        cost += f" of {strip_bidi(option.reserve.name)}"
    remaining = format_number(option.points - option.reward.cost)
    return f"Costs {cost}; {remaining} remain. {strip_bidi(option.reward.description)}".strip()
