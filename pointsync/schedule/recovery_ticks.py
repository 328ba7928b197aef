"""The jobs that bring back what a site has lost: its own movements, and those of a site that is gone."""

from pointsync import clock, db
from pointsync.schedule.ticks import current_app_object, take_lease
from pointsync.sync.fetch_back import run as fetch_back_run
from pointsync.sync.hand_on import send as hand_on_send


def fetch_back() -> None:
    """Fetch lost movements back from the remotes, and record them."""
    if fetch_back_run.is_due(db.session()) and take_lease("fetch"):
        fetch_back_run.run(current_app_object(), lambda: take_lease("fetch"))


def hand_on() -> None:
    """Hand on the movements of sites that are gone, as admins have started it."""
    for origin, remote_id in hand_on_send.list_due(db.session(), clock.now()):
        if take_lease("hand_on"):
            hand_on_send.hand_on(origin, remote_id)
