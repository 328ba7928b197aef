"""System › Network: which site lists which, unlisted senders, blocked sites, and what this site accepts."""

from flask import flash, redirect, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from sqlalchemy.orm import Session
from wtforms import BooleanField, StringField

from pointsync import clock, db
from pointsync.admin.shell.forms import validate_setting
from pointsync.admin.shell.panel import blueprint, render_page
from pointsync.runtime import get_runtime
from pointsync.sync.fetch_back import progress
from pointsync.sync.hand_on import jobs, permissions
from pointsync.sync.remotes import network as family_network
from pointsync.sync.remotes import queue
from pointsync.sync.repair import comparison_list
from pointsync.sync.site import settings

TAB = "admin.network"
NETWORK_PATH = "/system/network"


class NetworkForm(FlaskForm):  # type: ignore[misc]
    """What this site accepts, and how often it checks others; the fields are named as in `settings.DEFINITIONS`."""

    create_customers = BooleanField("Create unknown customers")
    only_listed = BooleanField("Accept only listed sites")
    approve_changes = BooleanField("Approve changes of customers")
    check_seconds = StringField("Time between two checks (in seconds)", [validate_setting])


@blueprint.get(NETWORK_PATH)
def network() -> ResponseReturnValue:
    """The tab."""
    current_settings = settings.read(db.session())
    return _render_tab(NetworkForm(obj=current_settings))


@blueprint.post(NETWORK_PATH)
def save_network() -> ResponseReturnValue:
    """Save the settings: all of them, or none."""
    form = NetworkForm()
    if not form.validate():
        return _render_tab(form), 422
    values = {
        "create_customers": "on" if form.create_customers.data else "off",
        "only_listed": "on" if form.only_listed.data else "off",
        "approve_changes": "on" if form.approve_changes.data else "off",
        "check_seconds": form.check_seconds.data or "",
    }

    def save_all(session: Session) -> None:
        for name, value in values.items():
            settings.change(session, name, value)

    db.run_in_transaction(save_all)
    flash("Saved.", "done")
    return redirect(url_for(TAB), 303)


def _render_tab(form: NetworkForm) -> str:
    session = db.session()
    network = family_network.read(session, get_runtime().config, clock.now())
    fetch_back = progress.read(session)
    site_names = {member.report.auth: member.report.name for member in network.members}
    blocked_auths = {site.auth for site in network.blocked_sites}
    definition = settings.DEFINITIONS["check_seconds"]
    return render_page(
        "settings/network/network.html",
        TAB,
        form=form,
        network=network,
        site_names=site_names,
        blocked_auths=blocked_auths,
        definition=definition,
        fetch_back=fetch_back,
        fetch_back_text=progress.describe(fetch_back),
        decisions=progress.list_decisions(session) if fetch_back.decisions else [],
        comparison=comparison_list.read(session),
        hand_on_jobs=jobs.list_all(session),
        hand_on_permissions=permissions.list_all(session),
        remote_names={remote.id: remote.display_name for remote in queue.list_all(session)},
    )
