"""Reversing the movements of a site from a time on: the inputs and the JSON of a reversal."""

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from pointsync import clock
from pointsync.config import Config
from pointsync.errors import InvalidInput, NotFound
from pointsync.ledger import reserves
from pointsync.ledger.reversals import reversals
from pointsync.ledger.reversals.preview import ReversalPreview, ReversalScope, preview_reversal
from pointsync.models import Origin, Reversal
from pointsync.sync.site import general, names


def preview(session: Session, auth: str, since: str, reserve_key: str | None, now: datetime) -> ReversalPreview:
    """What a reversal of a site's movements recorded since a time would do. Nothing is changed.

    `since` is entered in the site's time zone; without `reserve_key` all reserves are included. Raises InvalidInput for
    `since`, NotFound for an unknown site or `reserve`.
    """
    auth = Origin.find_auth(session, auth)
    if session.get(Origin, auth) is None:
        raise NotFound("unknown_origin", "No site with that Auth has ever called here or been blocked.")
    reserve = reserves.get(session, reserve_key, "reserve") if reserve_key else None
    return preview_reversal(session, ReversalScope(auth, parse_since(session, since, now), reserve))


def parse_since(session: Session, text: str, now: datetime) -> datetime:
    """A time entered in the site's time zone. Raises InvalidInput for `since`."""
    try:
        since = clock.parse_input(text, general.get_time_zone(session))
    except ValueError:
        raise InvalidInput("since", "Enter a day, or a day and a time, such as 2026-01-31 14:30.") from None
    if since > now:
        raise InvalidInput("since", "This time is in the future. Enter when the wrong movements began.")
    return since


def start(session: Session, config: Config, reversal_preview: ReversalPreview, now: datetime) -> Reversal:
    """Start the previewed reversal in the background. Raises Conflict as `reversals.create` does."""
    since = reversal_preview.scope.since.astimezone(general.get_time_zone(session))
    name = names.read(session, config).for_origin(reversal_preview.scope.origin)
    since_text = f"{since:%Y-%m-%d %H:%M:%S}".removesuffix(":00")
    return reversals.create(session, reversal_preview, f"Reversal of {name} since {since_text}", now)


def to_json(reversal: Reversal) -> dict[str, Any]:
    """`{id, since, total, done, corrections, out_of_bounds, state}`; `state` is `running`, `stopped` or `finished`."""
    return {
        "id": reversal.id,
        "since": clock.to_text(reversal.since),
        "total": reversal.total,
        "done": reversal.done,
        "corrections": reversal.corrections,
        "out_of_bounds": reversal.out_of_bounds,
        "state": reversal.state,
    }
