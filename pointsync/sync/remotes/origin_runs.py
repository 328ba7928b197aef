"""The runs of other sites: a request from an earlier state of a site's database, or from a copy of it, is refused.

The first of these rules that applies decides about a request. Only requests that the origin has signed with its known
key are judged, and change what is stored.

1. It is of the current run: accepted, in any order.
2. It is of the run before, which the current one has replaced: the origin must repeat it with a nonce, which only a
   process that is running can do. Then that run is current again, and the one that had replaced it is refused. After
   `LATE_PERIOD`, a request with a higher call proves the same without a nonce: no late packet is accepted any more.
3. It is of a run that was refused in this way: refused.
4. It is of an unknown run that began with a higher call than any other one: the run is current from now on.
5. Everything else is of an earlier state: refused.

Rule 4 looks at the first call of a run. A database that was set back may have used up more calls meanwhile than it has
lost, but it began its run too low.
"""

import logging
from datetime import datetime, timedelta
from typing import Any

from pointsync import ids
from pointsync.models import Origin
from pointsync.sync.protocol.wire import WireError
from pointsync.sync.site import stamps
from pointsync.sync.site.installation import BEHIND, TWICE
from pointsync.sync.site.stamps import Stamp

log = logging.getLogger(__name__)

AGAIN = "again"
LATE_PERIOD = timedelta(minutes=10)
"""A request is accepted while its timestamp is at most 5 minutes off, so its last moment is 10 minutes after the
moment in which a site with a clock that is 5 minutes ahead has signed it."""


def judge(origin: Origin, body: dict[str, Any], now: datetime) -> WireError | None:
    """Why a request of the locked origin is refused; None if it is accepted. Its state is updated in either case.

    Raises WireError 400 for malformed fields.
    """
    if origin.public_key is None:
        return None
    stamp = _read_stamp(origin, body)
    if stamp is None:
        return _refuse_earlier(origin) if origin.run else None
    if origin.run in (None, stamp.run):
        _store(origin, stamp)
        return None
    if stamp.run == origin.previous_run:
        if origin.replaced_at is None:
            return _refuse_second(origin)
        is_recent = now < origin.replaced_at + LATE_PERIOD
        if is_recent and (origin.nonce is None or body.get("nonce") != origin.nonce):
            origin.nonce = origin.nonce or ids.new_token()
            message = "A later run of this site has called. Repeat this with the nonce."
            return WireError(409, AGAIN, message, nonce=origin.nonce)
        if is_recent or stamp.call > origin.call:
            log.warning("two installations of %s are running: the later one is refused", origin.auth)
            origin.previous_run, origin.replaced_at, origin.nonce = origin.run, None, None
            _replace(origin, stamp)
            return None
    elif ids.first_call_of(stamp.run) > origin.call:
        origin.previous_run, origin.replaced_at, origin.nonce = origin.run, now, None
        _replace(origin, stamp)
        return None
    return _refuse_earlier(origin)


def get_stamp_json(origin: Origin) -> dict[str, Any] | None:
    """The latest stamp of the origin, which proves to the site itself what it had been; None if there is none."""
    if origin.run is None or origin.stamp is None:
        return None
    return Stamp(origin.run, origin.call, origin.last_id, origin.stamp).to_json()


def ran_twice(origin: Origin) -> bool:
    """Whether a second installation of that site was running, which is refused since. Until the site starts again."""
    return origin.previous_run is not None and origin.replaced_at is None


def _read_stamp(origin: Origin, body: dict[str, Any]) -> Stamp | None:
    """The stamp of the request; None if it has none, as those of earlier versions. Raises WireError 400."""
    values = [body.get(name) for name in ("run", "call", "last_id", "stamp")]
    if values[0] is None:
        return None
    stamp = stamps.parse(*values)
    if stamp is None:
        message = (
            "run, call, last_id and stamp must be 32 hex digits, a number from the first call of the run to 2^62, a "
            "decimal string and base64."
        )
        raise WireError(400, "malformed", message)
    if not stamp.is_of(origin.auth, origin.public_key or ""):
        raise WireError(400, "malformed", "stamp must be a signature over from.run.call.last_id by the sender's key.")
    return stamp


def _store(origin: Origin, stamp: Stamp) -> None:
    """Store a stamp of the current run, unless a later one has arrived before it."""
    if origin.run is None or (stamp.call, stamp.last_id) > (origin.call, origin.last_id):
        _replace(origin, stamp)


def _replace(origin: Origin, stamp: Stamp) -> None:
    origin.run, origin.call, origin.last_id, origin.stamp = stamp.run, stamp.call, stamp.last_id, stamp.signature


def _refuse_second(origin: Origin) -> WireError:
    message = "Another installation of this site is running, and called before this one."
    return WireError(409, TWICE, message, stamp=get_stamp_json(origin))


def _refuse_earlier(origin: Origin) -> WireError:
    message = "A later state of this site has called before."
    return WireError(409, BEHIND, message, stamp=get_stamp_json(origin))
