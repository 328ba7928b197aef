"""From whom mails come, and whether they go out from this site at all."""

from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from sqlalchemy.orm import Session

from pointsync.config import Config
from pointsync.email_address import normalise
from pointsync.errors import Conflict, Invalid
from pointsync.ledger import mail_queue
from pointsync.models import Setting
from pointsync.sync.site import general, settings
from pointsync.text_limits import MAX_NAME, check_text

ADDRESS, NAME = "mail_address", "mail_name"
OFF = "Mails were switched off before it was sent."


@dataclass(frozen=True, slots=True)
class Sender:
    """What stands in a mail's From."""

    address: str
    name: str


def read(session: Session, config: Config) -> Sender | None:
    """Who sends; None where no address is known."""
    address = typed(session, ADDRESS) or default_address(config)
    return Sender(address, typed(session, NAME) or general.site_name(session, config)) if address else None


def typed(session: Session, name: str) -> str:
    """What an admin has typed for the address or the name; empty where nothing."""
    setting = session.get(Setting, name)
    return setting.value if setting else ""


def default_address(config: Config) -> str | None:
    """The user that POINTSYNC_SMTP_URL signs in as, where that is an address."""
    user = unquote(urlsplit(config.smtp_url or "").username or "")
    try:
        return normalise(user) if user else None
    except Invalid:
        return None


def change(session: Session, config: Config, address: str, name: str) -> None:
    """Let mails come from there; an empty address or name is the default one.

    Raises Invalid for `mail_address` or `mail_name`.
    """
    try:
        address = normalise(address) if address.strip() else ""
    except Invalid as error:
        raise Invalid(ADDRESS, error.message) from error
    if not (address or default_address(config)) and mail_queue.is_on(session):
        raise Invalid(ADDRESS, "Mails are sent from this site, so type the address that they come from.")
    for key, value in ((ADDRESS, address), (NAME, check_text(name, MAX_NAME, NAME))):
        session.merge(Setting(name=key, value=value))
    session.flush()


def switch(session: Session, config: Config, value: str) -> str | None:
    """Set `send_mails` to `value` as typed, such as `on`. What waits is dropped where it goes off.

    Returns what `settings.change` does. Raises Invalid for another value, Conflict where mails could not be sent.
    """
    is_on = bool(settings.check(mail_queue.SWITCH, value))
    if is_on:
        check_ready(session, config, mail_queue.SWITCH)
    if not is_on:
        mail_queue.drop_waiting(session, OFF)
    return settings.change(session, mail_queue.SWITCH, value)


def check_ready(session: Session, config: Config, field: str) -> None:
    """Refuse where there is no mail server or no sender; raises Conflict, with the sentence at `field`."""
    if not config.smtp_url:
        message = (
            "There is no mail server: set POINTSYNC_SMTP_URL where PointSync is started, such as "
            "smtps://user:pass@mail.example:465, and start it again."
        )
        raise Conflict("no_mail_server", message, {field: message})
    if read(session, config) is None:
        message = "Nobody is named as the sender: type the address that mails come from under System › Mails first."
        raise Conflict("no_mail_sender", message, {field: message})
