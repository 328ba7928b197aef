"""One HTTP call to a remote, in either dialect."""

from dataclasses import dataclass
from typing import Any

import msgspec

from pointsync.net.call import HttpCallError, PermanentCallError
from pointsync.net.http_client import HttpClient, HttpResponse
from pointsync.sync.protocol.errors import RemoteError


@dataclass(frozen=True, slots=True)
class Target:
    """The site to call, and how: a remote on the list, or one that an admin is entering."""

    url: str
    auth: str
    password: str
    reserve: str
    query_template: str
    dialect: str | None = None
    pinned_key: str | None = None
    clock_offset_seconds: float = 0.0
    connection_key: object = None


def send_request(
    client: HttpClient, method: str, url: str, target: Target, headers: dict[str, str], body: bytes | None
) -> HttpResponse:
    """Make the call and return its answer, whatever the status. Raises RemoteError if there is no answer."""
    try:
        return client.send(method, url, headers=headers, body=body, connection_key=target.connection_key)
    except HttpCallError as error:
        raise RemoteError(
            error.code,
            error.message,
            is_permanent=isinstance(error, PermanentCallError),
            was_answered=not error.was_sent,
        ) from error


def parse_json_object(body: bytes) -> dict[str, Any] | None:
    """The JSON object in `body`; None if it is anything else, also with text before the object."""
    try:
        decoded = msgspec.json.decode(body)
    except (ValueError, RecursionError):
        return None
    return decoded if isinstance(decoded, dict) else None
