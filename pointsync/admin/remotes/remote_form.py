"""Remote sites: the form that adds and edits a line."""

from typing import Any

from flask import jsonify, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from wtforms import HiddenField, PasswordField, RadioField, SelectField, StringField

from pointsync import clock, db
from pointsync.admin.shell.forms import SecretField, reserve_choices, show_refusal
from pointsync.admin.shell.panel import blueprint, page, row_number
from pointsync.errors import Conflict, Invalid, NotFound, Refused
from pointsync.ledger import reserves
from pointsync.models import Remote
from pointsync.runtime import runtime
from pointsync.sync.protocol import woorewards
from pointsync.sync.remotes import preview, remotes
from pointsync.sync.remotes import sharing_key as sharing
from pointsync.sync.remotes.check import check

TAB = "admin.points_sync"
ROW = "<int(max=2147483647):remote_id>"


class RemoteForm(FlaskForm):  # type: ignore[misc]
    """A line of the Remote sites, as `sharing.read` and `remotes` take it; what they refuse is shown at its field."""

    sharing_key = SecretField("Sharing key")
    target = StringField("Target Point Reserve", default="default")
    observed = SelectField("Observed Point Reserve")
    url = StringField("URL")
    auth = StringField("Auth.")
    password = PasswordField("Pass.", name="pass")
    query_template = StringField("Query Template", default=woorewards.DEFAULT_TEMPLATE)
    version = HiddenField()


class NewRemoteForm(RemoteForm):
    """A new line, and what it is sent of the time before."""

    history = RadioField(
        "What it is sent",
        choices={
            "new": "Movements from now on",
            "all": "All that this site ever made",
            "go_on": "What it was not sent since its line was deleted",
        },
        default="new",
    )
    like = HiddenField()
    """The line that this one is a copy of: an empty Pass is its."""


@blueprint.get("/system/points-sync/remotes/add", provide_automatic_options=False)
def add_remote() -> ResponseReturnValue:
    """The form for a new line, empty or like another one."""
    like = row_number(request.args.get("like"))
    if like is None:
        return _page(NewRemoteForm(), None)
    remote = remotes.get(db.db.session(), like)
    return _page(NewRemoteForm(data=_data(remote) | {"like": remote.id}), None)


@blueprint.post("/system/points-sync/remotes/add", provide_automatic_options=False)
def send_add_remote() -> ResponseReturnValue:
    """Add the line, ping it, and keep it whatever the ping finds."""
    form, now = _filled(NewRemoteForm()), clock.now()
    try:
        like = row_number(form.like.data)
        typed = _typed(form, remotes.get(db.db.session(), like) if like else None)
        if form.history.data not in ("new", "all", "go_on"):
            raise Invalid("history", "Choose what it is sent.")
        _offer_to_go_on(form, typed)
        made = db.in_write(
            lambda session: remotes.add(
                session,
                runtime().vault,
                typed,
                now,
                with_history=form.history.data == "all",
                go_on=form.history.data == "go_on",
            )
        )
    except (Invalid, Conflict, NotFound) as error:
        return _refuse(form, error, None)
    return _checked(made.id)


@blueprint.get(f"/system/points-sync/remotes/{ROW}/edit", provide_automatic_options=False)
def edit_remote(remote_id: int) -> ResponseReturnValue:
    """The form with a line as it is; its Pass stays where it is."""
    remote = remotes.get(db.db.session(), remote_id)
    return _page(RemoteForm(data=_data(remote) | {"version": remote.version}), remote)


@blueprint.post(f"/system/points-sync/remotes/{ROW}/edit", provide_automatic_options=False)
def send_edit_remote(remote_id: int) -> ResponseReturnValue:
    """Change the line and ping it; another Auth. or observed reserve closes it and opens a new one."""
    form, now = _filled(RemoteForm()), clock.now()
    remote = remotes.get(db.db.session(), remote_id)
    try:
        typed = _typed(form, remote)
        version = row_number(form.version.data) or 0
        changed = db.in_write(
            lambda session: remotes.change(
                session, runtime().vault, remotes.get(session, remote_id), typed, version, now
            )
        )
    except (Invalid, Conflict, NotFound) as error:
        return _refuse(form, error, remotes.get(db.db.session(), remote_id))
    runtime().wake()
    return _checked(changed.id)


@blueprint.post("/system/points-sync/remotes/ask", provide_automatic_options=False)
def ask_remote() -> ResponseReturnValue:
    """What the other site answers to what is typed so far: `{message, reserves: [{key, name}]}`, for a script."""
    form = _filled(NewRemoteForm())
    form.target.data = form.target.data or "default"
    try:
        like = row_number(form.like.data)
        verdict = preview.preview(_typed(form, remotes.get(db.db.session(), like) if like else None))
    except Refused as error:
        return jsonify(message=error.message, reserves=[])
    return jsonify(message=verdict.message, reserves=verdict.facts.get("reserves", []))


def _typed(form: RemoteForm, stored: Remote | None) -> sharing.Typed:
    """What was typed, checked. An empty Pass is that of the `stored` line, as long as the Auth. is the same."""
    password = form.password.data
    if not password and not form.sharing_key.data and stored and form.auth.data == stored.auth:
        password = runtime().vault.open(stored.sealed_pass)
    return sharing.read(
        sharing_key=form.sharing_key.data,
        url=form.url.data,
        auth=form.auth.data,
        password=password,
        target=(form.target.data or "").strip(),
        observed=form.observed.data or "",
        template=form.query_template.data,
    )


def _offer_to_go_on(form: NewRemoteForm, typed: sharing.Typed) -> None:
    """Refuse once where a line for the same was deleted, so that an admin chooses knowingly."""
    session = db.db.session()
    earlier = remotes.deleted_before(session, typed, reserves.get(session, typed.observed, "observed"))
    if form.history.data == "go_on" and not earlier:
        raise Invalid("history", "No line for this site and these reserves was deleted: choose one of the others.")
    if form.history.data == "new" and earlier and "offered" not in request.form:
        raise Invalid(
            "history",
            "A line for this site and these reserves was deleted earlier. Choose whether it goes on from there; "
            "with movements from now on, what was made in between stays here.",
            "offer",
        )


def _checked(remote_id: int) -> ResponseReturnValue:
    check(remote_id)
    return redirect(url_for(TAB, saved=remote_id, _anchor="remotes"), 303)


def _refuse(form: RemoteForm, error: Refused, remote: Remote | None) -> ResponseReturnValue:
    """The form again with what was typed, and at each field what is wrong."""
    others = None
    if error.code == "changed_meanwhile" and remote:
        others, form.version.data = remote, str(remote.version)
        form.version.raw_data = [form.version.data]
    fields = {"pass": "password"}
    error.fields = {fields.get(name, name): sentence for name, sentence in error.fields.items()}
    show_refusal(form, error)
    offered = "offered" in request.form or error.code == "offer"
    return _page(form, remote, others=others, offered=offered, problem=None if error.fields else error), 422


def _page(form: RemoteForm, remote: Remote | None, **values: Any) -> str:
    _filled(form)
    there = remote.facts.get("reserves", []) if remote else []
    return page("remotes/remote_form.html", TAB, form=form, remote=remote, there=there, **values)


def _filled(form: RemoteForm) -> RemoteForm:
    """`form` with the reserves to choose from; what is typed otherwise is refused with their names."""
    form.observed.choices = reserve_choices(db.db.session())
    return form


def _data(remote: Remote) -> dict[str, Any]:
    return {
        "target": remote.target,
        "observed": remote.reserve.key,
        "url": remote.url,
        "auth": remote.auth,
        "query_template": remote.query_template,
    }
