"""The texts of mails: an admin's words or the default ones, with names in braces that are filled in on sending."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from pointsync.errors import Invalid, NotFound, Refused, together
from pointsync.models import MailText
from pointsync.models.mail import EXPIRY, KINDS, LEVEL, REWARD
from pointsync.text_limits import check_text, clean, is_storable

MAX_SUBJECT = 150
MAX_BODY = 5_000
MAX_FILLED = 300
"""Of a fact that is filled in, and of a subject once it is filled."""

_ALWAYS = ("customer", "site", "reserve", "points", "balance", "date")
NAMES = {REWARD: (*_ALWAYS, "reward"), LEVEL: (*_ALWAYS, "level"), EXPIRY: _ALWAYS}
"""What can stand in braces, by kind."""

DEFAULTS = {
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

SAMPLE = {
    "customer": "alice@example.com",
    "reserve": "Points",
    "points": "500",
    "balance": "1,250",
    "reward": "A blue mug",
    "level": "Silver",
    "date": "1 March 2027",
}
"""What a preview and a test mail are filled with, beside the site's own name."""

_BRACES = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True, slots=True)
class Words:
    """The text of a kind of mail."""

    kind: str
    subject: str
    body: str
    is_default: bool = True

    def filled(self, facts: Mapping[str, str]) -> tuple[str, str]:
        """Subject and body with `facts` in place of the braces; a fact is one line, and is not looked into."""
        shown = {name: clean(fact, MAX_FILLED) for name, fact in facts.items()}
        return clean(_fill(self.subject, shown), MAX_FILLED), _fill(self.body, shown)


def default(kind: str) -> Words:
    """The words that come with PointSync. Raises NotFound."""
    if kind not in KINDS:
        message = f"There is no text {kind[:40]!r}; there is {', '.join(KINDS)}."
        raise NotFound("unknown_text", message, {"kind": message})
    return Words(kind, *DEFAULTS[kind])


def every(session: Session) -> dict[str, Words]:
    """All texts as they are now, by kind."""
    own = {each.kind: Words(each.kind, each.subject, each.body, False) for each in session.scalars(select(MailText))}
    return {kind: own.get(kind) or default(kind) for kind in KINDS}


def get(session: Session, kind: str) -> Words:
    """The text of that kind as it is now. Raises NotFound."""
    default(kind)
    return every(session)[kind]


def change(session: Session, kind: str, subject: str, body: str) -> Words:
    """Put an admin's words in place. Raises NotFound, or Refused that names every faulty field of the two."""
    default(kind)
    faults: list[Refused] = []
    subject, body = subject.strip(), "\n".join(line.rstrip() for line in body.splitlines()).strip("\n")
    try:
        check_text(subject, MAX_SUBJECT, "subject")
        if not subject:
            raise Invalid("subject", "Type a subject; a mail without one looks like spam.")
        _check_braces(subject, kind, "subject")
    except Refused as fault:
        faults.append(fault)
    try:
        _check_body(body)
        _check_braces(body, kind, "body")
    except Refused as fault:
        faults.append(fault)
    if faults:
        raise together(faults)
    session.merge(MailText(kind=kind, subject=subject, body=f"{body}\n"))
    session.flush()
    return get(session, kind)


def reset(session: Session, kind: str) -> Words:
    """Go back to the default words. Raises NotFound."""
    words = default(kind)
    if own := session.get(MailText, kind):
        session.delete(own)
    session.flush()
    return words


def _check_body(body: str) -> None:
    if not body.strip():
        raise Invalid("body", "Type what the mail shall say.")
    if len(body) > MAX_BODY:
        raise Invalid("body", f"At most {MAX_BODY:,} characters; this has {len(body):,}.")
    if not all(is_storable(line.replace("\t", " ")) for line in body.split("\n")):
        raise Invalid("body", "It holds control characters; type plain text.")


def _check_braces(text: str, kind: str, field: str) -> None:
    known = ", ".join(f"{{{name}}}" for name in NAMES[kind])
    for name in _BRACES.findall(text):
        if name not in NAMES[kind]:
            raise Invalid(field, f"Nothing is known for {{{name[:40]}}}; what can stand here is {known}.")
    if set("{}") & set(_BRACES.sub("", text)):
        raise Invalid(field, f"A brace stands alone; one opens and one closes each name: {known}.")


def _fill(text: str, facts: Mapping[str, str]) -> str:
    return _BRACES.sub(lambda found: facts[found[1]], text)
