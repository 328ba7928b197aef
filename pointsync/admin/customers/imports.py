"""Customers › Import: a file is given, looked at in the background, and recorded once an admin has seen the dry run."""

import shutil
import tempfile
from pathlib import Path

from flask import redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from flask_wtf import FlaskForm
from flask_wtf.file import FileField
from sqlalchemy.orm import Session
from wtforms import RadioField, SelectField

from pointsync import clock, db
from pointsync.admin.customers import manual_movements
from pointsync.admin.customers.manual_movements import TAB
from pointsync.admin.shell.forms import show_refusal
from pointsync.admin.shell.panel import blueprint, page, plain
from pointsync.errors import Invalid, Refused
from pointsync.imports import formats, import_task, run
from pointsync.imports.run import Asked, Import
from pointsync.models import Work
from pointsync.runtime import runtime
from pointsync.tasks.tasks import FILES
from pointsync.text_limits import MAX_NAME, clean

OPENING, NEW = "opening", "new"
FOUND = "found"
NOTES = {
    OPENING: "What customers had before: it stays here, and no other site is sent it. Right for moving in, and for "
    "every shop of a family that was in step before.",
    NEW: "What no site has counted yet: every listed site is sent it, and counts it.",
}


class ImportForm(FlaskForm):  # type: ignore[misc]
    """A file, and what it is."""

    file = FileField("File")
    kind = RadioField("What it holds", choices={OPENING: "Opening balances", NEW: "New points"}, default=OPENING)
    shape = SelectField(
        "Format", choices={FOUND: "Found by its first line", **formats.SHAPES}, default=FOUND, validate_choice=False
    )
    reserve = SelectField("Points Reserve", default="default", validate_choice=False)


@blueprint.get("/customers/import", provide_automatic_options=False)
def import_points() -> ResponseReturnValue:
    """The form."""
    return _form(_filled())


@blueprint.post("/customers/import", provide_automatic_options=False)
def send_import() -> ResponseReturnValue:
    """Take the file, look at its first line, and have the whole of it looked at."""
    form = _filled()
    asked = _asked(form)
    upload = form.file.data
    if asked is None or not upload:
        return _form(form), 422
    name, data = clean(plain(Path(upload.filename or "").name), MAX_NAME) or "a file", runtime().config.data
    (data / FILES).mkdir(mode=0o700, exist_ok=True)
    place = Path(tempfile.mkdtemp(prefix="given-", dir=data / FILES))
    try:
        file = place / import_task.FILE
        upload.save(file)
        Import(file, asked, place / import_task.SCRATCH, clock.now())
        by, now = current_user.name, clock.now()

        def ask(session: Session) -> Work:
            return import_task.ask_check(session, data, file, name, asked, by, now)

        made = db.in_write(ask)
    except Refused as error:
        form.file.errors = [error.message]
        return _form(form), 422
    except OSError as error:
        form.file.errors = [f"The file could not be kept on this site's server: {error.strerror}."]
        return _form(form), 422
    finally:
        shutil.rmtree(place, ignore_errors=True)
    return redirect(url_for("admin.work", work_id=made.id), 303)


@blueprint.post("/customers/import/<int(max=9223372036854775807):work_id>/points", provide_automatic_options=False)
def send_import_points(work_id: int) -> ResponseReturnValue:
    """Have what was looked at recorded."""
    good_lines, by, now = request.form.get("lines") == "good", current_user.name, clock.now()

    def ask(session: Session) -> Work:
        return import_task.ask_record(session, runtime().config.data, work_id, good_lines, by, now)

    made = db.in_write(ask)
    return redirect(url_for("admin.work", work_id=made.id), 303)


def _filled() -> ImportForm:
    form = ImportForm()
    manual_movements.fill_reserves(form, db.db.session())
    return form


def _asked(form: ImportForm) -> Asked | None:
    """What was chosen; None where something is wrong, and each sentence stands at its field then."""
    kind, shape = manual_movements.typed(form, "kind"), manual_movements.typed(form, "shape") or FOUND
    is_good = True
    if not form.file.data:
        form.file.errors, is_good = ["Choose a file."], False
    if kind not in NOTES:
        form.kind.errors, is_good = ["Choose what the file holds."], False
    if shape != FOUND and shape not in formats.SHAPES:
        form.shape.errors, is_good = ["Choose one of these."], False
    try:
        reserve = manual_movements.chosen_reserve(db.db.session(), manual_movements.typed(form, "reserve"))
    except Invalid as error:
        show_refusal(form, error)
        return None
    return Asked(kind == OPENING, None if shape == FOUND else shape, reserve.key) if is_good else None


def _form(form: ImportForm) -> str:
    session = db.db.session()
    everywhere = dict.fromkeys(form.reserve.choices or {}, 0)
    return page("customers/import.html", TAB, form=form, notes=NOTES, sites=run.sent_to(session, everywhere))
