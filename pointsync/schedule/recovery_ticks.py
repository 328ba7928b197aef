"""The jobs that bring back what a site has lost: its own movements, those of a site that is gone, and what shops
delivered meanwhile."""

from pointsync import clock, db
from pointsync.schedule.ticks import current_app_object, take_lease
from pointsync.sync.fetch_back import run as fetch_back_run
from pointsync.sync.hand_on import send as hand_on_send
from pointsync.woocommerce import kept, receive


def fetch_back() -> None:
    """Fetch lost movements back from the remotes, and record them."""
    if fetch_back_run.is_due(db.session()) and take_lease("fetch"):
        fetch_back_run.run(current_app_object(), lambda: take_lease("fetch"))


def hand_on() -> None:
    """Hand on the movements of sites that are gone, as admins have started it."""
    for origin, remote_id in hand_on_send.list_due(db.session(), clock.now()):
        if take_lease("hand_on"):
            hand_on_send.hand_on(origin, remote_id)


def count_kept_deliveries() -> None:
    """Count deliveries of shops that were kept: lost movements are back, or an admin has said whose address it is."""
    if kept.list_ready(db.session(), clock.now()) and take_lease("kept_deliveries"):
        db.run_in_transaction(lambda session: receive.count_kept(session, clock.now()))
