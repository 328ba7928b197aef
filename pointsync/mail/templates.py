"""The texts of mails: custom or default ones, with placeholders in braces that are filled in on sending."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from pointsync.errors import DomainError, InvalidInput, NotFound, combine
from pointsync.models import MailText
from pointsync.models.mail import EXPIRY, KINDS, LEVEL, REWARD
from pointsync.text_limits import is_storable, sanitise, validate_text

MAX_SUBJECT = 150
MAX_BODY = 5_000
MAX_VALUE_CHARS = 300
"""The limit for each filled-in value, and for the filled-in subject."""

_COMMON_PLACEHOLDERS = ("customer", "site", "reserve", "points", "balance", "date")
PLACEHOLDERS = {
    REWARD: (*_COMMON_PLACEHOLDERS, "reward"),
    LEVEL: (*_COMMON_PLACEHOLDERS, "level"),
    EXPIRY: _COMMON_PLACEHOLDERS,
}
"""The placeholders of each kind of mail."""

DEFAULT_TEXTS = {
    REWARD: (
        "Your reward: {reward}",
        "Hello,\n\n"
        "You have redeemed {points} points at {site} for this reward:\n\n"
        "    {reward}\n\n"
        "You have {balance} points left in {reserve}.\n\n"
        "Thank you, and enjoy!\n"
        "{site}\n",
    ),
    LEVEL: (
        "You have reached {level}",
        "Hello,\n\n"
        "Congratulations! With {balance} points in {reserve}, you have reached a new level at {site}:\n\n"
        "    {level}\n\n"
        "You keep this level, even when you spend your points.\n\n"
        "Thank you for being our customer!\n"
        "{site}\n",
    ),
    EXPIRY: (
        "Some of your points expire soon",
        "Hello,\n\n"
        "{points} of your {balance} points in {reserve} will expire soon, starting on {date}.\n\n"
        "Use them before then, so that you do not lose them.\n\n"
        "See you soon!\n"
        "{site}\n",
    ),
}

SAMPLE_VALUES = {
    "customer": "alice@example.com",
    "reserve": "Points",
    "points": "500",
    "balance": "1,250",
    "reward": "A blue mug",
    "level": "Silver",
    "date": "1 March 2027",
}
"""The values in previews and test mails; the site's name is added."""

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True, slots=True)
class MailTemplate:
    """The text of one kind of mail."""

    kind: str
    subject: str
    body: str
    is_default: bool = True

    def render(self, values: Mapping[str, str]) -> tuple[str, str]:
        """Subject and body with the placeholders filled in. A value becomes one line; braces in it stay as they are."""
        cleaned = {name: sanitise(value, MAX_VALUE_CHARS) for name, value in values.items()}
        return sanitise(_substitute(self.subject, cleaned), MAX_VALUE_CHARS), _substitute(self.body, cleaned)


def get_default(kind: str) -> MailTemplate:
    """The default text of a kind. Raises NotFound."""
    if kind not in KINDS:
        message = f"There is no mail text {kind[:40]!r}. The mail texts are {', '.join(KINDS)}."
        raise NotFound("unknown_text", message, {"kind": message})
    return MailTemplate(kind, *DEFAULT_TEXTS[kind])


def get_all(session: Session) -> dict[str, MailTemplate]:
    """The current texts by kind."""
    custom = {
        each.kind: MailTemplate(each.kind, each.subject, each.body, False) for each in session.scalars(select(MailText))
    }
    return {kind: custom.get(kind) or get_default(kind) for kind in KINDS}


def get(session: Session, kind: str) -> MailTemplate:
    """The current text of a kind. Raises NotFound."""
    get_default(kind)
    return get_all(session)[kind]


def change(session: Session, kind: str, subject: str, body: str) -> MailTemplate:
    """Set a custom text. Raises NotFound, or InvalidInput that names each invalid field."""
    get_default(kind)
    errors: list[DomainError] = []
    subject, body = subject.strip(), "\n".join(line.rstrip() for line in body.splitlines()).strip("\n")
    try:
        validate_text(subject, MAX_SUBJECT, "subject")
        if not subject:
            raise InvalidInput("subject", "Enter a subject. Mails without one look like spam.")
        _check_placeholders(subject, kind, "subject")
    except DomainError as error:
        errors.append(error)
    try:
        _check_body(body)
        _check_placeholders(body, kind, "body")
    except DomainError as error:
        errors.append(error)
    if errors:
        raise combine(errors)
    session.merge(MailText(kind=kind, subject=subject, body=f"{body}\n"))
    session.flush()
    return get(session, kind)


def reset(session: Session, kind: str) -> MailTemplate:
    """Go back to the default text. Raises NotFound."""
    template = get_default(kind)
    if custom := session.get(MailText, kind):
        session.delete(custom)
    session.flush()
    return template


def _check_body(body: str) -> None:
    if not body.strip():
        raise InvalidInput("body", "Enter the text of the mail.")
    if len(body) > MAX_BODY:
        raise InvalidInput("body", f"At most {MAX_BODY:,} characters; this has {len(body):,}.")
    if not all(is_storable(line.replace("\t", " ")) for line in body.split("\n")):
        raise InvalidInput("body", "The text contains control characters. Enter plain text.")


def _check_placeholders(text: str, kind: str, field: str) -> None:
    allowed = ", ".join(f"{{{name}}}" for name in PLACEHOLDERS[kind])
    for name in _PLACEHOLDER.findall(text):
        if name not in PLACEHOLDERS[kind]:
            raise InvalidInput(field, f"There is no placeholder {{{name[:40]}}} here. The placeholders are {allowed}.")
    if set("{}") & set(_PLACEHOLDER.sub("", text)):
        raise InvalidInput(field, f"A brace has no partner. Write each placeholder in a pair of braces: {allowed}.")


def _substitute(text: str, values: Mapping[str, str]) -> str:
    return _PLACEHOLDER.sub(lambda found: values[found[1]], text)
