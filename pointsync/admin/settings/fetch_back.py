"""System › Network: lost movements that come back from the remotes, and the decisions about them."""

from flask import flash, redirect, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from wtforms import RadioField

from pointsync import clock, db
from pointsync.admin.remotes.remote_form import REMOTE_ID
from pointsync.admin.settings.network import NETWORK_PATH, TAB
from pointsync.admin.shell.panel import blueprint, parse_row_id, render_page
from pointsync.errors import Conflict, DomainError
from pointsync.ledger.fetch_back import decisions
from pointsync.models import ReturnProblem
from pointsync.sync.fetch_back import progress, run
from pointsync.sync.remotes import remotes

SECTION = "fetch-back"
FETCH_PATH = f"{NETWORK_PATH}/fetch-back"
DECISION_PATH = f"{NETWORK_PATH}/returned/<big_row_id:movement_id>/decide"
CHOICE_LABELS = {
    "returned": "The returned movement counts",
    "here": "Only what is recorded here counts",
    "both": "Both count",
}
CHOICE_NOTES = {
    ReturnProblem.OTHER_CONTENT: {
        "returned": "It is recorded here. The movement with the same ref is taken back with a correction and not sent.",
        "here": "The returned one is reversed, here and at the sites that have it.",
        "both": "They are two movements: the returned one is recorded here as well, without its ref.",
    },
    ReturnProblem.ID_IN_USE: {
        "here": "Nothing is recorded.",
        "both": "The returned one is recorded here under a new id, and sent to the sites that lack it.",
    },
}
NOTHING_RECORDED = {"here": "Nothing is recorded. The comparison with that site shows the difference from then on."}


class DecisionForm(FlaskForm):  # type: ignore[misc]
    """What counts: a choice, with the remote's id behind a colon if the remotes differ."""

    choice = RadioField("What counts", validate_choice=False)


@blueprint.get(f"{FETCH_PATH}/{REMOTE_ID}/skip")
def skip_fetch(remote_id: int) -> ResponseReturnValue:
    """Ask for confirmation."""
    remote = remotes.get(db.session(), remote_id)
    return render_page("settings/network/fetch_skip.html", TAB, remote=remote)


@blueprint.post(f"{FETCH_PATH}/{REMOTE_ID}/skip")
def submit_skip_fetch(remote_id: int) -> ResponseReturnValue:
    """Continue without the remote."""
    try:
        db.run_in_transaction(lambda session: run.continue_without(session, [remote_id], clock.now()))
    except Conflict as error:
        flash(error.message, "warning")
    else:
        flash("Continuing without it. As soon as it answers, this site fetches from it what is missing.", "done")
    return _redirect()


@blueprint.post(f"{FETCH_PATH}/{REMOTE_ID}/retries")
def retry_fetch(remote_id: int) -> ResponseReturnValue:
    """Call the remote now."""
    db.run_in_transaction(lambda session: run.retry(session, remote_id))
    flash("Calling it again now.", "done")
    return _redirect()


@blueprint.post(f"{FETCH_PATH}/end")
def close_fetch() -> ResponseReturnValue:
    """All remotes are listed: end when each was fetched."""
    try:
        db.run_in_transaction(run.close)
    except Conflict as error:
        flash(error.message, "warning")
    else:
        flash("It ends when every listed remote was fetched.", "done")
    return _redirect()


@blueprint.get(DECISION_PATH)
def decide_returned(movement_id: int) -> ResponseReturnValue:
    """Show both values and the choices."""
    return _render_decision(movement_id)


@blueprint.post(DECISION_PATH)
def submit_decide_returned(movement_id: int) -> ResponseReturnValue:
    """Carry out the choice."""
    form = DecisionForm()
    choice, _, remote_text = (form.choice.data or "").partition(":")
    remote_id = parse_row_id(remote_text)
    try:
        problem = db.run_in_transaction(
            lambda session: decisions.decide(session, movement_id, choice, clock.now(), remote_id)
        )
    except DomainError as error:
        if error.code == "unknown_decision":
            raise
        return _render_decision(movement_id, error.message), 422
    if problem:
        flash("This movement needs another decision.", "warning")
    else:
        flash("Decided.", "done")
    return _redirect()


def _render_decision(movement_id: int, error_message: str | None = None) -> str:
    session = db.session()
    decision = decisions.get(session, movement_id)
    names = {each.remote: each.name for each in progress.read(session).remotes}
    choices: dict[str, str] = {}
    for choice in decision.choices:
        if choice == decisions.RETURNED and decision.problem == ReturnProblem.SITES_DIFFER:
            for row in decision.returned:
                choices[f"{choice}:{row.remote_id}"] = f"What {names.get(row.remote_id, row.remote_id)} returned counts"
        else:
            choices[choice] = CHOICE_LABELS[choice]
    form = DecisionForm()
    form.choice.choices = choices
    if error_message:
        form.choice.errors = [error_message]
    return render_page(
        "settings/network/decide_returned.html",
        TAB,
        form=form,
        shown=progress.decision_json(session, decision),
        notes=CHOICE_NOTES.get(decision.problem, NOTHING_RECORDED),
        remote_names=names,
    )


def _redirect() -> ResponseReturnValue:
    return redirect(url_for(TAB, _anchor=SECTION), 303)
