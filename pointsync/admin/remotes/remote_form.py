"""Remote sites: the form that adds and edits a remote."""

from typing import Any

from flask import jsonify, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from wtforms import HiddenField, PasswordField, RadioField, SelectField, StringField

from pointsync import clock, db, ids
from pointsync.admin.remotes.points_sync import TAB
from pointsync.admin.shell.forms import SecretField, show_errors
from pointsync.admin.shell.panel import blueprint, parse_row_id, render_page
from pointsync.admin.shell.reserve_choices import reserve_choices
from pointsync.errors import Conflict, DomainError, InvalidInput, NotFound
from pointsync.ledger import reserves
from pointsync.models import Remote
from pointsync.runtime import get_runtime
from pointsync.sync.protocol import woorewards
from pointsync.sync.remotes import check, remotes, sharing_key

REMOTE_ID = "<row_id:remote_id>"


class RemoteForm(FlaskForm):  # type: ignore[misc]
    """A remote. `sharing_key.parse` and `remotes` validate it, and their errors are shown at the fields."""

    sharing_key = SecretField("Sharing key")
    target = StringField("Target Point Reserve", default="default")
    observed = SelectField("Observed Point Reserve")
    url = StringField("URL")
    auth = StringField("Auth.")
    password = PasswordField("Pass.", name="pass")
    query_template = StringField("Query Template", default=woorewards.DEFAULT_TEMPLATE)
    version = HiddenField()


class NewRemoteForm(RemoteForm):
    """A new remote, and which movements to send to it."""

    backfill = RadioField(
        "What to send",
        choices={
            "new": "Movements from now on",
            "all": "Send past movements",
            "go_on": "What was not sent since the remote was deleted",
        },
        default="new",
    )
    like = HiddenField()
    """The id of the remote that this one copies; its Pass is used if none is typed."""


@blueprint.get("/system/points-sync/remotes/add")
def add_remote() -> ResponseReturnValue:
    """Show the form for a new remote, empty or as a copy."""
    copied_id = parse_row_id(request.args.get("like"))
    if copied_id is None:
        return _render_form(NewRemoteForm(), None)
    remote = remotes.get(db.session(), copied_id)
    return _render_form(NewRemoteForm(data=_form_values(remote) | {"like": remote.id}), None)


@blueprint.post("/system/points-sync/remotes/add")
def submit_add_remote() -> ResponseReturnValue:
    """Add a remote and check it. It is kept whatever the check finds."""
    form, now = _set_reserve_choices(NewRemoteForm()), clock.now()
    try:
        remote_input = _read_form(form, _get_copied_remote(form))
        if form.backfill.data not in ("new", "all", "go_on"):
            raise InvalidInput("backfill", "Choose what to send.")
        _require_backfill_choice(form, remote_input)
        remote = db.run_in_transaction(
            lambda session: remotes.add(
                session,
                get_runtime().vault,
                remote_input,
                now,
                with_backfill=form.backfill.data == "all",
                reopen=form.backfill.data == "go_on",
            )
        )
    except (InvalidInput, Conflict, NotFound) as error:
        return _render_errors(form, error, None)
    return _check_and_redirect(remote.id)


@blueprint.get(f"/system/points-sync/remotes/{REMOTE_ID}/edit")
def edit_remote(remote_id: int) -> ResponseReturnValue:
    """Show the form of a remote. Its Pass is not sent to the browser."""
    remote = remotes.get(db.session(), remote_id)
    return _render_form(RemoteForm(data=_form_values(remote) | {"version": remote.version}), remote)


@blueprint.post(f"/system/points-sync/remotes/{REMOTE_ID}/edit")
def submit_edit_remote(remote_id: int) -> ResponseReturnValue:
    """Change a remote and check it. Another Auth or observed reserve closes it and opens a new one."""
    form, now = _set_reserve_choices(RemoteForm()), clock.now()
    remote = remotes.get(db.session(), remote_id)
    try:
        remote_input = _read_form(form, remote)
        version = parse_row_id(form.version.data) or 0
        changed_remote = db.run_in_transaction(
            lambda session: remotes.change(
                session, get_runtime().vault, remotes.get(session, remote_id), remote_input, version, now
            )
        )
    except (InvalidInput, Conflict, NotFound) as error:
        return _render_errors(form, error, remotes.get(db.session(), remote_id))
    get_runtime().wake_couriers()
    return _check_and_redirect(changed_remote.id)


@blueprint.post("/system/points-sync/remotes/ask")
def preview_remote() -> ResponseReturnValue:
    """Check the site with the values typed so far, for a script: `{message, reserves: [{key, name}]}`."""
    form = _set_reserve_choices(NewRemoteForm())
    form.target.data = form.target.data or "default"
    try:
        result = check.preview_remote(_read_form(form, _get_copied_remote(form)))
    except DomainError as error:
        return jsonify(message=error.message, reserves=[])
    return jsonify(message=result.message, reserves=result.facts.get("reserves", []))


def _get_copied_remote(form: NewRemoteForm) -> Remote | None:
    """The remote that the form copies; None if it copies none. Raises NotFound."""
    copied_id = parse_row_id(form.like.data)
    return remotes.get(db.session(), copied_id) if copied_id else None


def _read_form(form: RemoteForm, stored: Remote | None) -> sharing_key.RemoteInput:
    """Validate the form. An empty Pass means that of the `stored` remote, if the Auth. is the same."""
    password = form.password.data
    if (
        not password
        and not form.sharing_key.data
        and stored
        and ids.normalise_auth(form.auth.data or "") == stored.auth
    ):
        password = get_runtime().vault.decrypt(stored.sealed_pass)
    return sharing_key.parse(
        sharing_key=form.sharing_key.data,
        url=form.url.data,
        auth=form.auth.data,
        password=password,
        target_reserve=(form.target.data or "").strip(),
        observed_reserve=form.observed.data or "",
        query_template=form.query_template.data,
    )


def _require_backfill_choice(form: NewRemoteForm, remote_input: sharing_key.RemoteInput) -> None:
    """Refuse once if a remote for the same site and reserves was deleted, so that the admin makes a choice."""
    session = db.session()
    deleted_remotes = remotes.find_deleted(
        session, remote_input, reserves.get(session, remote_input.observed_reserve, "observed")
    )
    if form.backfill.data == "go_on" and not deleted_remotes:
        raise InvalidInput("backfill", "No remote for this site and these reserves was deleted. Choose another option.")
    if form.backfill.data == "new" and deleted_remotes and "offered" not in request.form:
        raise InvalidInput(
            "backfill",
            "A remote for this site and these reserves was deleted earlier. Choose whether to continue from there. "
            "With “Movements from now on”, movements recorded in between are not sent.",
            "offer",
        )


def _check_and_redirect(remote_id: int) -> ResponseReturnValue:
    check.check_remote(remote_id)
    return redirect(url_for(TAB, saved=remote_id, _anchor="remotes"), 303)


def _render_errors(form: RemoteForm, error: DomainError, remote: Remote | None) -> ResponseReturnValue:
    """The form as submitted, with an error at each invalid field."""
    conflicting_remote = None
    if error.code == "changed_meanwhile" and remote:
        conflicting_remote, form.version.data = remote, str(remote.version)
        form.version.raw_data = [form.version.data]
    fields = {"pass": "password"}
    error.fields = {fields.get(name, name): sentence for name, sentence in error.fields.items()}
    show_errors(form, error)
    is_backfill_offered = "offered" in request.form or error.code == "offer"
    return _render_form(
        form,
        remote,
        conflicting_remote=conflicting_remote,
        is_backfill_offered=is_backfill_offered,
        error_message=None if error.fields else error.message,
    ), 422


def _render_form(
    form: RemoteForm,
    remote: Remote | None,
    *,
    conflicting_remote: Remote | None = None,
    is_backfill_offered: bool = False,
    error_message: str | None = None,
) -> str:
    _set_reserve_choices(form)
    target_reserves = remote.facts.get("reserves", []) if remote else []
    return render_page(
        "remotes/remote_form.html",
        TAB,
        form=form,
        remote=remote,
        target_reserves=target_reserves,
        conflicting_remote=conflicting_remote,
        is_backfill_offered=is_backfill_offered,
        error_message=error_message,
    )


def _set_reserve_choices(form: RemoteForm) -> RemoteForm:
    """Set the reserves to choose from, and return the form."""
    form.observed.choices = reserve_choices(db.session())
    return form


def _form_values(remote: Remote) -> dict[str, Any]:
    return {
        "target": remote.target,
        "observed": remote.reserve.key,
        "url": remote.url,
        "auth": remote.auth,
        "query_template": remote.query_template,
    }
