"""What other sites show this one about itself: stamps under its own key, which nobody else can have made.

A stamp can prove that this database was set back, or that another installation of this site is running. Then nothing
is sent to anybody. Without such a proof, another site can stop only what is sent to itself.
"""

from sqlalchemy.orm import Session

from pointsync import ids
from pointsync.models import Remote, Site
from pointsync.sync.site import installation
from pointsync.sync.site.installation import BEHIND, TWICE
from pointsync.sync.site.stamps import MAX_CALL, Stamp


def heed(session: Session, remote: Remote, code: str, stamp: Stamp | None) -> None:
    """Stop sending if the stamp that a remote has shown proves what its `code` says.

    The code is that of a refusal, or `ok` of an answer: then the stamp is the latest one that it has of this site.
    """
    site = session.get_one(Site, 1, populate_existing=True)
    if stamp is None or not stamp.is_of(site.auth, site.public_key):
        return
    if reason := _find_reason(site, remote, code, stamp):
        site = Site.get_for_update(session)
        installation.stop_sending(session, site, reason)
    if site.hold:
        # A new run must be above everything that others have heard from this site.
        site = Site.get_for_update(session)
        site.call, site.last_id = max(site.call, min(stamp.call, MAX_CALL - 1)), max(site.last_id, stamp.last_id)
    session.flush()


def _find_reason(site: Site, remote: Remote, code: str, stamp: Stamp) -> str | None:
    """The reason to stop. A call or an id in a stamp of the same run is committed here, unless it was lost here.

    A run that began earlier makes no stamps with the calls of a later one. So after an ordinary restart, nobody can
    show an old stamp as if the earlier run were still alive.
    """
    if stamp.run == site.run:
        if stamp.call > site.call or stamp.last_id > site.last_id:
            return (
                f"{remote.display_name} has heard from this site what this database does not have: the database was "
                "set back to an earlier state, or a copy of it is running."
            )
        return None
    is_of_earlier_run = site.run is not None and _began_before(stamp, site.run)
    if code == BEHIND and (stamp.call >= site.call or is_of_earlier_run):
        return (
            f"{remote.display_name} has heard from a later state of this site (call {stamp.call:,}): this database was "
            "set back to an earlier state, or it is a copy."
        )
    if code == TWICE and is_of_earlier_run:
        return (
            f"{remote.display_name} is also called by another running installation of this site: one of the two is a "
            "copy. Stop the one that should not run."
        )
    return None


def _began_before(stamp: Stamp, run: str) -> bool:
    """Whether the stamp is of a run that had begun before this one, and was made after this one began."""
    return ids.first_call_of(stamp.run) <= ids.first_call_of(run) <= stamp.call
