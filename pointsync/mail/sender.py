"""From whom mails come, and whether they go out from this site at all."""

from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from sqlalchemy.orm import Session

from pointsync.config import Config
from pointsync.email_address import normalise
from pointsync.errors import Conflict, InvalidInput
from pointsync.ledger import mail_queue
from pointsync.models import Setting
from pointsync.sync.site import general, settings
from pointsync.text_limits import MAX_NAME_LENGTH, validate_text

ADDRESS_SETTING, NAME_SETTING = "mail_address", "mail_name"
DROPPED_WHEN_OFF = "Mails were switched off before it was sent."


@dataclass(frozen=True, slots=True)
class Sender:
    """What stands in a mail's From."""

    address: str
    name: str


def get_sender(session: Session, config: Config) -> Sender | None:
    """Who sends; None where no address is known."""
    address = get_setting(session, ADDRESS_SETTING) or get_default_address(config)
    return (
        Sender(address, get_setting(session, NAME_SETTING) or general.get_site_name(session, config))
        if address
        else None
    )


def get_setting(session: Session, name: str) -> str:
    """What an admin has typed for the address or the name; empty where nothing."""
    setting = session.get(Setting, name)
    return setting.value if setting else ""


def get_default_address(config: Config) -> str | None:
    """The user that POINTSYNC_SMTP_URL signs in as, where that is an address."""
    user = unquote(urlsplit(config.smtp_url or "").username or "")
    try:
        return normalise(user) if user else None
    except InvalidInput:
        return None


def change(session: Session, config: Config, address: str, name: str) -> None:
    """Let mails come from there; an empty address or name is the default one.

    Raises Invalid for `mail_address` or `mail_name`.
    """
    try:
        address = normalise(address) if address.strip() else ""
    except InvalidInput as error:
        raise InvalidInput(ADDRESS_SETTING, error.message) from error
    if not (address or get_default_address(config)) and mail_queue.is_enabled(session):
        raise InvalidInput(ADDRESS_SETTING, "Mails are sent from this site, so type the address that they come from.")
    for key, value in ((ADDRESS_SETTING, address), (NAME_SETTING, validate_text(name, MAX_NAME_LENGTH, NAME_SETTING))):
        session.merge(Setting(name=key, value=value))
    session.flush()


def set_enabled(session: Session, config: Config, value: str) -> str | None:
    """Set `send_mails` to `value` as typed, such as `on`. What waits is dropped where it goes off.

    Returns what `settings.change` does. Raises Invalid for another value, Conflict where mails could not be sent.
    """
    is_on = bool(settings.parse(mail_queue.ENABLED_SETTING, value))
    if is_on:
        check_ready(session, config, mail_queue.ENABLED_SETTING)
    if not is_on:
        mail_queue.drop_waiting(session, DROPPED_WHEN_OFF)
    return settings.change(session, mail_queue.ENABLED_SETTING, value)


def check_ready(session: Session, config: Config, field: str) -> None:
    """Refuse where there is no mail server or no sender; raises Conflict, with the sentence at `field`."""
    if not config.smtp_url:
        message = (
            "There is no mail server: set POINTSYNC_SMTP_URL where PointSync is started, such as "
            "smtps://user:pass@mail.example:465, and start it again."
        )
        raise Conflict("no_mail_server", message, {field: message})
    if get_sender(session, config) is None:
        message = "Nobody is named as the sender: type the address that mails come from under System › Mails first."
        raise Conflict("no_mail_sender", message, {field: message})
