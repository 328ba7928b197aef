"""Several in one go: pasted lines of customers and points, shown first, recorded all or none."""

from dataclasses import dataclass, replace
from typing import Any

from flask import request
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from wtforms import SelectField, StringField, TextAreaField

from pointsync import db, ids
from pointsync.admin.customers import manual_movements, pasted_lines
from pointsync.admin.customers.manual_movements import TAB, Stale
from pointsync.admin.customers.pasted_lines import Line
from pointsync.admin.shell.forms import show_refusal
from pointsync.admin.shell.panel import blueprint, page
from pointsync.errors import Invalid, NotFound, Refused
from pointsync.ledger.forecast import Foreseen, foresee
from pointsync.ledger.record import MOST, Draft
from pointsync.models import Reserve
from pointsync.text_limits import MAX_REASON, check_text


class LinesForm(FlaskForm):  # type: ignore[misc]
    """Pasted lines, the reserve they are for, and the reason of those that have none."""

    reserve = SelectField("Points Reserve", default="default")
    lines = TextAreaField("Lines")
    reason = StringField("Reason")


@dataclass(frozen=True, slots=True)
class Asked:
    """What the form asks for, fit to be foreseen."""

    reserve: Reserve
    lines: list[Line]
    once: str

    @property
    def drafts(self) -> list[Draft]:
        """A movement for each line without a fault."""
        return [
            Draft(
                each.email,
                points=each.points,
                reserve=self.reserve.key,
                kind=manual_movements.KIND,
                reason=each.reason,
                ref=f"hand:{self.once}:{each.number}",
            )
            for each in self.lines
            if not each.fault
        ]


@blueprint.get("/customers/points/several", provide_automatic_options=False)
def points_in_one_go() -> ResponseReturnValue:
    """The form."""
    return _form(_filled(), ids.new_token())


@blueprint.post("/customers/points/several", provide_automatic_options=False)
def send_points_in_one_go() -> ResponseReturnValue:
    """Show what the lines would do; once that is confirmed, do it."""
    form, once = _filled(), manual_movements.once(request.form.get("once"))
    if "again" in request.form:
        return _form(form, once or ids.new_token())
    try:
        asked = _asked(form, once or ids.new_token())
    except Invalid as error:
        show_refusal(form, error)
        return _form(form, once or ids.new_token()), 422
    if not once:
        return _form(form, ids.new_token(), manual_movements.INCOMPLETE), 422
    rows, faulty = _foreseen(asked)
    if faulty or "confirmed" not in request.form:
        return _dry_run(form, asked, rows, faulty), 422 if faulty else 200
    try:
        return manual_movements.done(manual_movements.record_once(asked.reserve, asked.drafts), asked.reserve)
    except Stale:
        again = replace(asked, once=ids.new_token())
        return _dry_run(form, again, *_foreseen(again), message=manual_movements.STALE), 422
    except (Invalid, NotFound) as error:  # what has changed since it was looked at a moment ago
        return _refuse(form, once, error)


def _filled() -> LinesForm:
    form = LinesForm()
    manual_movements.fill_reserves(form, db.db.session())
    return form


def _asked(form: LinesForm, once: str) -> Asked:
    """What was typed, its lines with their faults. Raises Invalid for what concerns them all."""
    reserve = manual_movements.chosen_reserve(db.db.session(), manual_movements.typed(form, "reserve"))
    found = pasted_lines.split(form.lines.data or "")
    if not found:
        raise Invalid("lines", "Paste at least one line, such as alice@example.com, 50.")
    if len(found) > MOST:
        raise Invalid("lines", f"At most {MOST:,} lines in one go; these are {len(found):,}. Send the rest afterwards.")
    reason = check_text(form.reason.data or "", MAX_REASON, "reason")
    return Asked(reserve, [pasted_lines.read(number, text, reason) for number, text in found], once)


def _foreseen(asked: Asked) -> tuple[list[tuple[Line, Foreseen]], list[Line]]:
    """The lines that can be recorded with what they would do, and those with a fault."""
    good = [each for each in asked.lines if not each.fault]
    rows = list(zip(good, foresee(db.db.session(), asked.drafts, asked.reserve), strict=True))
    faulty = [each for each in asked.lines if each.fault]
    faulty += [replace(line, fault=row.fault) for line, row in rows if row.fault]
    return [(line, row) for line, row in rows if not row.fault], sorted(faulty, key=lambda each: each.number)


def _refuse(form: LinesForm, once: str, error: Refused) -> ResponseReturnValue:
    manual_movements.fill_reserves(form, db.db.session())
    where = "reserve" if "reserve" in error.fields else "lines"
    show_refusal(form, Invalid(where, error.message))
    return _form(form, once), 422


def _form(form: LinesForm, once: str, problem: str | None = None) -> str:
    return page("customers/bulk_adjust.html", TAB, form=form, once=once, problem=problem, most=MOST)


def _dry_run(form: LinesForm, asked: Asked, rows: list[Any], faulty: list[Line], **values: Any) -> str:
    return page(
        "customers/bulk_adjust_dry_run.html",
        TAB,
        form=form,
        reserve=asked.reserve,
        rows=[row for _, row in rows],
        numbers=[line.number for line, _ in rows],
        faulty=faulty,
        once=asked.once,
        **values,
    )
