"""The lineage of the database: a name that stays the same while nothing that was recorded can have been lost."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from pointsync import clock, crypto
from pointsync.models import Site

LENGTH = 12


def get_lineage(session: Session) -> str:
    """12 hex digits. A copy gets other ones when an admin says that it is a copy, and so does a restored database.

    They stay the same when the database is upgraded, opened again or moved.
    """
    auth, marker, restored_at = session.execute(select(Site.auth, Site.marker, Site.restored_at)).one()
    parts = (auth, marker, clock.to_text(restored_at) if restored_at else "")
    return crypto.sha256_hex("\n".join(parts))[:LENGTH]
