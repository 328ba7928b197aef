"""One HTTP call to a remote, in either dialect."""

from dataclasses import dataclass
from typing import Any, NamedTuple

from pointsync import whole_number
from pointsync.net.call import HttpCallError, PermanentCallError
from pointsync.net.http_client import HttpClient, HttpResponse
from pointsync.sync.protocol.errors import RemoteError


class KnownKeys(NamedTuple):
    """The public keys that are known of a site."""

    pinned: str | None = None
    """Its answers count only with a signature by this key."""
    unproven: str | None = None
    """Its calls are signed with this key, but nobody has proven it at the URL that an admin entered."""
    refused: str | None = None
    """An admin has refused this key."""


@dataclass(frozen=True, slots=True)
class Target:
    """The site to call, and how: a remote on the list, or one that an admin is entering."""

    url: str
    auth: str
    password: str
    reserve: str
    query_template: str
    keys: KnownKeys
    observed: str = ""
    """The key of the reserve here whose movements are sent there."""
    dialect: str | None = None
    clock_offset_seconds: float = 0.0
    connection_key: object = None


def send_request(
    client: HttpClient,
    method: str,
    url: str,
    target: Target,
    headers: dict[str, str],
    body: bytes | None,
    *,
    is_repeatable: bool = False,
) -> HttpResponse:
    """Make the call and return its answer, whatever the status. Raises RemoteError if there is no answer.

    `is_repeatable`: it does no harm if the other site gets the request twice.
    """
    try:
        return client.send(
            method,
            url,
            headers=headers,
            body=body,
            connection_key=target.connection_key,
            is_repeatable=is_repeatable,
        )
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
        decoded = whole_number.decode_json(body)
    except (ValueError, RecursionError):
        return None
    return decoded if isinstance(decoded, dict) else None
