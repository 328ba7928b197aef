"""Setting up a site again whose database is lost: with its old Auth and Pass, a new key, and its movements from the
other sites."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from pointsync import crypto
from pointsync.config import Config
from pointsync.crypto import Vault
from pointsync.errors import Conflict
from pointsync.ledger.fetch_back import state
from pointsync.models import Movement, Remote, Site
from pointsync.sync.remotes.sharing_key import parse_sharing_key
from pointsync.sync.site import general, passes


@dataclass(frozen=True, slots=True)
class Rebirth:
    """The site after it was set up again, and where the other sites call it."""

    auth: str
    fingerprint: str
    sharing_key_url: str
    """The URL in the sharing key, without its scheme."""
    is_other_url: bool
    """Whether this site has another URL, or none yet."""


def set_up_again(session: Session, vault: Vault, config: Config, sharing_key: str, now: datetime) -> Rebirth:
    """Make this new, empty site the one whose sharing key this was, and begin to fetch its movements back.

    It ends when an admin says that all remotes are listed again, and each was fetched. Raises InvalidInput for the
    sharing key, Conflict `not_empty` if this site has movements or remotes.
    """
    url, auth, password = parse_sharing_key(sharing_key)
    site = Site.get_for_update(session)
    for column in (Movement.seq, Remote.id):
        if session.scalar(select(column).limit(1)) is not None:
            raise Conflict(
                "not_empty",
                "This site has movements or remotes of its own. Set a site up again in a new, empty POINTSYNC_DATA.",
            )
    private_key, public_key = crypto.new_signing_key()
    site.auth, site.sealed_pass = auth, vault.encrypt(password)
    site.sealed_private_key, site.public_key = vault.encrypt(private_key), public_key
    passes.delete_old(session, site)
    state.begin(session, now, is_open=True)
    own_url = (general.get_effective_url(site, config) or "").split("://", 1)[-1]
    return Rebirth(auth, crypto.format_fingerprint(public_key), url, own_url != url)
