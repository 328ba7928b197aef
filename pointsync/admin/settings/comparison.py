"""System › Network: compare with a remote now, decide about differences, and accept edited movements."""

from flask import flash, redirect, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from sqlalchemy.orm import Session
from wtforms import HiddenField

from pointsync import clock, db
from pointsync.admin.remotes.remote_form import REMOTE_ID
from pointsync.admin.settings.network import NETWORK_PATH, TAB
from pointsync.admin.shell.panel import blueprint, render_page
from pointsync.admin.shell.template_filters import format_count
from pointsync.errors import Conflict, InvalidInput
from pointsync.ledger.fetch_back.insert_returned import lock_remotes
from pointsync.ledger.integrity import restore_row
from pointsync.models import Remote
from pointsync.runtime import get_runtime
from pointsync.sync.comparison import differences
from pointsync.sync.remotes import remotes
from pointsync.sync.remotes.check import check_remote
from pointsync.sync.repair import comparisons, decisions, describe_plan
from pointsync.sync.repair.plan import BOTH, HERE, THERE, Plan, make_plan

SECTION = "comparison"
REMOTE_PATH = f"{NETWORK_PATH}/remotes/{REMOTE_ID}"
DECISION_PATH = f"{REMOTE_PATH}/differences/<big_row_id:movement_id>/<any({HERE}, {THERE}, {BOTH}):choice>"


class DecisionForm(FlaskForm):  # type: ignore[misc]
    """`fingerprint` is that of the plan that the admin saw."""

    fingerprint = HiddenField()


@blueprint.post(f"{REMOTE_PATH}/comparisons")
def compare_remote(remote_id: int) -> ResponseReturnValue:
    """Ping the remote and compare the sums. If they differ, the movements are compared one by one in the background."""
    ping_result = check_remote(remote_id)
    remote = remotes.get(db.session(), remote_id)
    count = format_count(remote.compared_count, "movement")
    if not ping_result.is_ok:
        flash(f"{remote.display_name} was not compared. {ping_result.message}", "error")
    elif False in (remote.is_equal_there, remote.is_equal_here):
        db.run_in_transaction(lambda session: comparisons.request(session, remote_id))
        flash(f"{remote.display_name} does not hold the same. The movements are compared one by one now.", "warning")
    elif remote.is_equal_there is None or remote.is_equal_here is None:
        flash(f"{remote.display_name} answered, but cannot be compared with this site yet.", "warning")
    else:
        flash(f"{remote.display_name} and this site hold the same {count}.", "done")
    return _redirect()


@blueprint.get(DECISION_PATH)
def decide_difference(remote_id: int, movement_id: int, choice: str) -> ResponseReturnValue:
    """Show what the choice does."""
    return _render_decision(remote_id, str(movement_id), choice)


@blueprint.post(DECISION_PATH)
def submit_decide_difference(remote_id: int, movement_id: int, choice: str) -> ResponseReturnValue:
    """Do it, if it is still what the admin saw."""
    form = DecisionForm()
    try:
        plan = make_plan(db.session(), remote_id, str(movement_id), choice)
        if plan.fingerprint != form.fingerprint.data:
            return _render_decision(remote_id, str(movement_id), choice, has_changed=True), 409
        fetched = decisions.fetch_content(plan)
        db.run_in_transaction(lambda session: decisions.carry_out(session, plan, fetched, clock.now()))
    except (Conflict, InvalidInput) as error:
        return _render_decision(remote_id, str(movement_id), choice, error.message), 409
    get_runtime().wake_couriers()
    flash(f"Decided about movement {movement_id}. The comparison below shows when both sites are equal again.", "done")
    return _redirect()


def _render_decision(
    remote_id: int, movement_id: str, choice: str, error_message: str | None = None, *, has_changed: bool = False
) -> str:
    session = db.session()
    difference = differences.get(session, remote_id, movement_id)
    plan: Plan | None = None
    try:
        plan = make_plan(session, remote_id, movement_id, choice)
    except (Conflict, InvalidInput) as error:
        error_message = error_message or error.message
    form = DecisionForm(formdata=None, data={"fingerprint": plan.fingerprint if plan else ""})
    return render_page(
        "settings/network/decide_difference.html",
        TAB,
        form=form,
        difference=difference,
        remote=session.get_one(Remote, remote_id),
        choice=choice,
        steps=describe_plan.list_steps(plan) if plan else [],
        error_message=error_message,
        has_changed=has_changed,
    )


@blueprint.get(f"{NETWORK_PATH}/edited")
def accept_edited() -> ResponseReturnValue:
    """Ask for confirmation."""
    movement_ids = restore_row.list_acceptable(db.session())
    return render_page("settings/network/accept_edited.html", TAB, count=len(movement_ids))


@blueprint.post(f"{NETWORK_PATH}/edited")
def submit_accept_edited() -> ResponseReturnValue:
    """Accept the edited movements that no other site holds otherwise."""

    def accept(session: Session) -> int:
        lock_remotes(session)
        return restore_row.accept(session, restore_row.list_acceptable(session), clock.now())

    accepted = db.run_in_transaction(accept)
    flash(f"{format_count(accepted, 'edited movement')} accepted.", "done")
    return _redirect()


def _redirect() -> ResponseReturnValue:
    return redirect(url_for(TAB, _anchor=SECTION), 303)
