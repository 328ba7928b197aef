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
from pointsync.admin.customers.manual_movements import LIST, TAB, Changed, Stale
from pointsync.admin.shell.forms import show_refusal
from pointsync.admin.shell.panel import blueprint, page, row_number
from pointsync.email_address import normalise
from pointsync.errors import Invalid, NotFound, Refused
from pointsync.ledger.balances import CHUNK
from pointsync.ledger.forecast import foresee
from pointsync.ledger.record import MOST, Draft
from pointsync.models import Customer, Reserve
from pointsync.text_limits import MAX_POINTS, MAX_REASON, check_text

ADD, SUBTRACT, SET = "add", "subtract", "set"


class PointsForm(FlaskForm):  # type: ignore[misc]
    """Points for the customers that the page names, or for the one whose e-mail is typed."""

    email = StringField("E-mail")
    reserve = SelectField("Points Reserve", default="default")
    what = RadioField("What", choices={ADD: "Add", SUBTRACT: "Subtract", SET: "Set the balance to"}, default=ADD)
    points = StringField("Points")
    reason = StringField("Reason")


@dataclass(frozen=True, slots=True)
class Ticked:
    """The customers that a page names; `fault` where others were asked for that it cannot name."""

    customers: list[Customer]
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """What the form asks for, checked: the same for each of the customers, which `refs` tell apart."""

    refs: dict[str, str]
    reserve: Reserve
    points: int | None
    set_to: int | None
    reason: str
    once: str

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
                ref=f"hand:{self.once}:{name}",
            )
            for email, name in self.refs.items()
        ]


@blueprint.get("/customers/points", provide_automatic_options=False)
def points_by_hand() -> ResponseReturnValue:
    """The form, for those ticked or for one to be named."""
    form, ticked = _filled(), _ticked(db.db.session(), request.args.getlist("customer"))
    return _form(form, ticked, ids.new_token()), 422 if ticked.fault else 200


@blueprint.post("/customers/points", provide_automatic_options=False)
def send_points_by_hand() -> ResponseReturnValue:
    """Record it; for more than one customer, show first what it would do."""
    session, form, once = db.db.session(), _filled(), manual_movements.once(request.form.get("once"))
    ticked = _ticked(session, request.form.getlist("customer"))
    if "again" in request.form:
        return _form(form, ticked, once or ids.new_token())
    asked = _asked(session, form, ticked, once or ids.new_token())
    if asked is None:
        return _form(form, ticked, once or ids.new_token()), 422
    if not once:
        return _form(form, ticked, ids.new_token(), manual_movements.INCOMPLETE), 422
    is_many = len(asked.refs) > 1
    if is_many and "confirmed" not in request.form:
        return _dry_run(form, ticked, asked)
    seen = _seen(request.form.get("seen")) if is_many and asked.set_to is not None else None
    try:
        return manual_movements.done(manual_movements.record_once(asked.reserve, asked.drafts, seen), asked.reserve)
    except Changed as error:
        balances = manual_movements.count(error.count, "balance")
        words = f"{balances} changed meanwhile. Nothing was recorded; confirm once more."
        return _dry_run(form, ticked, asked, words), 422
    except Stale:
        again = replace(asked, once=ids.new_token())
        if is_many:
            return _dry_run(form, ticked, again, manual_movements.STALE), 422
        return _form(form, ticked, again.once, manual_movements.STALE), 422
    except (Invalid, NotFound) as error:
        manual_movements.fill_reserves(form, session)
        if is_many and "points" in error.fields:  # one of them only: the dry run says which
            return _dry_run(form, ticked, asked), 422
        _show(form, error)
        return _form(form, ticked, once), 422


def _filled() -> PointsForm:
    form = PointsForm()
    manual_movements.fill_reserves(form, db.db.session())
    return form


def _ticked(session: Session, numbers: list[str]) -> Ticked:
    """The customers with these row numbers, by address."""
    wanted = set(numbers)
    if len(wanted) > MOST:
        few = f"At most {MOST:,} customers at once; these are {len(wanted):,}. Go back to the list and tick fewer."
        return Ticked([], few)
    rows = sorted({number for each in wanted if (number := row_number(each)) is not None})
    found: list[Customer] = []
    for start in range(0, len(rows), CHUNK):
        found += session.scalars(select(Customer).where(Customer.id.in_(rows[start : start + CHUNK])))
    missing = len(wanted) - len(found)
    fault = None
    if missing > 0:
        verb = "customer that was ticked is" if missing == 1 else "customers that were ticked are"
        fault = f"{missing:,} {verb} not here, so nothing was recorded. " + (
            "Go on with those named here, or go back to the list." if found else "Go back to the list and tick again."
        )
    return Ticked(sorted(found, key=lambda each: each.email), fault)


def _asked(session: Session, form: PointsForm, ticked: Ticked, once: str) -> Asked | None:
    """What was typed, checked; None where something is wrong, and each sentence stands at its field then."""
    refs: dict[str, str] = {each.email: str(each.id) for each in ticked.customers}
    reserve: Reserve | None = None
    points: int | None = None
    set_to: int | None = None
    reason = ""
    what, is_good = manual_movements.typed(form, "what"), ticked.fault is None
    try:
        if not refs and is_good:
            email = normalise(form.email.data or "")
            refs = {email: crypto.digest(email)}
    except Invalid as error:
        is_good = _show(form, error)
    try:
        reserve = manual_movements.chosen_reserve(session, manual_movements.typed(form, "reserve"))
    except Invalid as error:
        is_good = _show(form, error)
    try:
        if what not in (ADD, SUBTRACT, SET):
            raise Invalid("what", "Choose what is to be done.")
        number = _points(manual_movements.typed(form, "points"), what)
        if what == SET:
            set_to = number
        else:
            points = -number if what == SUBTRACT else number
    except Invalid as error:
        is_good = _show(form, error)
    try:
        reason = check_text(form.reason.data or "", MAX_REASON, "reason")
    except Invalid as error:
        is_good = _show(form, error)
    if not is_good or reserve is None:
        return None
    return Asked(refs, reserve, points, set_to, reason, once)


def _points(text: str, what: str) -> int:
    number = manual_movements.whole(text, "-−" if what == SET else "")
    if what == SET:
        if number is None or abs(number) > MAX_POINTS:
            raise Invalid("points", f"Type a whole number from −{MAX_POINTS:,} to {MAX_POINTS:,}, such as 50 or 0.")
    elif number is None or not 0 < number <= MAX_POINTS:
        raise Invalid("points", f"Type a whole number from 1 to {MAX_POINTS:,}, such as 50.")
    return number


def _seen(text: str | None) -> list[int]:
    """The balances that the dry run has shown, in its order; none where this is not what it sent."""
    numbers = [manual_movements.whole(each, "-") for each in (text or "").split(",")]
    return [each for each in numbers if each is not None]


def _show(form: PointsForm, error: Refused) -> bool:
    """Put what a layer below refuses at this form's fields. False: it is not good."""
    names = {"customer": "email", "set": "points"}
    fields = {names.get(name, name): sentence for name, sentence in error.fields.items()}
    error.fields = fields if fields.keys() <= form._fields.keys() else {"points": error.message}
    show_refusal(form, error)
    return False


def _form(form: PointsForm, ticked: Ticked, once: str, problem: str | None = None) -> str:
    return page("customers/adjust_points.html", TAB, form=form, ticked=ticked, once=once, problem=problem, asked=LIST)


def _dry_run(form: PointsForm, ticked: Ticked, asked: Asked, message: str | None = None) -> str:
    """What it would do to each, to be confirmed."""
    rows = foresee(db.db.session(), asked.drafts, asked.reserve)
    return page(
        "customers/adjust_points_dry_run.html",
        TAB,
        form=form,
        ticked=ticked,
        reserve=asked.reserve,
        rows=rows,
        faulty=sum(row.fault is not None for row in rows),
        once=asked.once,
        message=message,
        asked=LIST,
    )
