"""What sites are called on screens: by their names, where these are known, and not by Auths and ids."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from pointsync.config import Config
from pointsync.models import Remote, Site
from pointsync.sync.site import general


@dataclass(frozen=True, slots=True)
class Names:
    """Of this site and of every line of the list, deleted ones too."""

    origins: dict[str, str]
    """By Auth."""
    remotes: dict[int, str]
    """By the line's id."""

    def origin(self, auth: str) -> str:
        """The site where a movement was made; its Auth where no line names it."""
        return self.origins.get(auth, auth)

    def remote(self, remote_id: int) -> str:
        """The site that a line leads to."""
        return self.remotes.get(remote_id, f"remote {remote_id}")


def read(session: Session, config: Config) -> Names:
    """All names, by three queries. Of several lines for one site the newest that is not deleted names it."""
    lines = session.execute(
        select(Remote.id, Remote.auth, Remote.name, Remote.url).order_by(Remote.deleted_at.is_(None), Remote.id)
    ).all()
    origins = {line.auth: line.name or line.url for line in lines}
    own = session.scalar(select(Site.auth))
    if own is not None:
        origins[own] = general.site_name(session, config)
    return Names(origins, {line.id: line.name or line.url for line in lines})
