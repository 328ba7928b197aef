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
from pointsync.admin.auth.forms import NewAdminForm
from pointsync.admin.shell.forms import show_errors
from pointsync.admin.shell.panel import blueprint, render_page
from pointsync.errors import Conflict, InvalidInput, NotFound
from pointsync.models import Admin

TAB = "admin.admins"
ADMIN_ID = "<int(max=2147483647):admin_id>"
MAX_SIGN_INS = 100
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
    db_session, now = db.session(), clock.now()
    return render_page(
        "settings/admins.html",
        TAB,
        admins=people.list_all(db_session),
        sign_ins=sign_ins.list_recent(db_session, now, MAX_SIGN_INS),
        max_sign_ins=MAX_SIGN_INS,
        lifetime_days=sign_ins.LIFETIME.days,
        unused_days=sign_ins.IDLE_TIMEOUT.days,
        proxy_admins=proxy.get_allowed_names(),
    )


@blueprint.get("/system/admins/add", provide_automatic_options=False)
def add_admin() -> ResponseReturnValue:
    """The form for another admin."""
    return _render_form("admin_form.html", NewAdminForm())


@blueprint.post("/system/admins/add", provide_automatic_options=False)
def submit_add_admin() -> ResponseReturnValue:
    """Let them sign in."""
    form, now = NewAdminForm(), clock.now()
    if not form.validate():
        return _render_form("admin_form.html", form), 422
    try:
        admin = db.run_in_transaction(
            lambda db_session: people.create(db_session, form.name.data, form.password.data, now)
        )
    except (InvalidInput, Conflict) as error:
        show_errors(form, error)
        return _render_form("admin_form.html", form), 422
    flash(f"{admin.name} may sign in now, with the password that you chose. Tell them to change it.", "done")
    return redirect(url_for(TAB), 303)


@blueprint.get("/system/admins/password", provide_automatic_options=False)
def change_password() -> ResponseReturnValue:
    """The form for one's own password."""
    _require_password()
    return _render_form("password_form.html", PasswordForm())


@blueprint.post("/system/admins/password", provide_automatic_options=False)
def submit_change_password() -> ResponseReturnValue:
    """Change it: every other browser in which they are signed in is signed out, this one is not."""
    _require_password()
    form, admin_id, name = PasswordForm(), current_user.admin_id, current_user.name
    if not form.validate():
        return _render_form("password_form.html", form), 422
    rate_limit.count_attempt(name)
    try:
        admin = db.run_in_transaction(
            lambda db_session: people.change_password(
                db_session, _find_admin(people.list_all(db_session), admin_id).id, form.old.data, form.password.data
            )
        )
    except InvalidInput as error:
        show_errors(form, error)
        return _render_form("password_form.html", form), 422
    rate_limit.reset(name)
    login_manager.sign_in(admin)
    flash("Your password is changed. Wherever else you were signed in, you are signed out.", "done")
    return redirect(url_for(TAB), 303)


@blueprint.get(f"/system/admins/{ADMIN_ID}/disable", provide_automatic_options=False)
def disable_admin(admin_id: int) -> ResponseReturnValue:
    """Ask once more; of the last one say why they stay."""
    return _render_confirmation("disable", admin_id)


@blueprint.post(f"/system/admins/{ADMIN_ID}/disable", provide_automatic_options=False)
def submit_disable_admin(admin_id: int) -> ResponseReturnValue:
    """Keep them from signing in, at once and in every browser; not the last one."""
    now = clock.now()
    try:
        name = db.run_in_transaction(lambda db_session: people.disable(db_session, admin_id, now).name)
    except Conflict:
        return _render_confirmation("disable", admin_id), 422
    return _redirect_after(admin_id, f"{name} is disabled, and cannot sign in until an admin enables them again.")


@blueprint.post(f"/system/admins/{ADMIN_ID}/enable", provide_automatic_options=False)
def enable_admin(admin_id: int) -> ResponseReturnValue:
    """Let them sign in again."""
    name = db.run_in_transaction(lambda db_session: people.enable(db_session, admin_id).name)
    flash(f"{name} may sign in again, with the password they had.", "done")
    return redirect(url_for(TAB), 303)


@blueprint.get(f"/system/admins/{ADMIN_ID}/remove", provide_automatic_options=False)
def remove_admin(admin_id: int) -> ResponseReturnValue:
    """Ask once more; of the last one say why they stay."""
    return _render_confirmation("remove", admin_id)


@blueprint.post(f"/system/admins/{ADMIN_ID}/remove", provide_automatic_options=False)
def submit_remove_admin(admin_id: int) -> ResponseReturnValue:
    """Take their sign-in away, at once and in every browser; not the last one's."""

    def remove(db_session: Session) -> str:
        name = _find_admin(people.list_all(db_session), admin_id).name
        people.remove(db_session, admin_id)
        return name

    try:
        name = db.run_in_transaction(remove)
    except Conflict:
        return _render_confirmation("remove", admin_id), 422
    return _redirect_after(admin_id, f"{name} cannot sign in any more.")


def _require_password() -> None:
    """Raises Conflict for whom the shop's proxy has signed in."""
    if current_user.is_by_proxy:
        raise Conflict("no_password", "You are signed in by the shop’s proxy: change your password there.")


def _render_form(template: str, form: FlaskForm) -> str:
    return render_page(f"settings/{template}", TAB, form=form, min_password_length=people.MIN_PASSWORD)


def _render_confirmation(action: str, admin_id: int) -> str:
    """Whether to `disable` or `remove` them, or why that cannot be."""
    db_session = db.session()
    account = _find_admin(people.list_all(db_session), admin_id)
    template = "last" if people.is_last(db_session, account) else action
    return render_page(
        f"settings/admin_{template}.html", TAB, account=account, is_you=admin_id == current_user.admin_id, action=action
    )


def _redirect_after(admin_id: int, message: str) -> ResponseReturnValue:
    """To the list; to the door for who has done it to themselves."""
    is_own = admin_id == current_user.admin_id
    if is_own:
        logout_user()
        session.clear()
    flash(message, "done")
    return redirect(url_for("admin.sign_in" if is_own else TAB), 303)


def _find_admin(admins: list[Admin], admin_id: int) -> Admin:
    for each in admins:
        if each.id == admin_id:
            return each
    raise NotFound("unknown_admin", "There is no such admin; they may be removed already.")
