"""Bulk adjust: pasted lines of customers and points, shown as a dry run, then recorded all or none."""

from dataclasses import dataclass, replace

from flask import request
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from wtforms import SelectField, StringField, TextAreaField

from pointsync import db, ids
from pointsync.admin.customers import manual_movements, pasted_lines
from pointsync.admin.customers.manual_movements import TAB, StaleForm
from pointsync.admin.customers.pasted_lines import PastedLine
from pointsync.admin.shell.forms import raw_value, show_errors
from pointsync.admin.shell.idempotency import parse_idempotency_key
from pointsync.admin.shell.panel import blueprint, render_page
from pointsync.admin.shell.reserve_choices import get_active_reserve, set_reserve_choices
from pointsync.errors import InvalidInput, NotFound, TryLater
from pointsync.ledger.forecast import Forecast, forecast
from pointsync.ledger.record import MAX_MOVEMENTS, Draft
from pointsync.models import Reserve
from pointsync.text_limits import MAX_REASON_LENGTH, validate_text


class BulkAdjustmentForm(FlaskForm):  # type: ignore[misc]
    """Pasted lines, their reserve, and the reason for lines without one."""

    reserve = SelectField("Points Reserve", default="default")
    lines = TextAreaField("Lines")
    reason = StringField("Reason")


@dataclass(frozen=True, slots=True)
class BulkAdjustment:
    """The form's content; some of its lines may still have a problem."""

    reserve: Reserve
    lines: list[PastedLine]
    idempotency_key: str

    @property
    def drafts(self) -> list[Draft]:
        """A movement for each line without a problem."""
        return [
            Draft(
                each.email,
                points=each.points,
                reserve=self.reserve.key,
                kind=manual_movements.KIND,
                reason=each.reason,
                ref=f"hand:{self.idempotency_key}:{each.number}",
                is_entered=True,
            )
            for each in self.lines
            if not each.problem
        ]


@blueprint.get("/customers/points/several")
def bulk_adjust() -> ResponseReturnValue:
    """The form."""
    return _render_form(_build_form(), ids.new_token())


@blueprint.post("/customers/points/several")
def submit_bulk_adjust() -> ResponseReturnValue:
    """Show the dry run; record the lines once it is confirmed."""
    form = _build_form()
    submitted_key = parse_idempotency_key(request.form.get("idempotency_key"))
    key = submitted_key or ids.new_token()
    if "back_to_form" in request.form:
        return _render_form(form, key)
    try:
        adjustment = _read_form(form, key)
    except InvalidInput as error:
        show_errors(form, error)
        return _render_form(form, key), 422
    if not submitted_key:
        return _render_form(form, key, manual_movements.MISSING_KEY_MESSAGE), 422
    valid_lines, invalid_lines = _preview_lines(adjustment)
    if invalid_lines or "confirmed" not in request.form:
        return _render_dry_run(form, adjustment, valid_lines, invalid_lines), 422 if invalid_lines else 200
    try:
        outcome = manual_movements.record_once(adjustment.reserve, adjustment.drafts)
    except StaleForm:
        renewed = replace(adjustment, idempotency_key=ids.new_token())
        preview = _preview_lines(renewed)
        return _render_dry_run(form, renewed, *preview, message=manual_movements.STALE_FORM_MESSAGE), 422
    except (InvalidInput, NotFound, TryLater) as error:  # Something changed since the preview a moment ago.
        set_reserve_choices(form, db.session())
        field_name = "reserve" if "reserve" in error.fields else "lines"
        show_errors(form, InvalidInput(field_name, error.message))
        return _render_form(form, key), 422
    return manual_movements.redirect_to_result(outcome, adjustment.reserve)


def _build_form() -> BulkAdjustmentForm:
    form = BulkAdjustmentForm()
    set_reserve_choices(form, db.session())
    return form


def _read_form(form: BulkAdjustmentForm, idempotency_key: str) -> BulkAdjustment:
    """The form's content. Raises InvalidInput for errors that concern more than one line."""
    reserve = get_active_reserve(db.session(), raw_value(form, "reserve"))
    numbered_lines = pasted_lines.split_lines(form.lines.data or "")
    if not numbered_lines:
        raise InvalidInput("lines", "Paste at least one line, such as alice@example.com, 50.")
    if len(numbered_lines) > MAX_MOVEMENTS:
        raise InvalidInput(
            "lines",
            f"You pasted {len(numbered_lines):,} lines, but at most {MAX_MOVEMENTS:,} can be recorded at once. "
            "Send the rest afterwards.",
        )
    reason = validate_text(form.reason.data or "", MAX_REASON_LENGTH, "reason")
    return BulkAdjustment(
        reserve, [pasted_lines.parse_line(number, text, reason) for number, text in numbered_lines], idempotency_key
    )


def _preview_lines(adjustment: BulkAdjustment) -> tuple[list[tuple[PastedLine, Forecast]], list[PastedLine]]:
    """The valid lines with their effect, and the invalid lines in their order."""
    valid_lines = [each for each in adjustment.lines if not each.problem]
    rows = list(zip(valid_lines, forecast(db.session(), adjustment.drafts, adjustment.reserve), strict=True))
    invalid_lines = [each for each in adjustment.lines if each.problem]
    invalid_lines += [replace(line, problem=row.problem) for line, row in rows if row.problem]
    return [(line, row) for line, row in rows if not row.problem], sorted(invalid_lines, key=lambda each: each.number)


def _render_form(form: BulkAdjustmentForm, idempotency_key: str, error_message: str | None = None) -> str:
    return render_page(
        "customers/bulk_adjust.html",
        TAB,
        form=form,
        idempotency_key=idempotency_key,
        error_message=error_message,
        max_lines=MAX_MOVEMENTS,
    )


def _render_dry_run(
    form: BulkAdjustmentForm,
    adjustment: BulkAdjustment,
    valid_lines: list[tuple[PastedLine, Forecast]],
    invalid_lines: list[PastedLine],
    message: str | None = None,
) -> str:
    return render_page(
        "customers/bulk_adjust_dry_run.html",
        TAB,
        form=form,
        reserve=adjustment.reserve,
        rows=[row for _, row in valid_lines],
        line_numbers=[line.number for line, _ in valid_lines],
        invalid_lines=invalid_lines,
        idempotency_key=adjustment.idempotency_key,
        message=message,
    )
