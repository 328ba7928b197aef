"""System › Admins: where admins are signed in. Each admin may end any of it."""

from flask import flash, redirect, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from sqlalchemy.orm import Session

from pointsync import db
from pointsync.accounts import sign_ins
from pointsync.admin.auth import login_manager
from pointsync.admin.shell.panel import blueprint
from pointsync.errors import NotFound
from pointsync.models import Admin

TAB = "admin.admins"


@blueprint.post("/system/sign-ins/<int(max=2147483647):sign_in_id>/end", provide_automatic_options=False)
def end_sign_in(sign_in_id: int) -> ResponseReturnValue:
    """Sign that browser out; this one, too, where it is meant."""
    if sign_in_id == current_user.sign_in_id:
        login_manager.sign_out(current_user)
        flash("You are signed out.")
        return redirect(url_for("admin.sign_in"), 303)
    row = db.run_in_transaction(lambda session: sign_ins.end_by_id(session, sign_in_id))
    flash(f"{row.admin.name} is signed out of {row.browser or 'that browser'}.", "done")
    return redirect(url_for(TAB), 303)


@blueprint.post("/system/admins/<int(max=2147483647):admin_id>/sign-outs", provide_automatic_options=False)
def end_sign_ins(admin_id: int) -> ResponseReturnValue:
    """Sign that admin out of every browser, without the one that asks."""
    own_sign_in_id = current_user.sign_in_id

    def sign_out_everywhere(session: Session) -> tuple[str, int]:
        admin = session.get(Admin, admin_id)
        if admin is None:
            raise NotFound("unknown_admin", "There is no such admin; they may be removed already.")
        return admin.name, sign_ins.end_all(session, admin, except_id=own_sign_in_id)

    name, ended_count = db.run_in_transaction(sign_out_everywhere)
    if ended_count:
        flash(f"{name} is signed out of {ended_count:,} browser{'s' if ended_count != 1 else ''}.", "done")
    else:
        flash(f"{name} is signed in nowhere else.", "help")
    return redirect(url_for(TAB), 303)
