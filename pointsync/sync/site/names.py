"""What sites are called on screens: by their names, where these are known, and not by Auths and ids."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from pointsync.config import Config
from pointsync.models import Remote, Site
from pointsync.sync.site import general


@dataclass(frozen=True, slots=True)
class SiteNames:
    """Of this site and of every line of the list, deleted ones too."""

    by_auth: dict[str, str]
    """By Auth."""
    by_remote_id: dict[int, str]
    """By the line's id."""

    def for_origin(self, auth: str) -> str:
        """The site where a movement was made; its Auth where no line names it."""
        return self.by_auth.get(auth, auth)

    def for_remote(self, remote_id: int) -> str:
        """The site that a line leads to."""
        return self.by_remote_id.get(remote_id, f"remote {remote_id}")


def read(session: Session, config: Config) -> SiteNames:
    """All names, by three queries. Of several lines for one site the newest that is not deleted names it."""
    rows = session.execute(
        select(Remote.id, Remote.auth, Remote.name, Remote.url).order_by(Remote.deleted_at.is_(None), Remote.id)
    ).all()
    origins = {line.auth: line.name or line.url for line in rows}
    local_auth = session.scalar(select(Site.auth))
    if local_auth is not None:
        origins[local_auth] = general.get_site_name(session, config)
    return SiteNames(origins, {line.id: line.name or line.url for line in rows})
