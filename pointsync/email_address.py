"""E-mail addresses, normalised here and nowhere else, so that a customer is one customer everywhere."""

import re
import unicodedata
from contextlib import suppress
from functools import lru_cache

import email_validator
from email_validator import EmailNotValidError, validate_email

from pointsync.errors import Invalid
from pointsync.text_limits import check_text

MAX_LENGTH = 254
MAX_TYPED = 4 * MAX_LENGTH

# Addresses are checked for form, not for delivery: `.test` and `.local` are domains like any other.
email_validator.SPECIAL_USE_DOMAIN_NAMES.clear()

# What nearly every address looks like; the library's whole check, ten times slower, says the same of it.
_PLAIN = re.compile(
    r"(?=.{1,64}@)[a-z0-9_+-]+(?:\.[a-z0-9_+-]+)*@"
    r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}\Z"
)


@lru_cache(maxsize=65_536)
def normalise(text: str) -> str:
    """The one spelling of an address: NFC, trimmed, lower case, its domain as A-labels.

    It is checked for form, not for delivery: domains such as `.test` and `.local` are fine. Raises
    Invalid for `customer`, with what is wrong and how to mend it.
    """
    if len(text) > MAX_TYPED:  # before anything that would keep it, or take long over it
        raise Invalid("customer", f"An e-mail address has at most {MAX_LENGTH} characters.")
    address = unicodedata.normalize("NFC", text).strip().lower()
    if len(address) <= MAX_LENGTH and _PLAIN.match(address) and "--" not in address:
        return address
    if not address:
        raise Invalid("customer", "The e-mail address is empty; type one such as alice@example.com.")
    try:
        found = validate_email(
            address, check_deliverability=False, globally_deliverable=False, allow_smtputf8=True, strict=False
        )
        domain = found.ascii_domain
    except (EmailNotValidError, UnicodeError) as error:
        raise Invalid("customer", f"{_shown(text)} is no e-mail address: {_shown(str(error), 200)}") from error
    local = found.local_part
    address = f"{local}@{domain.lower()}"
    if "\ufffd" in address or domain.startswith("[") or len(address) > MAX_LENGTH:
        raise Invalid("customer", f"{_shown(text)} is no e-mail address; type one such as alice@example.com.")
    return address


def beginning(text: str) -> str:
    """The beginning of an address, in the spelling of `normalise`, to find addresses by.

    A whole address is one, too; of one cut within a domain of other than ASCII letters nothing can be found,
    since its A-labels are unlike. Raises Invalid for `search` where no address can begin so.
    """
    text = check_text(text, MAX_LENGTH, "search")
    with suppress(Invalid):
        return normalise(text)
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).lower())


def _shown(text: str, limit: int = 60) -> str:
    """`text` short and printable enough to stand in a sentence."""
    shown = "".join(letter if letter.isprintable() else "?" for letter in text)
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"
