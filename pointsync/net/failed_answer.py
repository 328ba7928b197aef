"""Answers that show that the program there has failed: empty ones, and errors that PHP prints."""

import codecs
import re

from pointsync.net.http_client import HttpResponse
from pointsync.text_limits import printable

_PHP_ERROR = re.compile(
    rb"(?:<b>)?(?:PHP )?(?:Fatal error|Parse error|Recoverable fatal error|Warning|Notice|Deprecated)(?:</b>)?: "
    rb"(?=.{0,2000}? on line (?:<b>)?[0-9])",
    re.DOTALL,
)
_MAX_SEARCHED_BYTES = 300
_MAX_SHOWN_LENGTH = 120


def describe(response: HttpResponse, url: str) -> str | None:
    """What an answer of `url` without usable JSON shows, as sentences that say what to do; None if it shows no failure.

    `url` may also be a host.
    """
    body = strip(response.body)
    if not body:
        return f"{url} gave an empty answer ({response.status}). Check that server's error log."
    if not (match := _PHP_ERROR.search(body)):
        return None
    shown = re.sub(rb"<[^>]*>", b"", body[match.start() : match.start() + _MAX_SEARCHED_BYTES]).split(b"\n")[0]
    text = printable(shown.decode(errors="replace").strip(), _MAX_SHOWN_LENGTH)
    return f"{url} answered with a PHP error ({response.status}): “{text}”. Check that shop's error log."


def strip(body: bytes) -> bytes:
    """`body` without a byte order mark, and without spaces and line ends around it."""
    return body.removeprefix(codecs.BOM_UTF8).strip()
