"""The names of sites on screens, instead of Auths and ids."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from pointsync.config import Config
from pointsync.models import Remote, Site
from pointsync.sync.site import general


@dataclass(frozen=True, slots=True)
class SiteNames:
    """The names of this site and of all remotes' sites, also of deleted remotes."""

    by_auth: dict[str, str]
    """By Auth."""
    by_remote_id: dict[int, str]
    """By the remote's id."""

    def for_origin(self, auth: str) -> str:
        """The name of the site where a movement was recorded; its Auth if the name is unknown."""
        return self.by_auth.get(auth, auth)

    def for_remote(self, remote_id: int) -> str:
        """The name of a remote's site."""
        return self.by_remote_id.get(remote_id, f"remote {remote_id}")


def read(session: Session, config: Config) -> SiteNames:
    """All names, in three queries. Of several remotes for a site the newest that is not deleted counts."""
    rows = session.execute(
        select(Remote.id, Remote.auth, Remote.name, Remote.url).order_by(Remote.deleted_at.is_(None), Remote.id)
    ).all()
    origins = {row.auth: row.name or row.url for row in rows}
    local_auth = session.scalar(select(Site.auth))
    if local_auth is not None:
        origins[local_auth] = general.get_site_name(session, config)
    return SiteNames(origins, {row.id: row.name or row.url for row in rows})
