"""The first start: a one-time link, printed by `serve`, creates the first admin."""

from flask import flash, url_for
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import NotFound

from pointsync import clock, db
from pointsync.accounts import admins
from pointsync.admin.auth.sign_in import welcome
from pointsync.admin.shell.forms import SetupForm, show_refusal
from pointsync.admin.shell.panel import blueprint, page
from pointsync.errors import Conflict, Invalid
from pointsync.errors import NotFound as NotHere
from pointsync.runtime import runtime


@blueprint.get("/setup/<token>", provide_automatic_options=False)
def setup(token: str) -> ResponseReturnValue:
    """The form, while the link is good."""
    if not admins.is_setup_link(db.db.session(), token):
        raise NotFound
    return _form(SetupForm())


@blueprint.post("/setup/<token>", provide_automatic_options=False)
def send_setup(token: str) -> ResponseReturnValue:
    """Create the first admin and sign them in; the link is used up."""
    if not admins.is_setup_link(db.db.session(), token):
        raise NotFound
    form, now = SetupForm(), clock.now()
    if not form.validate():
        return _form(form), 422
    try:
        admin = db.in_write(
            lambda session: admins.create_first(session, token, form.name.data, form.password.data, now)
        )
    except (Invalid, Conflict) as error:
        show_refusal(form, error)
        return _form(form), 422
    except NotHere as error:
        raise NotFound from error
    response = welcome(admin, url_for("admin.dashboard"), how="link")
    flash(f"Welcome, {admin.name}. You are signed in, and the link you came by is used up.")
    return response


def _form(form: SetupForm) -> str:
    return page("auth/setup.html", form=form, site_name=runtime().config.site_name, least=admins.MIN_PASSWORD)
