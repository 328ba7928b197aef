"""System › Admins: who may sign in, and one's own password."""

from flask import flash, redirect, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user, logout_user
from flask_wtf import FlaskForm
from sqlalchemy.orm import Session
from wtforms import PasswordField
from wtforms.validators import EqualTo, InputRequired

from pointsync import clock, db
from pointsync.admin import accounts, by_proxy, throttle
from pointsync.admin.forms import SetupForm, show_refusal
from pointsync.admin.panel import blueprint, page
from pointsync.errors import Conflict, Invalid, NotFound
from pointsync.models import Admin
from pointsync.sync import admins as people

TAB = "admin.admins"
ROW = "<int(max=2147483647):admin_id>"


class PasswordForm(FlaskForm):  # type: ignore[misc]
    """A new password, by whoever knows the old one."""

    old = PasswordField("Present password", [InputRequired("Type the password you sign in with now.")])
    password = PasswordField("New password", [InputRequired("Choose a new password.")])
    again = PasswordField(
        "New password again",
        [
            InputRequired("Type the new password once more."),
            EqualTo("password", "The two passwords differ; type the same one twice."),
        ],
    )


@blueprint.get("/system/admins", provide_automatic_options=False)
def admins() -> ResponseReturnValue:
    """The tab."""
    return page("system/admins.html", TAB, admins=people.every(db.db.session()), by_proxy=by_proxy.allowed())


@blueprint.get("/system/admins/add", provide_automatic_options=False)
def add_admin() -> ResponseReturnValue:
    """The form for another admin."""
    return _page("admin.html", SetupForm())


@blueprint.post("/system/admins/add", provide_automatic_options=False)
def send_add_admin() -> ResponseReturnValue:
    """Let them sign in."""
    form, now = SetupForm(), clock.now()
    if not form.validate():
        return _page("admin.html", form), 422
    try:
        made = db.in_write(lambda writing: people.create(writing, form.name.data, form.password.data, now))
    except (Invalid, Conflict) as error:
        show_refusal(form, error)
        return _page("admin.html", form), 422
    flash(f"{made.name} may sign in now, with the password that you chose. Tell them to change it.", "done")
    return redirect(url_for(TAB), 303)


@blueprint.get("/system/admins/password", provide_automatic_options=False)
def change_password() -> ResponseReturnValue:
    """The form for one's own password."""
    _require_password()
    return _page("password.html", PasswordForm())


@blueprint.post("/system/admins/password", provide_automatic_options=False)
def send_change_password() -> ResponseReturnValue:
    """Change it: every other browser in which they are signed in is signed out, this one is not."""
    _require_password()
    form, admin_id, name = PasswordForm(), current_user.admin_id, current_user.name
    if not form.validate():
        return _page("password.html", form), 422
    throttle.count(name)
    try:
        admin = db.in_write(
            lambda writing: people.change_password(
                writing, _find(people.every(writing), admin_id).id, form.old.data, form.password.data
            )
        )
    except Invalid as error:
        show_refusal(form, error)
        return _page("password.html", form), 422
    throttle.forgive(name)
    accounts.begin(admin)
    flash("Your password is changed. Wherever else you were signed in, you are signed out.", "done")
    return redirect(url_for(TAB), 303)


@blueprint.get(f"/system/admins/{ROW}/remove", provide_automatic_options=False)
def remove_admin(admin_id: int) -> ResponseReturnValue:
    """Ask once more; of the last one say why they stay."""
    return _removal(admin_id)


@blueprint.post(f"/system/admins/{ROW}/remove", provide_automatic_options=False)
def send_remove_admin(admin_id: int) -> ResponseReturnValue:
    """Take their sign-in away, at once and in every browser; not the last one's."""
    is_own = admin_id == current_user.admin_id

    def work(writing: Session) -> str:
        name = _find(people.every(writing), admin_id).name
        people.remove(writing, admin_id)
        return name

    try:
        name = db.in_write(work)
    except Conflict:
        return _removal(admin_id), 422
    if is_own:
        logout_user()
        session.clear()
    flash(f"{name} cannot sign in any more.", "done")
    return redirect(url_for("admin.sign_in" if is_own else TAB), 303)


def _require_password() -> None:
    """Raises Conflict for whom the shop's proxy has signed in."""
    if current_user.is_by_proxy:
        raise Conflict("no_password", "You are signed in by the shop’s proxy: change your password there.")


def _page(template: str, form: FlaskForm) -> str:
    return page(f"system/{template}", TAB, form=form, least=people.MIN_PASSWORD)


def _removal(admin_id: int) -> str:
    everyone = people.every(db.db.session())
    person = _find(everyone, admin_id)
    template = "system/admin_last.html" if len(everyone) == 1 else "system/admin_remove.html"
    return page(template, TAB, person=person, is_you=admin_id == current_user.admin_id)


def _find(everyone: list[Admin], admin_id: int) -> Admin:
    for each in everyone:
        if each.id == admin_id:
            return each
    raise NotFound("unknown_admin", "There is no such admin; they may be removed already.")
