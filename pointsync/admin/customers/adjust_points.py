"""Points by hand: for one customer at once, for those that were ticked after a dry run."""

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
from pointsync.email_address import normalise
from pointsync.errors import DomainError, InvalidInput, NotFound
from pointsync.ledger.balances import CHUNK_SIZE
from pointsync.ledger.forecast import forecast
from pointsync.ledger.record import MAX_MOVEMENTS, Draft
from pointsync.models import Customer, Reserve
from pointsync.text_limits import MAX_POINTS, MAX_REASON_LENGTH, validate_text

ADD, SUBTRACT, SET = "add", "subtract", "set"


class AdjustmentForm(FlaskForm):  # type: ignore[misc]
    """Points for the customers that the page names, or for the one whose e-mail is typed."""

    email = StringField("E-mail")
    reserve = SelectField("Points Reserve", default="default")
    what = RadioField("What", choices={ADD: "Add", SUBTRACT: "Subtract", SET: "Set the balance to"}, default=ADD)
    points = StringField("Points")
    reason = StringField("Reason")


@dataclass(frozen=True, slots=True)
class Selection:
    """The customers that a page names; `problem` where others were asked for that it cannot name."""

    customers: list[Customer]
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Adjustment:
    """What the form asks for, checked: the same for each of the customers, which `refs` tell apart."""

    refs: dict[str, str]
    reserve: Reserve
    points: int | None
    set_to: int | None
    reason: str
    idempotency_key: str

    @property
    def drafts(self) -> list[Draft]:
        """A movement for each."""
        return [
            Draft(
                email,
                points=self.points,
                set_to=self.set_to,
                reserve=self.reserve.key,
                kind=manual_movements.KIND,
                reason=self.reason,
                ref=f"hand:{self.idempotency_key}:{name}",
            )
            for email, name in self.refs.items()
        ]


@blueprint.get("/customers/points", provide_automatic_options=False)
def adjust_points() -> ResponseReturnValue:
    """The form, for those ticked or for one to be named."""
    form, selection = _build_form(), _load_selection(db.session(), request.args.getlist("customer"))
    return _render_form(form, selection, ids.new_token()), 422 if selection.problem else 200


@blueprint.post("/customers/points", provide_automatic_options=False)
def submit_adjust_points() -> ResponseReturnValue:
    """Record it; for more than one customer, show first what it would do."""
    session, form, idempotency_key = (
        db.session(),
        _build_form(),
        parse_idempotency_key(request.form.get("idempotency_key")),
    )
    selection = _load_selection(session, request.form.getlist("customer"))
    if "back_to_form" in request.form:
        return _render_form(form, selection, idempotency_key or ids.new_token())
    adjustment = _read_form(session, form, selection, idempotency_key or ids.new_token())
    if adjustment is None:
        return _render_form(form, selection, idempotency_key or ids.new_token()), 422
    if not idempotency_key:
        return _render_form(form, selection, ids.new_token(), manual_movements.MISSING_KEY_MESSAGE), 422
    is_many = len(adjustment.refs) > 1
    if is_many and "confirmed" not in request.form:
        return _render_dry_run(form, selection, adjustment)
    expected_balances = (
        _parse_expected_balances(request.form.get("expected_balances"))
        if is_many and adjustment.set_to is not None
        else None
    )
    try:
        return manual_movements.redirect_to_result(
            manual_movements.record_once(adjustment.reserve, adjustment.drafts, expected_balances), adjustment.reserve
        )
    except BalancesChanged as error:
        balances = manual_movements.count_noun(error.count, "balance")
        message = f"{balances} changed meanwhile. Nothing was recorded; confirm once more."
        return _render_dry_run(form, selection, adjustment, message), 422
    except StaleForm:
        renewed = replace(adjustment, idempotency_key=ids.new_token())
        if is_many:
            return _render_dry_run(form, selection, renewed, manual_movements.STALE_FORM_MESSAGE), 422
        return _render_form(form, selection, renewed.idempotency_key, manual_movements.STALE_FORM_MESSAGE), 422
    except (InvalidInput, NotFound) as error:
        set_reserve_choices(form, session)
        if is_many and "points" in error.fields:  # one of them only: the dry run says which
            return _render_dry_run(form, selection, adjustment), 422
        _show_errors(form, error)
        return _render_form(form, selection, idempotency_key), 422


def _build_form() -> AdjustmentForm:
    form = AdjustmentForm()
    set_reserve_choices(form, db.session())
    return form


def _load_selection(session: Session, row_ids: list[str]) -> Selection:
    """The customers with these row numbers, by address."""
    unique_ids = set(row_ids)
    if len(unique_ids) > MAX_MOVEMENTS:
        too_many = f"At most {MAX_MOVEMENTS:,} customers at once; these are {len(unique_ids):,}. Go back to the list and tick fewer."
        return Selection([], too_many)
    customer_ids = sorted({number for each in unique_ids if (number := parse_row_id(each)) is not None})
    customers: list[Customer] = []
    for start in range(0, len(customer_ids), CHUNK_SIZE):
        customers += session.scalars(select(Customer).where(Customer.id.in_(customer_ids[start : start + CHUNK_SIZE])))
    missing_count = len(unique_ids) - len(customers)
    problem = None
    if missing_count > 0:
        verb = "customer that was ticked is" if missing_count == 1 else "customers that were ticked are"
        problem = f"{missing_count:,} {verb} not here, so nothing was recorded. " + (
            "Go on with those named here, or go back to the list."
            if customers
            else "Go back to the list and tick again."
        )
    return Selection(sorted(customers, key=lambda each: each.email), problem)


def _read_form(session: Session, form: AdjustmentForm, selection: Selection, idempotency_key: str) -> Adjustment | None:
    """What was typed, checked; None where something is wrong, and each sentence stands at its field then."""
    refs: dict[str, str] = {each.email: str(each.id) for each in selection.customers}
    reserve: Reserve | None = None
    points: int | None = None
    set_to: int | None = None
    reason = ""
    what, is_valid = raw_value(form, "what"), selection.problem is None
    try:
        if not refs and is_valid:
            email = normalise(form.email.data or "")
            refs = {email: crypto.sha256_hex(email)}
    except InvalidInput as error:
        is_valid = _show_errors(form, error)
    try:
        reserve = get_active_reserve(session, raw_value(form, "reserve"))
    except InvalidInput as error:
        is_valid = _show_errors(form, error)
    try:
        if what not in (ADD, SUBTRACT, SET):
            raise InvalidInput("what", "Choose what is to be done.")
        number = _parse_points(raw_value(form, "points"), what)
        if what == SET:
            set_to = number
        else:
            points = -number if what == SUBTRACT else number
    except InvalidInput as error:
        is_valid = _show_errors(form, error)
    try:
        reason = validate_text(form.reason.data or "", MAX_REASON_LENGTH, "reason")
    except InvalidInput as error:
        is_valid = _show_errors(form, error)
    if not is_valid or reserve is None:
        return None
    return Adjustment(refs, reserve, points, set_to, reason, idempotency_key)


def _parse_points(text: str, what: str) -> int:
    number = parse_whole_number(text, "-−" if what == SET else "")
    if what == SET:
        if number is None or abs(number) > MAX_POINTS:
            raise InvalidInput(
                "points", f"Type a whole number from −{MAX_POINTS:,} to {MAX_POINTS:,}, such as 50 or 0."
            )
    elif number is None or not 0 < number <= MAX_POINTS:
        raise InvalidInput("points", f"Type a whole number from 1 to {MAX_POINTS:,}, such as 50.")
    return number


def _parse_expected_balances(text: str | None) -> list[int]:
    """The balances that the dry run has shown, in its order; none where this is not what it sent."""
    numbers = [parse_whole_number(each, "-") for each in (text or "").split(",")]
    return [each for each in numbers if each is not None]


def _show_errors(form: AdjustmentForm, error: DomainError) -> bool:
    """Put what a layer below refuses at this form's fields. False: it is not good."""
    names = {"customer": "email", "set": "points"}
    fields = {names.get(name, name): sentence for name, sentence in error.fields.items()}
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
    """What it would do to each, to be confirmed."""
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
