"""System › Network: who lists whom as the pings tell, who sends without being listed, and what is accepted."""

from flask import flash, redirect, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from sqlalchemy.orm import Session
from wtforms import BooleanField, StringField

from pointsync import clock, db
from pointsync.admin.shell.forms import check_setting
from pointsync.admin.shell.panel import blueprint, page
from pointsync.runtime import runtime
from pointsync.sync.remotes import network as family
from pointsync.sync.site import settings

TAB = "admin.network"


class AcceptForm(FlaskForm):  # type: ignore[misc]
    """What is accepted of others, and how often they are asked; named as in `settings.KINDS`."""

    create_customers = BooleanField("Make customers that are unknown here")
    only_listed = BooleanField("Accept only listed sites")
    check_seconds = StringField("Time between two checks (in seconds)", [check_setting])


@blueprint.get("/system/network", provide_automatic_options=False)
def network() -> ResponseReturnValue:
    """The tab."""
    known = settings.read(db.db.session())
    return _page(AcceptForm(obj=known))


@blueprint.post("/system/network", provide_automatic_options=False)
def save_network() -> ResponseReturnValue:
    """Save what is accepted: all three, or none."""
    form = AcceptForm()
    if not form.validate():
        return _page(form), 422
    typed = {
        "create_customers": "on" if form.create_customers.data else "off",
        "only_listed": "on" if form.only_listed.data else "off",
        "check_seconds": form.check_seconds.data or "",
    }

    def work(session: Session) -> None:
        for name, value in typed.items():
            settings.change(session, name, value)

    db.in_write(work)
    flash("Saved. It is in force from now on.", "done")
    return redirect(url_for(TAB), 303)


def _page(form: AcceptForm) -> str:
    found = family.read(db.db.session(), runtime().config, clock.now())
    names = {member.told.auth: member.told.name for member in found.members}
    blocked = {site.auth for site in found.blocked}
    kind = settings.KINDS["check_seconds"]
    return page("settings/network/network.html", TAB, form=form, network=found, names=names, blocked=blocked, kind=kind)
