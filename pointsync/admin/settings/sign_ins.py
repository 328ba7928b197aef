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
        login_manager.end(current_user)
        flash("You are signed out.")
        return redirect(url_for("admin.sign_in"), 303)
    row = db.in_write(lambda writing: sign_ins.end_one(writing, sign_in_id))
    flash(f"{row.admin.name} is signed out of {row.browser or 'that browser'}.", "done")
    return redirect(url_for(TAB), 303)


@blueprint.post("/system/admins/<int(max=2147483647):admin_id>/sign-outs", provide_automatic_options=False)
def end_sign_ins(admin_id: int) -> ResponseReturnValue:
    """Sign that admin out of every browser, without the one that asks."""
    kept = current_user.sign_in_id

    def work(writing: Session) -> tuple[str, int]:
        admin = writing.get(Admin, admin_id)
        if admin is None:
            raise NotFound("unknown_admin", "There is no such admin; they may be removed already.")
        return admin.name, sign_ins.end_all(writing, admin, but=kept)

    name, number = db.in_write(work)
    if number:
        flash(f"{name} is signed out of {number:,} browser{'s' if number != 1 else ''}.", "done")
    else:
        flash(f"{name} is signed in nowhere else.", "help")
    return redirect(url_for(TAB), 303)
