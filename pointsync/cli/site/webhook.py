"""`pointsync webhook`: endpoints that this site calls when points have changed."""

from typing import TYPE_CHECKING, Any

import click

from pointsync.cli.framework.command import Group
from pointsync.cli.framework.errors import CommandError
from pointsync.cli.framework.output import print_note, print_result, table_printer
from pointsync.cli.framework.param_types import WEBHOOK_ID
from pointsync.cli.framework.site_context import site_context, transact

if TYPE_CHECKING:
    from pointsync.webhooks.endpoints import WebhookStatus

COLUMNS = {
    "id": "Id",
    "url": "URL",
    "state": "State",
    "last_success_at": "Last success",
    "last_error": "Last error",
    "waiting_since": "Waiting since",
}


@click.group(cls=Group)
def webhook() -> None:
    """Webhooks: endpoints of shops that this site calls when points have changed."""


@webhook.command("add")
@click.argument("url", metavar="URL")
@site_context()
def add_webhook(url: str) -> None:
    """Add a webhook. Its secret is shown only once: the endpoint checks the signatures with it."""
    from pointsync import clock
    from pointsync.runtime import get_runtime
    from pointsync.webhooks import endpoints

    vault = get_runtime().vault
    row, secret = transact(lambda session: endpoints.add(session, vault, url, clock.now()))
    print_note("Save this secret now. It cannot be shown again.")
    print_result({"id": row.id, "url": row.url, "secret": secret}, secret)


@webhook.command("list")
@site_context()
def list_webhooks() -> None:
    """List the webhooks, and how each is doing."""
    from pointsync import db
    from pointsync.webhooks import endpoints

    rows = [_to_json(each) for each in endpoints.list_all(db.session())]
    print_result(rows, table_printer(rows, COLUMNS, "There are no webhooks yet. Add one: pointsync webhook add URL"))


@webhook.command("test")
@click.argument("webhook_id", metavar="ID", type=WEBHOOK_ID)
@site_context()
def test_webhook(webhook_id: int) -> None:
    """Send a test message. If it is accepted, a webhook that was switched off is switched on again."""
    from pointsync.webhooks import send

    problem = send.send_test(webhook_id)
    if problem:
        raise CommandError(problem)
    print_result({"id": webhook_id, "ok": True}, "The endpoint has accepted the test message.")


@webhook.command("remove")
@click.argument("webhook_id", metavar="ID", type=WEBHOOK_ID)
@site_context()
def remove_webhook(webhook_id: int) -> None:
    """Remove a webhook. Its URL is not called any more."""
    from pointsync.webhooks import endpoints

    row = transact(lambda session: endpoints.remove(session, webhook_id))
    print_result({"id": webhook_id, "removed": True}, f"The webhook {row.url} was removed.")


def _to_json(status: "WebhookStatus") -> dict[str, Any]:
    from pointsync import clock

    row = status.webhook
    return {
        "id": row.id,
        "url": row.url,
        "shop": row.shop,
        "state": status.state.value,
        "created_at": clock.to_text(row.created_at),
        "last_success_at": clock.to_text(row.last_success_at) if row.last_success_at else None,
        "last_error": row.last_error,
        "last_error_at": clock.to_text(row.last_failure_at) if row.last_failure_at else None,
        "waiting_since": clock.to_text(status.waiting_since) if status.waiting_since else None,
    }
