"""Adjust points: of one customer at once, of the customers selected in the list after a dry run."""

from dataclasses import dataclass, replace

from flask import request
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from sqlalchemy import select
from sqlalchemy.orm import Session
from wtforms import RadioField, SelectField, StringField

from pointsync import crypto, db, ids
from pointsync.admin.customers import manual_movements
from pointsync.admin.customers.manual_movements import CUSTOMER_LIST_QUERY, TAB, BalancesChanged, StaleForm
from pointsync.admin.shell.forms import parse_whole_number, raw_value, show_errors
from pointsync.admin.shell.idempotency import parse_idempotency_key
from pointsync.admin.shell.panel import blueprint, parse_row_id, render_page
from pointsync.admin.shell.reserve_choices import get_active_reserve, set_reserve_choices
from pointsync.admin.shell.template_filters import format_count
from pointsync.db.chunking import chunks
from pointsync.email_address import parse
from pointsync.errors import DomainError, InvalidInput, NotFound, TryLater
from pointsync.ledger.forecast import forecast
from pointsync.ledger.record import MAX_MOVEMENTS, Draft
from pointsync.models import Customer, Reserve
from pointsync.text_limits import MAX_POINTS, MAX_REASON_LENGTH, validate_text

ADD, SUBTRACT, SET = "add", "subtract", "set"


class AdjustmentForm(FlaskForm):  # type: ignore[misc]
    """An adjustment for the selected customers, or for the one whose e-mail is typed."""

    email = StringField("E-mail")
    reserve = SelectField("Points Reserve", default="default")
    what = RadioField("Action", choices={ADD: "Add", SUBTRACT: "Subtract", SET: "Set the balance to"}, default=ADD)
    points = StringField("Points")
    reason = StringField("Reason")


@dataclass(frozen=True, slots=True)
class Selection:
    """The selected customers that exist; `problem` says what is wrong with the selection."""

    customers: list[Customer]
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Adjustment:
    """A valid adjustment, the same for each customer. `ref_parts` has the part of the ref that tells them apart."""

    ref_parts: dict[str, str]
    """By e-mail."""
    reserve: Reserve
    points: int | None
    set_to: int | None
    reason: str
    idempotency_key: str

    @property
    def drafts(self) -> list[Draft]:
        """A movement for each customer."""
        return [
            Draft(
                email,
                points=self.points,
                set_to=self.set_to,
                reserve=self.reserve.key,
                kind=manual_movements.KIND,
                reason=self.reason,
                ref=f"hand:{self.idempotency_key}:{ref_part}",
                is_entered=True,
            )
            for email, ref_part in self.ref_parts.items()
        ]


@blueprint.get("/customers/points")
def adjust_points() -> ResponseReturnValue:
    """The form, for the selected customers or for one to be typed."""
    form, selection = _build_form(), _load_selection(db.session(), request.args.getlist("customer"))
    return _render_form(form, selection, ids.new_token()), 422 if selection.problem else 200


@blueprint.post("/customers/points")
def submit_adjust_points() -> ResponseReturnValue:
    """Record the adjustment; for more than one customer, first show a dry run."""
    session, form = db.session(), _build_form()
    submitted_key = parse_idempotency_key(request.form.get("idempotency_key"))
    key = submitted_key or ids.new_token()
    selection = _load_selection(session, request.form.getlist("customer"))
    if "back_to_form" in request.form:
        return _render_form(form, selection, key)
    adjustment = _read_form(session, form, selection, key)
    if adjustment is None:
        return _render_form(form, selection, key), 422
    if not submitted_key:
        return _render_form(form, selection, key, manual_movements.MISSING_KEY_MESSAGE), 422
    is_many = len(adjustment.ref_parts) > 1
    if is_many and "confirmed" not in request.form:
        return _render_dry_run(form, selection, adjustment)
    expected_balances = None
    if is_many and adjustment.set_to is not None:
        expected_balances = _parse_expected_balances(request.form.get("expected_balances"))
    try:
        outcome = manual_movements.record_once(adjustment.reserve, adjustment.drafts, expected_balances)
    except BalancesChanged as error:
        balances = format_count(error.count, "balance has", "balances have")
        message = (
            f"{balances} changed in the meantime, so nothing was recorded. Check the new values and confirm again."
        )
        return _render_dry_run(form, selection, adjustment, message), 422
    except StaleForm:
        renewed = replace(adjustment, idempotency_key=ids.new_token())
        if is_many:
            return _render_dry_run(form, selection, renewed, manual_movements.STALE_FORM_MESSAGE), 422
        return _render_form(form, selection, renewed.idempotency_key, manual_movements.STALE_FORM_MESSAGE), 422
    except TryLater as error:
        if is_many:
            return _render_dry_run(form, selection, adjustment, error.message), 422
        return _render_form(form, selection, key, error.message), 422
    except (InvalidInput, NotFound) as error:
        set_reserve_choices(form, session)
        if is_many and "points" in error.fields:  # The dry run shows for which customer.
            return _render_dry_run(form, selection, adjustment), 422
        _show_errors(form, error)
        return _render_form(form, selection, key), 422
    return manual_movements.redirect_to_result(outcome, adjustment.reserve)


def _build_form() -> AdjustmentForm:
    form = AdjustmentForm()
    set_reserve_choices(form, db.session())
    return form


def _load_selection(session: Session, row_ids: list[str]) -> Selection:
    """The customers with these row ids, sorted by e-mail."""
    unique_ids = set(row_ids)
    if len(unique_ids) > MAX_MOVEMENTS:
        too_many = (
            f"You selected {len(unique_ids):,} customers, but at most {MAX_MOVEMENTS:,} can be adjusted at once. "
        )
        return Selection([], too_many + "Go back to the list and select fewer.")
    customer_ids = sorted({number for each in unique_ids if (number := parse_row_id(each)) is not None})
    customers: dict[int, Customer] = {}
    found_count = 0
    for part in chunks(customer_ids):
        for row in session.scalars(select(Customer).where(Customer.id.in_(part))):
            customer = row.merged_into or row  # some may have become one since they were selected
            customers[customer.id] = customer
            found_count += 1
    problem: str | None = None
    if missing_count := len(unique_ids) - found_count:
        missing = format_count(missing_count, "selected customer does", "selected customers do")
        next_step = "Continue with the customers below, or go" if customers else "Go"
        problem = f"{missing} not exist on this site, so nothing was recorded. {next_step} back to the list."
    return Selection(sorted(customers.values(), key=lambda each: each.email), problem)


def _read_form(session: Session, form: AdjustmentForm, selection: Selection, idempotency_key: str) -> Adjustment | None:
    """The adjustment in the form; None if a field is invalid, with the messages at the fields."""
    ref_parts: dict[str, str] = {each.email: str(each.id) for each in selection.customers}
    reserve: Reserve | None = None
    points: int | None = None
    set_to: int | None = None
    reason = ""
    action, is_valid = raw_value(form, "what"), selection.problem is None
    try:
        if not ref_parts and is_valid:
            address = parse(form.email.data or "")
            ref_parts = {address.spelling: crypto.sha256_hex(address.key)}
    except InvalidInput as error:
        is_valid = _show_errors(form, error)
    try:
        reserve = get_active_reserve(session, raw_value(form, "reserve"))
    except InvalidInput as error:
        is_valid = _show_errors(form, error)
    try:
        if action not in (ADD, SUBTRACT, SET):
            raise InvalidInput("what", "Choose an action.")
        number = _parse_points(raw_value(form, "points"), action)
        if action == SET:
            set_to = number
        else:
            points = -number if action == SUBTRACT else number
    except InvalidInput as error:
        is_valid = _show_errors(form, error)
    try:
        reason = validate_text(form.reason.data or "", MAX_REASON_LENGTH, "reason")
    except InvalidInput as error:
        is_valid = _show_errors(form, error)
    if not is_valid or reserve is None:
        return None
    return Adjustment(ref_parts, reserve, points, set_to, reason, idempotency_key)


def _parse_points(text: str, action: str) -> int:
    number = parse_whole_number(text, "-−" if action == SET else "")
    if action == SET:
        if number is None or abs(number) > MAX_POINTS:
            raise InvalidInput(
                "points", f"Type a whole number from −{MAX_POINTS:,} to {MAX_POINTS:,}, such as 50 or 0."
            )
    elif number is None or not 0 < number <= MAX_POINTS:
        raise InvalidInput("points", f"Type a whole number from 1 to {MAX_POINTS:,}, such as 50.")
    return number


def _parse_expected_balances(text: str | None) -> list[int]:
    """The balances that the dry run showed, in its order; parts that are not numbers are left out."""
    numbers = [parse_whole_number(each, "-") for each in (text or "").split(",")]
    return [each for each in numbers if each is not None]


def _show_errors(form: AdjustmentForm, error: DomainError) -> bool:
    """Show the ledger's error at this form's fields. Returns False, for `is_valid`."""
    names = {"customer": "email", "set": "points"}
    fields = {names.get(name, name): message for name, message in error.fields.items()}
    error.fields = fields if fields.keys() <= form._fields.keys() else {"points": error.message}
    show_errors(form, error)
    return False


def _render_form(
    form: AdjustmentForm, selection: Selection, idempotency_key: str, error_message: str | None = None
) -> str:
    return render_page(
        "customers/adjust_points.html",
        TAB,
        form=form,
        selection=selection,
        idempotency_key=idempotency_key,
        error_message=error_message,
        list_query=CUSTOMER_LIST_QUERY,
    )


def _render_dry_run(
    form: AdjustmentForm, selection: Selection, adjustment: Adjustment, message: str | None = None
) -> str:
    """Each customer's balance before and after, to be confirmed."""
    rows = forecast(db.session(), adjustment.drafts, adjustment.reserve)
    return render_page(
        "customers/adjust_points_dry_run.html",
        TAB,
        form=form,
        selection=selection,
        reserve=adjustment.reserve,
        rows=rows,
        invalid_count=sum(row.problem is not None for row in rows),
        idempotency_key=adjustment.idempotency_key,
        message=message,
        list_query=CUSTOMER_LIST_QUERY,
    )
