"""System › Admins: add, disable and remove admins, and change one's own password."""

from flask import flash, redirect, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user, logout_user
from flask_wtf import FlaskForm
from sqlalchemy.orm import Session
from wtforms import PasswordField
from wtforms.validators import EqualTo, InputRequired

from pointsync import clock, db
from pointsync.accounts import admins as admin_accounts
from pointsync.accounts import sign_ins
from pointsync.admin.auth import login_manager, proxy, rate_limit
from pointsync.admin.auth.forms import NewAdminForm
from pointsync.admin.shell.forms import show_errors
from pointsync.admin.shell.panel import blueprint, render_page
from pointsync.errors import Conflict, InvalidInput

TAB = "admin.admins"
ADMIN_ID = "<row_id:admin_id>"
MAX_SIGN_INS = 100
"""Sign-ins on the page, the most recently used."""


class PasswordForm(FlaskForm):  # type: ignore[misc]
    """A new password for oneself; the current one is required."""

    old = PasswordField("Current password", [InputRequired("Type your current password.")])
    password = PasswordField("New password", [InputRequired("Choose a new password.")])
    again = PasswordField(
        "New password again",
        [
            InputRequired("Type the new password again."),
            EqualTo("password", "The two passwords differ. Type the same one twice."),
        ],
    )


@blueprint.get("/system/admins")
def admins() -> ResponseReturnValue:
    """The tab."""
    db_session, now = db.session(), clock.now()
    return render_page(
        "settings/admins.html",
        TAB,
        admins=admin_accounts.list_all(db_session),
        sign_ins=sign_ins.list_recent(db_session, now, MAX_SIGN_INS),
        max_sign_ins=MAX_SIGN_INS,
        lifetime_days=sign_ins.LIFETIME.days,
        unused_days=sign_ins.IDLE_TIMEOUT.days,
        proxy_admins=proxy.get_allowed_names(),
    )


@blueprint.get("/system/admins/add")
def add_admin() -> ResponseReturnValue:
    """Show the form for a new admin."""
    return _render_form("admin_form.html", NewAdminForm())


@blueprint.post("/system/admins/add")
def submit_add_admin() -> ResponseReturnValue:
    """Add an admin."""
    form, now = NewAdminForm(), clock.now()
    if not form.validate():
        return _render_form("admin_form.html", form), 422
    try:
        admin = db.run_in_transaction(
            lambda db_session: admin_accounts.create(db_session, form.name.data, form.password.data, now)
        )
    except (InvalidInput, Conflict) as error:
        show_errors(form, error)
        return _render_form("admin_form.html", form), 422
    flash(f"{admin.name} can now sign in with this password. Ask them to change it.", "done")
    return redirect(url_for(TAB), 303)


@blueprint.get("/system/admins/password")
def change_password() -> ResponseReturnValue:
    """Show the form for one's own password."""
    _require_password()
    return _render_form("password_form.html", PasswordForm())


@blueprint.post("/system/admins/password")
def submit_change_password() -> ResponseReturnValue:
    """Change it. The admin is signed out of all other browsers."""
    _require_password()
    form, admin_id, name = PasswordForm(), current_user.admin_id, current_user.name
    if not form.validate():
        return _render_form("password_form.html", form), 422
    rate_limit.count_attempt(name)
    try:
        admin = db.run_in_transaction(
            lambda db_session: admin_accounts.change_password(
                db_session, admin_accounts.get(db_session, admin_id).id, form.old.data, form.password.data
            )
        )
    except InvalidInput as error:
        show_errors(form, error)
        return _render_form("password_form.html", form), 422
    rate_limit.reset(name)
    login_manager.sign_in(admin)
    flash("Your password is changed. You are signed out everywhere else.", "done")
    return redirect(url_for(TAB), 303)


@blueprint.get(f"/system/admins/{ADMIN_ID}/disable")
def disable_admin(admin_id: int) -> ResponseReturnValue:
    """Ask for confirmation, or say why the last admin stays."""
    return _render_confirmation("disable", admin_id)


@blueprint.post(f"/system/admins/{ADMIN_ID}/disable")
def submit_disable_admin(admin_id: int) -> ResponseReturnValue:
    """Disable an admin and end their sign-ins. The last admin who can sign in stays."""
    now = clock.now()
    try:
        name = db.run_in_transaction(lambda db_session: admin_accounts.disable(db_session, admin_id, now).name)
    except Conflict:
        return _render_confirmation("disable", admin_id), 422
    return _redirect_after(admin_id, f"{name} is disabled and cannot sign in until an admin enables them again.")


@blueprint.post(f"/system/admins/{ADMIN_ID}/enable")
def enable_admin(admin_id: int) -> ResponseReturnValue:
    """Enable a disabled admin."""
    name = db.run_in_transaction(lambda db_session: admin_accounts.enable(db_session, admin_id).name)
    flash(f"{name} can sign in again with the same password.", "done")
    return redirect(url_for(TAB), 303)


@blueprint.get(f"/system/admins/{ADMIN_ID}/remove")
def remove_admin(admin_id: int) -> ResponseReturnValue:
    """Ask for confirmation, or say why the last admin stays."""
    return _render_confirmation("remove", admin_id)


@blueprint.post(f"/system/admins/{ADMIN_ID}/remove")
def submit_remove_admin(admin_id: int) -> ResponseReturnValue:
    """Remove an admin and end their sign-ins. The last admin who can sign in stays."""

    def remove(db_session: Session) -> str:
        name = admin_accounts.get(db_session, admin_id).name
        admin_accounts.remove(db_session, admin_id)
        return name

    try:
        name = db.run_in_transaction(remove)
    except Conflict:
        return _render_confirmation("remove", admin_id), 422
    return _redirect_after(admin_id, f"{name} can no longer sign in.")


def _require_password() -> None:
    """Raises Conflict for an admin who is signed in by the shop's proxy and has no password here."""
    if current_user.is_by_proxy:
        raise Conflict("no_password", "You are signed in by the shop’s proxy. Change your password there.")


def _render_form(template: str, form: FlaskForm) -> str:
    return render_page(f"settings/{template}", TAB, form=form, min_password_length=admin_accounts.MIN_PASSWORD)


def _render_confirmation(action: str, admin_id: int) -> str:
    """Ask whether to `disable` or `remove` an admin, or say why the last one stays."""
    db_session = db.session()
    account = admin_accounts.get(db_session, admin_id)
    template = "last" if admin_accounts.is_last(db_session, account) else action
    return render_page(
        f"settings/admin_{template}.html", TAB, account=account, is_you=admin_id == current_user.admin_id, action=action
    )


def _redirect_after(admin_id: int, message: str) -> ResponseReturnValue:
    """Redirect to the list, or to the sign-in page if admins did it to themselves."""
    is_own = admin_id == current_user.admin_id
    if is_own:
        logout_user()
        session.clear()
    flash(message, "done")
    return redirect(url_for("admin.sign_in" if is_own else TAB), 303)
