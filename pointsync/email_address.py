"""E-mail addresses. They are read only here, so that a customer is the same customer everywhere.

The rule accepts what shops and mail servers accept: before the `@`, any printable letters and the signs that need no
quotes, with dots anywhere. Japanese carriers issue addresses with two dots, or with a dot before the `@` or first, and
WordPress takes them (`is_email` in wp-includes/formatting.php).
"""

import re
import unicodedata
from contextlib import suppress
from functools import lru_cache
from typing import NamedTuple

import email_validator
from email_validator import EmailNotValidError, validate_email

from pointsync.errors import InvalidInput
from pointsync.text_limits import printable, validate_text

MAX_LENGTH = 254
MAX_INPUT_LENGTH = 4 * MAX_LENGTH
ERASED_DOMAIN = "erased.invalid"
"""The domain of the token of the addresses of erased people (`ledger.people.erased.tokens`). It cannot exist, because
`.invalid` is reserved for this (RFC 2606)."""
MAX_CACHED = 4096
"""Addresses of an uncommon form whose result is kept: some megabytes at most, whatever callers send."""

# The library would refuse special domains such as `.test` and `.local`.
email_validator.SPECIAL_USE_DOMAIN_NAMES.clear()

# The form of nearly all addresses. The library accepts them as well, but takes ten times longer.
_COMMON_FORM = re.compile(
    r"[a-z0-9_+.-]{1,64}@"
    r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}\Z"
)
_DOTLESS = str.maketrans({"İ": "i", "ı": "i"})
_DOTTED_AGAIN = re.compile("i\u0307+")
"""What becomes of `İ` in lower case."""
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\Z")


class Address(NamedTuple):
    """An address that is valid."""

    key: str
    """The same for all spellings of one address: two customers are one if their keys are equal."""
    spelling: str
    """As it is sent to other sites and in mails: NFC, in lower case, the domain as A-labels. Nearly always the key.
    Before keys were folded, sites told customers apart by this spelling."""


def normalise(text: str) -> str:
    """The key of an address. Raises InvalidInput for `customer`."""
    return parse(text).key


def parse(text: str) -> Address:
    """Read an address.

    The key: NFC, without surrounding spaces, then the part before the `@` with İ and ı as i, case folded, and NFC
    again. The domain is not folded, but becomes A-labels, as mail servers look it up: `faß.example` and `fass.example`
    may belong to two owners, who must not get each other's points.

    Checks the form only, not whether mail can be delivered. Raises InvalidInput for `customer`.
    """
    if len(text) <= MAX_LENGTH and _COMMON_FORM.match(text) and "xn--" not in text:
        return Address(text, text)
    if len(text) > MAX_INPUT_LENGTH:  # first, because all other checks would take long
        raise InvalidInput("customer", f"An e-mail address has at most {MAX_LENGTH} characters.")
    address = unicodedata.normalize("NFC", text).strip().lower()
    if len(address) <= MAX_LENGTH and _COMMON_FORM.match(address) and "xn--" not in address:
        return Address(address, address)
    if not address:
        raise InvalidInput("customer", "The e-mail address is empty; type one such as alice@example.com.")
    # Longer texts are rarely valid, and would fill the memory. They are checked as well, but not kept.
    check = _normalise_uncommon if len(address) <= MAX_LENGTH else _normalise_uncommon.__wrapped__
    try:
        return check(address)
    except (EmailNotValidError, UnicodeError) as error:
        reason = re.sub(r"\A(An|The) email address|email", lambda match: "It" if match[1] else "e-mail", str(error))
        raise InvalidInput(
            "customer", f'"{printable(text)}" is not a valid e-mail address. {printable(reason, 200)}'
        ) from error


@lru_cache(maxsize=MAX_CACHED)
def _normalise_uncommon(address: str) -> Address:
    """The same for an address that needs the library, in NFC, without surrounding spaces and in lower case.

    Raises EmailNotValidError or UnicodeError.
    """
    local, at_sign, domain = address.rpartition("@")
    # The library checks the letters. It is stricter about dots than shops are, so it does not see them.
    letters = local.replace(".", "") or ("x" if local else "")
    # Nor does it see plain domains: it takes two hyphens for the mark of an international one, shops do not.
    is_plain = "xn--" not in domain and all(map(_LABEL.match, domain.split(".")))
    validated = validate_email(
        f"{letters}{at_sign}{'x.example' if is_plain else domain}",
        check_deliverability=False,
        globally_deliverable=False,
        allow_smtputf8=True,
        strict=False,
    )
    ascii_domain = domain if is_plain else validated.ascii_domain.lower()
    spelling = unicodedata.normalize("NFC", f"{local}@{ascii_domain}")
    key = f"{fold(local)}@{ascii_domain}"
    if "\ufffd" in spelling or ascii_domain.startswith("[") or max(len(key), len(spelling)) > MAX_LENGTH:
        raise EmailNotValidError("Type one such as alice@example.com.")
    return Address(key, spelling)


def fold(text: str) -> str:
    """The part of an address before the `@`, so that letter case makes no difference: as it is in the key."""
    folded = unicodedata.normalize("NFC", text).translate(_DOTLESS).casefold()
    return unicodedata.normalize("NFC", _DOTTED_AGAIN.sub("i", folded))


def normalise_prefix(text: str) -> str:
    """The beginning of an address, in the spelling of `normalise`, for searching.

    `text` can also be a whole address. A beginning that ends inside an international domain finds nothing, because the
    domain's A-labels look different. Raises InvalidInput for `search` if no address can begin like this.
    """
    text = validate_text(text, MAX_LENGTH, "search")
    with suppress(InvalidInput):
        return normalise(text)
    local, at_sign, domain = text.rpartition("@")
    folded = f"{fold(local)}{at_sign}{domain.lower()}" if at_sign else fold(text)
    return unicodedata.normalize("NFC", folded)
