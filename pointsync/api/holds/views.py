"""`POST /holds`, `GET /holds/{ref}`, and what can be done with a hold."""

from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from pointsync import clock, db
from pointsync.api.auth import current_source
from pointsync.api.customers import EmailConverter
from pointsync.api.endpoints import Parameter, SuccessResponse, endpoint
from pointsync.api.errors import BodyRefused
from pointsync.api.holds.bodies import parse_capture, parse_hold
from pointsync.api.request_bodies import read_json
from pointsync.api.responses import json_response
from pointsync.api.schemas import CapturedHold, NewCapture, NewHold, OneHold
from pointsync.errors import DomainError, NotFound
from pointsync.ledger.holds import capture, holds
from pointsync.ledger.holds.hold_json import Hold
from pointsync.ledger.record import RecordResult
from pointsync.runtime import get_runtime

_REF_PARAMETER = Parameter("ref", "The hold's ref. Percent-encode it where needed.", "path")
_UNKNOWN = "The shop of this API key has placed no hold with this ref."


class RefConverter(EmailConverter):
    """A ref in a path. It may contain slashes."""


@endpoint(
    "POST",
    "/holds",
    scope="record",
    title="Hold points",
    description=(
        "Holds points for a checkout: until the hold ends, nobody else here can spend them, redeem them or hold them. "
        "You can repeat the call. With the same ref and a later until, it extends the hold. Look at the "
        "state in the answer: a repeated call also finds a hold that has ended meanwhile."
    ),
    body=(NewHold,),
    responses={
        201: SuccessResponse("The points are held.", (OneHold,)),
        200: SuccessResponse("There is a hold with this ref already. It was extended if until is later.", (OneHold,)),
    },
    errors={
        409: "insufficient_points: fewer points are free. ref_conflict: the ref was used before with other content. "
        "hold_ended: it was captured or released, so it cannot be extended.",
        413: "The body is larger than 1 MB.",
        422: "The body is not valid JSON, a field is not valid, or the reserve is not active.",
    },
)
def place_hold() -> ResponseReturnValue:
    """Place or extend a hold."""
    source, now = current_source(), clock.now()
    try:
        wanted = parse_hold(read_json())
        hold, is_new = db.run_in_transaction(lambda session: holds.place(session, wanted, source, now))
    except DomainError as refusal:
        raise BodyRefused(refusal) from refusal
    return json_response(OneHold(Hold.from_row(hold, now)), 201 if is_new else 200)


@endpoint(
    "GET",
    "/holds/{ref}",
    scope="read",
    title="Get a hold",
    description=(
        "A hold that the shop of this API key has placed, also one that has ended. It is kept for a year after its end."
    ),
    parameters=(_REF_PARAMETER,),
    responses={200: SuccessResponse("The hold.", (OneHold,))},
    errors={404: _UNKNOWN},
)
def show_hold(ref: str) -> ResponseReturnValue:
    """Answer with a hold."""
    return json_response(OneHold(Hold.from_row(holds.get(db.session(), current_source(), ref), clock.now())))


@endpoint(
    "POST",
    "/holds/{ref}/capture",
    scope="record",
    title="Take the points of a hold",
    description=(
        "Takes the points, or fewer of them, by a movement with the ref movement_ref. The rest is free again. You can "
        "repeat the call. Before the hold ends it always succeeds. After that it succeeds if enough points are free, "
        "or with done: true, which may bring the balance below zero."
    ),
    parameters=(_REF_PARAMETER,),
    body=(NewCapture,),
    responses={
        201: SuccessResponse("The points were taken.", (CapturedHold,)),
        200: SuccessResponse("They were taken before. Nothing changed.", (CapturedHold,)),
    },
    errors={
        404: _UNKNOWN,
        409: "hold_ended: its time is over and too few points are free, or it was released. ref_conflict: it was "
        "captured with other content, or movement_ref was used before with other content.",
        413: "The body is larger than 1 MB.",
        422: "The body is not valid JSON, a field is not valid, or the reserve is not active.",
    },
)
def capture_hold(ref: str) -> ResponseReturnValue:
    """Capture a hold, and wake the couriers."""
    source, now = current_source(), clock.now()

    def take_points(session: Session) -> tuple[Hold, RecordResult]:
        hold, result = capture.capture(session, source, ref, wanted, now)
        return Hold.from_row(hold, now), result

    try:
        wanted = parse_capture(read_json())
        hold, result = db.run_in_transaction(take_points)
    except NotFound as error:
        if error.code == "unknown_hold":  # the path names it, not the body
            raise
        raise BodyRefused(error) from error
    except DomainError as refusal:
        raise BodyRefused(refusal) from refusal
    get_runtime().wake_couriers()
    return json_response(CapturedHold(hold, result.to_json()), 201 if result.status == "recorded" else 200)


@endpoint(
    "POST",
    "/holds/{ref}/release",
    scope="record",
    title="Free the points of a hold",
    description="Ends a hold whose points are not needed. It does no harm to repeat the call. A body is ignored.",
    parameters=(_REF_PARAMETER,),
    responses={200: SuccessResponse("The points are free.", (OneHold,))},
    errors={404: _UNKNOWN, 409: "hold_ended: it was captured, so its points are taken."},
)
def release_hold(ref: str) -> ResponseReturnValue:
    """Release a hold."""
    source, now = current_source(), clock.now()
    hold = db.run_in_transaction(lambda session: holds.release(session, source, ref, now))
    return json_response(OneHold(Hold.from_row(hold, now)))
