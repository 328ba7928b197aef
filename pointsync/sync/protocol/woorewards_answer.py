"""Reading what a WooRewards shop answers: the add-on's JSON, also with what other programs print around it.

WordPress runs the code of many plugins. One of them may save its files with a byte order mark, print a notice before
the answer, or add a comment about its cache after it. The add-on's JSON is complete nevertheless.
"""

import codecs
import json
from typing import Any

from pointsync.sync.protocol.request import parse_json_object

MAX_CANDIDATES = 50
"""How many braces are tried as the beginning of the JSON."""
MAX_CHARACTERS = 200_000

_FIELDS = ("sync", "status_code", "code")
"""Each of the add-on's and WordPress's own answers has one of these."""
_DECODER = json.JSONDecoder()


def parse(body: bytes) -> dict[str, Any] | None:
    """The JSON object of the answer; None if there is none, or if there are several different ones."""
    plain = parse_json_object(body.removeprefix(codecs.BOM_UTF8))
    if plain is not None:
        return plain
    try:
        text = body.decode("utf-8-sig")[:MAX_CHARACTERS]
    except UnicodeDecodeError:
        return None
    found: list[dict[str, Any]] = []
    start = text.find("{")
    for _ in range(MAX_CANDIDATES):
        if start < 0:
            break
        end = start + 1
        try:
            decoded, decoded_end = _DECODER.raw_decode(text, start)
        except (ValueError, RecursionError):
            pass
        else:
            if any(field in decoded for field in _FIELDS):
                end = decoded_end
                found += [] if decoded in found else [decoded]
        start = text.find("{", end)
    return found[0] if len(found) == 1 and start < 0 else None


def is_wordpress_error(body: dict[str, Any], status: int) -> bool:
    """Whether the answer is an error in WordPress's own format, with the status of the answer."""
    data = body.get("data")
    is_complete = isinstance(body.get("code"), str) and isinstance(body.get("message"), str)
    return is_complete and isinstance(data, dict) and data.get("status") == status
