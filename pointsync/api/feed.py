"""`GET /movements/feed`: a program follows the movements of this site. It can wait for the next one."""

from time import monotonic

from flask import Response
from flask.typing import ResponseReturnValue

from pointsync import db
from pointsync.api.endpoints import Parameter, SuccessResponse, endpoint
from pointsync.api.query_parameters import parse_number, parse_text
from pointsync.api.responses import json_response
from pointsync.api.schemas import Feed, FeedMovement
from pointsync.db.commit_signal import get_signal
from pointsync.ledger.feed import feed
from pointsync.ledger.feed.cursor import Cursor
from pointsync.ledger.feed.feed import FeedPage
from pointsync.runtime import get_runtime

DEFAULT_LIMIT = 100
MAX_LIMIT = 1000
MAX_WAIT_SECONDS = 30
LOOK_SECONDS = 0.25
"""How often a waiting call looks for movements that other processes have recorded."""
RETRY_AFTER_SECONDS = 1


@endpoint(
    "GET",
    "/movements/feed",
    scope="read",
    title="Follow the movements",
    description=(
        "All movements in the order in which this site recorded them: its own, those of other sites, expired points "
        "and corrections, each with the balance after it. Pass next as after in the following call: then no movement "
        "is missed, and none comes twice. With wait, the answer comes as soon as there is a movement. At most a "
        "quarter of the server's threads wait. If they are all in use, the answer is empty at once, with Retry-After."
    ),
    parameters=(
        Parameter(
            "after",
            "The value of next from the answer before, or the cursor of a movement. Default: begin with the first "
            "movement. latest: begin with what is recorded from now on.",
        ),
        Parameter(
            "wait",
            "How many seconds to wait for a movement. Default: 0.",
            schema={"type": "integer", "minimum": 0, "maximum": MAX_WAIT_SECONDS, "default": 0},
        ),
        Parameter(
            "limit",
            f"The highest number of movements. Default: {DEFAULT_LIMIT}.",
            schema={"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
        ),
    ),
    responses={200: SuccessResponse("The movements, oldest first.", (Feed,))},
    errors={
        409: "cursor_invalid: the site's database was restored or replaced since. The message says how to continue.",
        422: "The cursor, the time to wait or the limit is not valid.",
    },
)
def follow_movements() -> ResponseReturnValue:
    """Answer with the next movements, or wait for one."""
    after = parse_text("after", "Give after only once.")
    limit = parse_number("limit", 1, MAX_LIMIT, f"The limit must be a whole number from 1 to {MAX_LIMIT}.")
    wait_message = f"The time to wait must be a whole number of seconds from 0 to {MAX_WAIT_SECONDS}."
    wait_seconds = parse_number("wait", 0, MAX_WAIT_SECONDS, wait_message) or 0
    seen_count = get_signal().count
    position = feed.find_position(db.session(), after)
    page = feed.read_page(db.session(), position, limit or DEFAULT_LIMIT)
    if page.entries or not wait_seconds:
        return _to_response(page)
    slots = get_runtime().wait_slots
    if not slots.acquire(blocking=False):
        response = _to_response(page)
        response.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
        return response
    try:
        return _to_response(_wait(page.next, limit or DEFAULT_LIMIT, wait_seconds, seen_count))
    finally:
        slots.release()


def _wait(position: Cursor, limit: int, wait_seconds: int, seen_count: int) -> FeedPage:
    """The first page with a movement after `position`, or an empty one after `wait_seconds`."""
    signal, deadline = get_signal(), monotonic() + wait_seconds
    while not signal.is_closed and (remaining_seconds := deadline - monotonic()) > 0:
        db.session.rollback()  # so that the next look sees what was committed, and the connection is free meanwhile
        signal.wait(seen_count, min(remaining_seconds, LOOK_SECONDS))
        seen_count = signal.count
        if feed.has_more(db.session(), position):
            page = feed.read_page(db.session(), position, limit)
            if page.entries:
                return page
            position = page.next
    return FeedPage([], position)


def _to_response(page: FeedPage) -> Response:
    movements = [
        FeedMovement.from_row(each.movement, each.email, each.reserve_key, cursor=str(each.cursor))
        for each in page.entries
    ]
    return json_response(Feed(movements, str(page.next)))
