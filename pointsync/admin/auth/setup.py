"""The setup page: its one-time link, printed by `serve`, creates the first admin."""

from flask import flash, url_for
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import NotFound

from pointsync import clock, db
from pointsync.accounts import admins
from pointsync.admin.auth.forms import NewAdminForm
from pointsync.admin.auth.sign_in import sign_in_and_redirect
from pointsync.admin.shell.forms import show_errors
from pointsync.admin.shell.panel import blueprint, render_page
from pointsync.errors import Conflict, InvalidInput
from pointsync.errors import NotFound as NotHere
from pointsync.runtime import get_runtime


@blueprint.get("/setup/<token>")
def setup(token: str) -> ResponseReturnValue:
    """The form, while the link is valid."""
    if not admins.is_valid_setup_token(db.session(), token):
        raise NotFound
    return _render_form(NewAdminForm())


@blueprint.post("/setup/<token>")
def submit_setup(token: str) -> ResponseReturnValue:
    """Create the first admin and sign them in. The link is invalid afterwards."""
    if not admins.is_valid_setup_token(db.session(), token):
        raise NotFound
    form, now = NewAdminForm(), clock.now()
    if not form.validate():
        return _render_form(form), 422
    try:
        admin = db.run_in_transaction(
            lambda session: admins.create_first(session, token, form.name.data, form.password.data, now)
        )
    except (InvalidInput, Conflict) as error:
        show_errors(form, error)
        return _render_form(form), 422
    except NotHere as error:
        raise NotFound from error
    response = sign_in_and_redirect(admin, url_for("admin.dashboard"), how="link")
    flash(f"Welcome, {admin.name}. You are signed in. The setup link is no longer valid.")
    return response


def _render_form(form: NewAdminForm) -> str:
    return render_page(
        "auth/setup.html", form=form, site_name=get_runtime().config.site_name, min_password_length=admins.MIN_PASSWORD
    )
