"""The call `customers/report`: what another site holds about a person, page after page."""

from dataclasses import dataclass
from datetime import datetime

import msgspec

from pointsync.net.http_client import HttpClient
from pointsync.sync.people.report_json import ReportParts
from pointsync.sync.protocol import envelope
from pointsync.sync.protocol.errors import RemoteError
from pointsync.sync.protocol.pointsync_client import send_signed
from pointsync.sync.protocol.request import Target
from pointsync.sync.site.local_site import Identity

ENDPOINT = "customers/report"
MAX_POSITION_LENGTH = 40


@dataclass(frozen=True, slots=True)
class ReportPage:
    """Some rows of the report. `next` is where the next page starts; None after the last one."""

    parts: ReportParts
    next: str | None


def fetch_page(
    client: HttpClient, identity: Identity, target: Target, customer: str, after: str | None, now: datetime
) -> ReportPage:
    """The next rows of the data that the remote stores about the customer with this address. Raises RemoteError.

    No transaction may be open.
    """
    members = {"customer": customer} | ({"after": after} if after else {})
    reply = send_signed(client, identity, target, ENDPOINT, envelope.encode_members(**members), now)
    following = reply.body.get("next")
    try:
        parts = msgspec.convert(reply.body.get("parts"), ReportParts)
    except msgspec.ValidationError as error:
        raise RemoteError("bad_answer", f"{target.url} answered without a report. Check its version.") from error
    is_position = isinstance(following, str) and 0 < len(following) <= MAX_POSITION_LENGTH and following != after
    if following is not None and not is_position:
        raise RemoteError("bad_answer", f"{target.url} answered without a report. Check its version.")
    return ReportPage(parts, following if isinstance(following, str) else None)
