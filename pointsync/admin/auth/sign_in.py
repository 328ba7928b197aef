"""Signing in and out."""

from flask import Response, flash, make_response, redirect, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from pointsync import clock, db
from pointsync.accounts import admins, sign_ins
from pointsync.admin.auth import login_manager, proxy, rate_limit
from pointsync.admin.auth.forms import SignInForm
from pointsync.admin.auth.next_path import next_path
from pointsync.admin.shell.panel import blueprint, render_page
from pointsync.models import Admin

_BY_PROXY = "The shop’s proxy signs you in as {} with every page. To sign out, sign out of the shop’s back office."
_DISABLED = "Your account is disabled. Ask another admin to enable it again."
_WRONG = "Wrong name or password."


@blueprint.get("/sign-in")
def sign_in() -> ResponseReturnValue:
    """The form; an admin who is already signed in is redirected to the page they wanted."""
    if current_user.is_authenticated:
        return redirect(next_path(), 303)
    return _render_form(SignInForm())


@blueprint.post("/sign-in")
def submit_sign_in() -> ResponseReturnValue:
    """Sign in and redirect, or say that the name or the password is wrong.

    Only an admin who types the right password learns that their account is disabled.
    """
    form = SignInForm()
    if not form.validate():
        return _render_form(form), 422
    rate_limit.count_attempt(form.name.data)
    admin = admins.authenticate(db.session(), form.name.data, form.password.data)
    if admin is None or admin.disabled_at is not None:
        name, now = admins.normalise_name(form.name.data), clock.now()
        db.run_in_transaction(lambda session: sign_ins.log_failure(session, name, now))
        return _render_form(form, _DISABLED if admin else _WRONG), 422
    rate_limit.reset(form.name.data)
    return sign_in_and_redirect(admin, next_path())


@blueprint.post("/sign-out")
def sign_out() -> ResponseReturnValue:
    """Sign out and show the form. An admin signed in by the proxy can only sign out there."""
    if current_user.is_by_proxy:
        login_manager.sign_in_by_proxy(current_user.name)
        flash(_BY_PROXY.format(current_user.name), "help")
        return redirect(url_for("admin.dashboard"), 303)
    login_manager.sign_out(current_user)
    flash("You are signed out.")
    return redirect(url_for("admin.sign_in"), 303)


def sign_in_and_redirect(admin: Admin, path: str, how: str = "password") -> Response:
    """Sign `admin` in and redirect to `path`. `how` is recorded with the sign-in."""
    login_manager.sign_in(admin, how)
    response = make_response(redirect(path, 303))
    rate_limit.remember_browser(response, admin.name)
    return response


def _render_form(form: SignInForm, error_message: str | None = None) -> str:
    return render_page(
        "auth/sign_in.html",
        form=form,
        error_message=error_message,
        is_proxy_used=bool(proxy.get_allowed_names()),
        has_admins=admins.exists(db.session()),
    )
