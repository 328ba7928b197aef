"""System › API keys › Webhooks: endpoints that this site calls when points have changed."""

from flask import flash, redirect, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from wtforms import StringField

from pointsync import clock, db
from pointsync.admin.shell.forms import show_errors
from pointsync.admin.shell.panel import blueprint, render_page
from pointsync.errors import Conflict, InvalidInput
from pointsync.runtime import get_runtime
from pointsync.webhooks import endpoints, send

TAB = "admin.api_keys"
ANCHOR = "webhooks"
WEBHOOK_ID = "<row_id:webhook_id>"


class WebhookForm(FlaskForm):  # type: ignore[misc]
    """A new webhook."""

    url = StringField("URL")


@blueprint.get("/system/webhooks/add")
def add_webhook() -> ResponseReturnValue:
    """Show the form for a new webhook."""
    return render_page("settings/webhooks/form.html", TAB, form=WebhookForm())


@blueprint.post("/system/webhooks/add")
def submit_add_webhook() -> ResponseReturnValue:
    """Add a webhook, and show its secret in this one response."""
    form, vault = WebhookForm(), get_runtime().vault
    try:
        webhook, secret = db.run_in_transaction(
            lambda session: endpoints.add(session, vault, form.url.data or "", clock.now())
        )
    except (InvalidInput, Conflict) as error:
        show_errors(form, error)
        return render_page("settings/webhooks/form.html", TAB, form=form), 422
    return render_page("settings/webhooks/created.html", TAB, webhook=webhook, secret=secret), 201


@blueprint.post(f"/system/webhooks/{WEBHOOK_ID}/tests")
def test_webhook(webhook_id: int) -> ResponseReturnValue:
    """Send a test message."""
    problem = send.send_test(webhook_id)
    if problem:
        flash(f"The test message was not accepted. {problem}", "error")
    else:
        flash("The endpoint has accepted the test message.", "done")
    return redirect(url_for(TAB, _anchor=ANCHOR), 303)


@blueprint.get(f"/system/webhooks/{WEBHOOK_ID}/remove")
def remove_webhook(webhook_id: int) -> ResponseReturnValue:
    """Ask for confirmation."""
    return render_page("settings/webhooks/remove.html", TAB, webhook=endpoints.get(db.session(), webhook_id))


@blueprint.post(f"/system/webhooks/{WEBHOOK_ID}/remove")
def submit_remove_webhook(webhook_id: int) -> ResponseReturnValue:
    """Remove a webhook."""
    webhook = db.run_in_transaction(lambda session: endpoints.remove(session, webhook_id))
    flash(f"The webhook {webhook.url} is removed. It is not called any more.", "done")
    return redirect(url_for(TAB, _anchor=ANCHOR), 303)
