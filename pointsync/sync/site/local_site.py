"""The local site: its row, and its identity towards other sites."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from pointsync import crypto, ids
from pointsync.config import Config
from pointsync.crypto import Vault
from pointsync.errors import ConfigError
from pointsync.ledger.reserves import DEFAULT_RESERVE
from pointsync.models import Reserve, Site
from pointsync.sync.site import general, passes

DEFAULT_RESERVE_NAME = "Points"


@dataclass(frozen=True, slots=True)
class Identity:
    """This site's identity towards other sites, with decrypted secrets.

    `passes` has the current Pass, whose version is `pass_version`, and then the old one while it is valid, until
    `old_pass_ends_at`. `expired_pass` is the old one for a while after its end.

    `run`, `call` and `last_id` go with each request; see `runs`. `run` is None before the first run, and while sending
    is stopped: a database that may be a copy or an earlier state asks without it, and so disturbs nobody.
    """

    auth: str
    passes: tuple[str, ...]
    pass_version: str
    private_key: str
    public_key: str
    url: str | None
    name: str
    sending_stopped_reason: str | None
    expired_pass: str | None = None
    old_pass_ends_at: datetime | None = None
    run: str | None = None
    call: int = 0
    last_id: int = 0

    @property
    def sharing_key(self) -> str | None:
        """One line of text with URL, Auth and Pass; None until the public URL is known."""
        if self.url is None:
            return None
        return f"{self.url.split('://', 1)[1]}|{self.auth}:{self.passes[0]}"


def get_or_create(session: Session, vault: Vault, now: datetime) -> Site:
    """The site's row. The first start creates it, with its first reserve."""
    site = session.get(Site, 1)
    if site is None:
        private_key, public_key = crypto.new_signing_key()
        site = Site(
            id=1,
            auth=ids.new_auth(),
            sealed_pass=vault.encrypt(ids.new_pass()),
            sealed_private_key=vault.encrypt(private_key),
            public_key=public_key,
            marker=ids.new_token(),
            last_id=0,
            created_at=now,
        )
        session.add(site)
        session.add(Reserve(key=DEFAULT_RESERVE, name=DEFAULT_RESERVE_NAME, created_at=now))
        session.flush()
    return site


def load_identity(session: Session, vault: Vault, config: Config, now: datetime) -> Identity:
    """This site's identity. Raises WrongSecretKey if the secrets were encrypted with another key."""
    site = session.get(Site, 1, populate_existing=True)
    if site is None:
        raise ConfigError("The database has no site yet. Run: pointsync upgrade")
    encrypted_passes = [site.sealed_pass]
    encrypted_expired_pass = None
    if site.sealed_old_pass and site.old_pass_ends_at:
        if now < site.old_pass_ends_at:
            encrypted_passes.append(site.sealed_old_pass)
        elif now < site.old_pass_ends_at + passes.EXPIRED_PASS_RETENTION:
            encrypted_expired_pass = site.sealed_old_pass
    return Identity(
        auth=site.auth,
        passes=tuple(vault.decrypt(each) for each in encrypted_passes),
        pass_version=passes.pass_version(site.sealed_pass),
        expired_pass=vault.decrypt(encrypted_expired_pass) if encrypted_expired_pass else None,
        old_pass_ends_at=site.old_pass_ends_at,
        private_key=vault.decrypt(site.sealed_private_key),
        public_key=site.public_key,
        url=general.get_effective_url(site, config),
        name=general.get_site_name(session, config),
        sending_stopped_reason=site.hold,
        run=None if site.hold else site.run,
        call=site.call,
        last_id=site.last_id,
    )
