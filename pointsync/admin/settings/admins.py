"""System › Admins: who may sign in, who may not for now, and one's own password."""

from flask import flash, redirect, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user, logout_user
from flask_wtf import FlaskForm
from sqlalchemy.orm import Session
from wtforms import PasswordField
from wtforms.validators import EqualTo, InputRequired

from pointsync import clock, db
from pointsync.accounts import admins as people
from pointsync.accounts import sign_ins
from pointsync.admin.auth import login_manager, proxy, rate_limit
from pointsync.admin.shell.forms import SetupForm, show_refusal
from pointsync.admin.shell.panel import blueprint, page
from pointsync.errors import Conflict, Invalid, NotFound
from pointsync.models import Admin

TAB = "admin.admins"
ROW = "<int(max=2147483647):admin_id>"
MOST_SHOWN = 100
"""Sign-ins on the page, those used last."""


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
    reading, now = db.db.session(), clock.now()
    return page(
        "settings/admins.html",
        TAB,
        admins=people.every(reading),
        sign_ins=sign_ins.newest(reading, now, MOST_SHOWN),
        most_shown=MOST_SHOWN,
        lifetime_days=sign_ins.LIFETIME.days,
        unused_days=sign_ins.UNUSED.days,
        by_proxy=proxy.allowed(),
    )


@blueprint.get("/system/admins/add", provide_automatic_options=False)
def add_admin() -> ResponseReturnValue:
    """The form for another admin."""
    return _page("admin_form.html", SetupForm())


@blueprint.post("/system/admins/add", provide_automatic_options=False)
def send_add_admin() -> ResponseReturnValue:
    """Let them sign in."""
    form, now = SetupForm(), clock.now()
    if not form.validate():
        return _page("admin_form.html", form), 422
    try:
        made = db.in_write(lambda writing: people.create(writing, form.name.data, form.password.data, now))
    except (Invalid, Conflict) as error:
        show_refusal(form, error)
        return _page("admin_form.html", form), 422
    flash(f"{made.name} may sign in now, with the password that you chose. Tell them to change it.", "done")
    return redirect(url_for(TAB), 303)


@blueprint.get("/system/admins/password", provide_automatic_options=False)
def change_password() -> ResponseReturnValue:
    """The form for one's own password."""
    _require_password()
    return _page("password_form.html", PasswordForm())


@blueprint.post("/system/admins/password", provide_automatic_options=False)
def send_change_password() -> ResponseReturnValue:
    """Change it: every other browser in which they are signed in is signed out, this one is not."""
    _require_password()
    form, admin_id, name = PasswordForm(), current_user.admin_id, current_user.name
    if not form.validate():
        return _page("password_form.html", form), 422
    rate_limit.count(name)
    try:
        admin = db.in_write(
            lambda writing: people.change_password(
                writing, _find(people.every(writing), admin_id).id, form.old.data, form.password.data
            )
        )
    except Invalid as error:
        show_refusal(form, error)
        return _page("password_form.html", form), 422
    rate_limit.forgive(name)
    login_manager.begin(admin)
    flash("Your password is changed. Wherever else you were signed in, you are signed out.", "done")
    return redirect(url_for(TAB), 303)


@blueprint.get(f"/system/admins/{ROW}/disable", provide_automatic_options=False)
def disable_admin(admin_id: int) -> ResponseReturnValue:
    """Ask once more; of the last one say why they stay."""
    return _question("disable", admin_id)


@blueprint.post(f"/system/admins/{ROW}/disable", provide_automatic_options=False)
def send_disable_admin(admin_id: int) -> ResponseReturnValue:
    """Keep them from signing in, at once and in every browser; not the last one."""
    now = clock.now()
    try:
        name = db.in_write(lambda writing: people.disable(writing, admin_id, now).name)
    except Conflict:
        return _question("disable", admin_id), 422
    return _gone(admin_id, f"{name} is disabled, and cannot sign in until an admin enables them again.")


@blueprint.post(f"/system/admins/{ROW}/enable", provide_automatic_options=False)
def enable_admin(admin_id: int) -> ResponseReturnValue:
    """Let them sign in again."""
    name = db.in_write(lambda writing: people.enable(writing, admin_id).name)
    flash(f"{name} may sign in again, with the password they had.", "done")
    return redirect(url_for(TAB), 303)


@blueprint.get(f"/system/admins/{ROW}/remove", provide_automatic_options=False)
def remove_admin(admin_id: int) -> ResponseReturnValue:
    """Ask once more; of the last one say why they stay."""
    return _question("remove", admin_id)


@blueprint.post(f"/system/admins/{ROW}/remove", provide_automatic_options=False)
def send_remove_admin(admin_id: int) -> ResponseReturnValue:
    """Take their sign-in away, at once and in every browser; not the last one's."""

    def work(writing: Session) -> str:
        name = _find(people.every(writing), admin_id).name
        people.remove(writing, admin_id)
        return name

    try:
        name = db.in_write(work)
    except Conflict:
        return _question("remove", admin_id), 422
    return _gone(admin_id, f"{name} cannot sign in any more.")


def _require_password() -> None:
    """Raises Conflict for whom the shop's proxy has signed in."""
    if current_user.is_by_proxy:
        raise Conflict("no_password", "You are signed in by the shop’s proxy: change your password there.")


def _page(template: str, form: FlaskForm) -> str:
    return page(f"settings/{template}", TAB, form=form, least=people.MIN_PASSWORD)


def _question(what: str, admin_id: int) -> str:
    """Whether to `disable` or `remove` them, or why that cannot be."""
    reading = db.db.session()
    person = _find(people.every(reading), admin_id)
    template = "last" if people.is_last(reading, person) else what
    return page(
        f"settings/admin_{template}.html", TAB, person=person, is_you=admin_id == current_user.admin_id, what=what
    )


def _gone(admin_id: int, told: str) -> ResponseReturnValue:
    """To the list; to the door for who has done it to themselves."""
    is_own = admin_id == current_user.admin_id
    if is_own:
        logout_user()
        session.clear()
    flash(told, "done")
    return redirect(url_for("admin.sign_in" if is_own else TAB), 303)


def _find(everyone: list[Admin], admin_id: int) -> Admin:
    for each in everyone:
        if each.id == admin_id:
            return each
    raise NotFound("unknown_admin", "There is no such admin; they may be removed already.")
