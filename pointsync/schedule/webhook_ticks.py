"""The job that reports changed points to webhooks."""

from pointsync import clock, db
from pointsync.schedule.ticks import take_lease
from pointsync.schedule.turns import take_turns
from pointsync.webhooks import send


def send_webhooks() -> None:
    """Send each webhook what has changed, in a thread of its own. Nobody waits for a slow one."""
    due_ids = send.list_due(db.session(), clock.now())
    if due_ids and take_lease("webhooks"):
        take_turns("webhooks", due_ids, send.deliver, wait_seconds=0)
