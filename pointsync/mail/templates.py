"""The texts of mails: an admin's words or the default ones, with names in braces that are filled in on sending."""

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
"""Of a fact that is filled in, and of a subject once it is filled."""

_COMMON_PLACEHOLDERS = ("customer", "site", "reserve", "points", "balance", "date")
PLACEHOLDERS = {
    REWARD: (*_COMMON_PLACEHOLDERS, "reward"),
    LEVEL: (*_COMMON_PLACEHOLDERS, "level"),
    EXPIRY: _COMMON_PLACEHOLDERS,
}
"""What can stand in braces, by kind."""

DEFAULT_TEXTS = {
    REWARD: (
        "Your reward: {reward}",
        "Hello,\n\n"
        "you have redeemed {points} points at {site} for:\n\n"
        "    {reward}\n\n"
        "{balance} points are left in {reserve}.\n\n"
        "Thank you, and enjoy it!\n"
        "{site}\n",
    ),
    LEVEL: (
        "You have reached {level}",
        "Hello,\n\n"
        "with {balance} points in {reserve} you have reached a new level at {site}:\n\n"
        "    {level}\n\n"
        "You keep it, whatever you spend your points on.\n\n"
        "Thank you for being our customer!\n"
        "{site}\n",
    ),
    EXPIRY: (
        "Some of your points expire soon",
        "Hello,\n\n"
        "{points} of your {balance} points in {reserve} expire soon, from {date} on.\n\n"
        "Use them before that, so that they are not lost.\n\n"
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
"""What a preview and a test mail are filled with, beside the site's own name."""

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True, slots=True)
class MailTemplate:
    """The text of a kind of mail."""

    kind: str
    subject: str
    body: str
    is_default: bool = True

    def render(self, values: Mapping[str, str]) -> tuple[str, str]:
        """Subject and body with `facts` in place of the braces; a fact is one line, and is not looked into."""
        cleaned = {name: sanitise(value, MAX_VALUE_CHARS) for name, value in values.items()}
        return sanitise(_substitute(self.subject, cleaned), MAX_VALUE_CHARS), _substitute(self.body, cleaned)


def get_default(kind: str) -> MailTemplate:
    """The words that come with PointSync. Raises NotFound."""
    if kind not in KINDS:
        message = f"There is no text {kind[:40]!r}; there is {', '.join(KINDS)}."
        raise NotFound("unknown_text", message, {"kind": message})
    return MailTemplate(kind, *DEFAULT_TEXTS[kind])


def get_all(session: Session) -> dict[str, MailTemplate]:
    """All texts as they are now, by kind."""
    custom = {
        each.kind: MailTemplate(each.kind, each.subject, each.body, False) for each in session.scalars(select(MailText))
    }
    return {kind: custom.get(kind) or get_default(kind) for kind in KINDS}


def get(session: Session, kind: str) -> MailTemplate:
    """The text of that kind as it is now. Raises NotFound."""
    get_default(kind)
    return get_all(session)[kind]


def change(session: Session, kind: str, subject: str, body: str) -> MailTemplate:
    """Put an admin's words in place. Raises NotFound, or Refused that names every faulty field of the two."""
    get_default(kind)
    faults: list[DomainError] = []
    subject, body = subject.strip(), "\n".join(line.rstrip() for line in body.splitlines()).strip("\n")
    try:
        validate_text(subject, MAX_SUBJECT, "subject")
        if not subject:
            raise InvalidInput("subject", "Type a subject; a mail without one looks like spam.")
        _check_placeholders(subject, kind, "subject")
    except DomainError as error:
        faults.append(error)
    try:
        _check_body(body)
        _check_placeholders(body, kind, "body")
    except DomainError as error:
        faults.append(error)
    if faults:
        raise combine(faults)
    session.merge(MailText(kind=kind, subject=subject, body=f"{body}\n"))
    session.flush()
    return get(session, kind)


def reset(session: Session, kind: str) -> MailTemplate:
    """Go back to the default words. Raises NotFound."""
    template = get_default(kind)
    if custom := session.get(MailText, kind):
        session.delete(custom)
    session.flush()
    return template


def _check_body(body: str) -> None:
    if not body.strip():
        raise InvalidInput("body", "Type what the mail shall say.")
    if len(body) > MAX_BODY:
        raise InvalidInput("body", f"At most {MAX_BODY:,} characters; this has {len(body):,}.")
    if not all(is_storable(line.replace("\t", " ")) for line in body.split("\n")):
        raise InvalidInput("body", "It holds control characters; type plain text.")


def _check_placeholders(text: str, kind: str, field: str) -> None:
    allowed = ", ".join(f"{{{name}}}" for name in PLACEHOLDERS[kind])
    for name in _PLACEHOLDER.findall(text):
        if name not in PLACEHOLDERS[kind]:
            raise InvalidInput(field, f"Nothing is known for {{{name[:40]}}}; what can stand here is {allowed}.")
    if set("{}") & set(_PLACEHOLDER.sub("", text)):
        raise InvalidInput(field, f"A brace stands alone; one opens and one closes each name: {allowed}.")


def _substitute(text: str, values: Mapping[str, str]) -> str:
    return _PLACEHOLDER.sub(lambda found: values[found[1]], text)
