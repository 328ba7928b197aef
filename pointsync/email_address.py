"""E-mail addresses, normalised here and nowhere else, so that a customer is one customer everywhere."""

import re
import unicodedata
from contextlib import suppress
from functools import lru_cache

import email_validator
from email_validator import EmailNotValidError, validate_email

from pointsync.errors import InvalidInput
from pointsync.text_limits import validate_text

MAX_LENGTH = 254
MAX_INPUT_LENGTH = 4 * MAX_LENGTH

# Addresses are checked for form, not for delivery: `.test` and `.local` are domains like any other.
email_validator.SPECIAL_USE_DOMAIN_NAMES.clear()

# What nearly every address looks like; the library's whole check, ten times slower, says the same of it.
_COMMON_FORM = re.compile(
    r"(?=.{1,64}@)[a-z0-9_+-]+(?:\.[a-z0-9_+-]+)*@"
    r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}\Z"
)


@lru_cache(maxsize=65_536)
def normalise(text: str) -> str:
    """The one spelling of an address: NFC, trimmed, lower case, its domain as A-labels.

    It is checked for form, not for delivery: domains such as `.test` and `.local` are fine. Raises
    Invalid for `customer`, with what is wrong and how to mend it.
    """
    if len(text) > MAX_INPUT_LENGTH:  # before anything that would keep it, or take long over it
        raise InvalidInput("customer", f"An e-mail address has at most {MAX_LENGTH} characters.")
    address = unicodedata.normalize("NFC", text).strip().lower()
    if len(address) <= MAX_LENGTH and _COMMON_FORM.match(address) and "--" not in address:
        return address
    if not address:
        raise InvalidInput("customer", "The e-mail address is empty; type one such as alice@example.com.")
    try:
        validated = validate_email(
            address, check_deliverability=False, globally_deliverable=False, allow_smtputf8=True, strict=False
        )
        domain = validated.ascii_domain
    except (EmailNotValidError, UnicodeError) as error:
        raise InvalidInput("customer", f"{_shorten(text)} is no e-mail address: {_shorten(str(error), 200)}") from error
    local = validated.local_part
    address = f"{local}@{domain.lower()}"
    if "\ufffd" in address or domain.startswith("[") or len(address) > MAX_LENGTH:
        raise InvalidInput("customer", f"{_shorten(text)} is no e-mail address; type one such as alice@example.com.")
    return address


def normalise_prefix(text: str) -> str:
    """The beginning of an address, in the spelling of `normalise`, to find addresses by.

    A whole address is one, too; of one cut within a domain of other than ASCII letters nothing can be found,
    since its A-labels are unlike. Raises Invalid for `search` where no address can begin so.
    """
    text = validate_text(text, MAX_LENGTH, "search")
    with suppress(InvalidInput):
        return normalise(text)
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).lower())


def _shorten(text: str, limit: int = 60) -> str:
    """`text` short and printable enough to stand in a sentence."""
    printable = "".join(letter if letter.isprintable() else "?" for letter in text)
    return printable if len(printable) <= limit else printable[: limit - 1] + "…"
