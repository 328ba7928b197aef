"""System › Admins: end sign-ins. Every admin can end any sign-in."""

from flask import flash, redirect, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from sqlalchemy.orm import Session

from pointsync import db
from pointsync.accounts import admins, sign_ins
from pointsync.admin.auth import login_manager
from pointsync.admin.settings.admins import TAB
from pointsync.admin.shell.panel import blueprint
from pointsync.admin.shell.template_filters import format_count


@blueprint.post("/system/sign-ins/<row_id:sign_in_id>/end")
def end_sign_in(sign_in_id: int) -> ResponseReturnValue:
    """Sign a browser out; it may be this one."""
    if sign_in_id == current_user.sign_in_id:
        login_manager.sign_out(current_user)
        flash("You are signed out.")
        return redirect(url_for("admin.sign_in"), 303)
    row = db.run_in_transaction(lambda session: sign_ins.end_by_id(session, sign_in_id))
    flash(f"{row.admin.name} is signed out of {row.browser or 'that browser'}.", "done")
    return redirect(url_for(TAB), 303)


@blueprint.post("/system/admins/<row_id:admin_id>/sign-outs")
def end_sign_ins(admin_id: int) -> ResponseReturnValue:
    """Sign an admin out of every browser except this one."""
    own_sign_in_id = current_user.sign_in_id

    def sign_out_everywhere(session: Session) -> tuple[str, int]:
        admin = admins.get(session, admin_id)
        return admin.name, sign_ins.end_all(session, admin, except_id=own_sign_in_id)

    name, ended_count = db.run_in_transaction(sign_out_everywhere)
    if ended_count:
        flash(f"{name} is signed out of {format_count(ended_count, 'browser')}.", "done")
    else:
        flash(f"{name} is not signed in anywhere else.", "help")
    return redirect(url_for(TAB), 303)
