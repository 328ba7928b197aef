"""Customers › Import: an uploaded file is checked in the background, then recorded once an admin confirms it."""

import shutil
from pathlib import Path

from flask import redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from flask_wtf import FlaskForm
from flask_wtf.file import FileField
from sqlalchemy.orm import Session
from wtforms import RadioField, SelectField

from pointsync import clock, db
from pointsync.admin.customers.manual_movements import TAB
from pointsync.admin.shell.forms import raw_value, show_errors
from pointsync.admin.shell.panel import blueprint, render_page
from pointsync.admin.shell.reserve_choices import get_active_reserve, set_reserve_choices
from pointsync.admin.shell.template_filters import strip_bidi
from pointsync.errors import DomainError, InvalidInput
from pointsync.files import give_to_folder_owner, make_private_folder, make_temporary_folder
from pointsync.imports import formats, import_task, run
from pointsync.imports.run import Import, ImportOptions
from pointsync.models import Task
from pointsync.runtime import get_runtime
from pointsync.tasks.tasks import FOLDER_NAME
from pointsync.text_limits import MAX_NAME_LENGTH, sanitise

OPENING, NEW = "opening", "new"
DETECT_FORMAT = "detect"
REPORT_AS_ERROR = "error"
KIND_NOTES = {
    OPENING: "The points that customers already had. They stay on this site and are not sent to other sites. Choose "
    "this when you move to PointSync, and in every shop of a family that was in step before.",
    NEW: "Points that no site has counted yet. They are sent to the remotes, which count them too.",
}


class ImportForm(FlaskForm):  # type: ignore[misc]
    """A file, and what it contains."""

    file = FileField("File")
    kind = RadioField("Content", choices={OPENING: "Opening balances", NEW: "New points"}, default=OPENING)
    file_format = SelectField(
        "Format",
        choices={DETECT_FORMAT: "Detect from the first line", **formats.FORMATS},
        default=DETECT_FORMAT,
        validate_choice=False,
    )
    same_customer = SelectField(
        "The same customer twice",
        choices={REPORT_AS_ERROR: "Report it as an error", **formats.SAME_CUSTOMER},
        default=REPORT_AS_ERROR,
        validate_choice=False,
    )
    reserve = SelectField("Points Reserve", default="default", validate_choice=False)


@blueprint.get("/customers/import")
def import_points() -> ResponseReturnValue:
    """The form."""
    return _render_form(_build_form())


@blueprint.post("/customers/import")
def start_import_check() -> ResponseReturnValue:
    """Save the file, check its first line, and start a dry run in the background."""
    form = _build_form()
    options = _read_form(form)
    upload = form.file.data
    if options is None or not upload:
        return _render_form(form), 422
    name = sanitise(strip_bidi(Path(upload.filename or "").name), MAX_NAME_LENGTH) or "a file"
    data = get_runtime().config.data
    make_private_folder(data / FOLDER_NAME)
    upload_dir = make_temporary_folder(data / FOLDER_NAME, "upload-")
    try:
        file = upload_dir / import_task.INPUT_FILE
        upload.save(file)
        give_to_folder_owner(file, upload_dir)
        Import(file, options, upload_dir / import_task.SCRATCH_FILE, clock.now())
        admin_name, now = current_user.name, clock.now()

        def enqueue_check(session: Session) -> Task:
            return import_task.enqueue_dry_run(session, data, file, name, options, admin_name, now)

        task = db.run_in_transaction(enqueue_check)
    except DomainError as error:
        form.file.errors = [error.message]
        return _render_form(form), 422
    except OSError as error:
        form.file.errors = [f"The file could not be saved on this site's server: {error.strerror}."]
        return _render_form(form), 422
    finally:
        shutil.rmtree(upload_dir, ignore_errors=True)
    return redirect(url_for("admin.task", task_id=task.id), 303)


@blueprint.post("/customers/import/<big_row_id:task_id>/points")
def start_import(task_id: int) -> ResponseReturnValue:
    """Start recording the lines of a dry run in the background."""
    only_valid_lines, admin_name, now = request.form.get("lines") == "good", current_user.name, clock.now()

    def enqueue_import(session: Session) -> Task:
        return import_task.enqueue_import(
            session, get_runtime().config.data, task_id, only_valid_lines, admin_name, now
        )

    task = db.run_in_transaction(enqueue_import)
    return redirect(url_for("admin.task", task_id=task.id), 303)


def _build_form() -> ImportForm:
    form = ImportForm()
    set_reserve_choices(form, db.session())
    return form


def _read_form(form: ImportForm) -> ImportOptions | None:
    """The chosen options; None if a field is invalid, with the messages at the fields."""
    kind, file_format = raw_value(form, "kind"), raw_value(form, "file_format") or DETECT_FORMAT
    same_customer = raw_value(form, "same_customer") or REPORT_AS_ERROR
    is_valid = True
    if not form.file.data:
        form.file.errors, is_valid = ["Choose a file."], False
    if kind not in KIND_NOTES:
        form.kind.errors, is_valid = ["Choose what the file contains."], False
    if file_format != DETECT_FORMAT and file_format not in formats.FORMATS:
        form.file_format.errors, is_valid = ["Choose a format from the list."], False
    if same_customer != REPORT_AS_ERROR and same_customer not in formats.SAME_CUSTOMER:
        form.same_customer.errors, is_valid = ["Choose what counts from the list."], False
    try:
        reserve = get_active_reserve(db.session(), raw_value(form, "reserve"))
    except InvalidInput as error:
        show_errors(form, error)
        return None
    if not is_valid:
        return None
    return ImportOptions(
        kind == OPENING,
        None if file_format == DETECT_FORMAT else file_format,
        reserve.key,
        same_customer=None if same_customer == REPORT_AS_ERROR else same_customer,
    )


def _render_form(form: ImportForm) -> str:
    session = db.session()
    counts_by_reserve = dict.fromkeys(form.reserve.choices or {}, 0)
    return render_page(
        "customers/import.html",
        TAB,
        form=form,
        kind_notes=KIND_NOTES,
        sites=run.list_receiving_sites(session, counts_by_reserve),
    )
