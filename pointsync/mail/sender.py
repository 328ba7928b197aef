"""The sender of mails, and the switch that lets this site send them."""

from dataclasses import dataclass

from sqlalchemy.orm import Session

from pointsync.config import Config
from pointsync.email_address import parse
from pointsync.errors import Conflict, InvalidInput
from pointsync.ledger import mail_queue
from pointsync.mail.smtp import parse_server_url
from pointsync.models import Setting
from pointsync.sync.site import general, settings
from pointsync.text_limits import MAX_NAME_LENGTH, validate_text

ADDRESS_SETTING, NAME_SETTING = "mail_address", "mail_name"
DROPPED_WHEN_OFF = "Mails were turned off before this one was sent."


@dataclass(frozen=True, slots=True)
class Sender:
    """The From of a mail."""

    address: str
    name: str


def get_sender(session: Session, config: Config) -> Sender | None:
    """The sender; None if no address is known."""
    address = Setting.read(session, ADDRESS_SETTING) or get_default_address(config)
    return (
        Sender(address, Setting.read(session, NAME_SETTING) or general.get_site_name(session, config))
        if address
        else None
    )


def get_default_address(config: Config) -> str | None:
    """The user name in POINTSYNC_SMTP_URL, if it is an e-mail address."""
    user = parse_server_url(config.smtp_url).user if config.smtp_url else ""
    try:
        return parse(user).spelling if user else None
    except InvalidInput:
        return None


def change(session: Session, config: Config, address: str, name: str) -> None:
    """Set the address and name that mails come from. Empty texts mean the defaults.

    Raises InvalidInput for `mail_address` or `mail_name`.
    """
    try:
        address = parse(address).spelling if address.strip() else ""
    except InvalidInput as error:
        raise InvalidInput(ADDRESS_SETTING, error.message) from error
    if not (address or get_default_address(config)) and mail_queue.is_enabled(session):
        raise InvalidInput(ADDRESS_SETTING, "This site sends mails. Enter the address that they come from.")
    name = validate_text(name, MAX_NAME_LENGTH, NAME_SETTING)
    Setting.write(session, ADDRESS_SETTING, address)
    Setting.write(session, NAME_SETTING, name)


def set_enabled(session: Session, config: Config, value: str) -> str | None:
    """Set `send_mails` to a value as an admin enters it, such as `on`. Turning it off drops the waiting mails.

    Returns the warning of `settings.change`. Raises InvalidInput, or Conflict if mails could not be sent.
    """
    if settings.parse(mail_queue.ENABLED_SETTING, value):
        check_ready(session, config, mail_queue.ENABLED_SETTING)
    else:
        mail_queue.drop_waiting(session, DROPPED_WHEN_OFF)
    return settings.change(session, mail_queue.ENABLED_SETTING, value)


def check_ready(session: Session, config: Config, field: str) -> None:
    """Raise Conflict, with its message at `field`, if there is no mail server or no sender."""
    if not config.smtp_url:
        message = (
            "No mail server is set. Set POINTSYNC_SMTP_URL, such as smtps://user:pass@mail.example:465, and restart "
            "PointSync."
        )
        raise Conflict("no_mail_server", message, {field: message})
    if get_sender(session, config) is None:
        message = "No sender is set. Enter the address that mails come from under System › Mails first."
        raise Conflict("no_mail_sender", message, {field: message})
