"""`POST /movements`."""

import logging

from flask.typing import ResponseReturnValue

from pointsync import clock, db
from pointsync.api.auth import current_key_name
from pointsync.api.endpoints import SuccessResponse, endpoint
from pointsync.api.errors import BodyRefused
from pointsync.api.request_bodies import parse_movements, read_json
from pointsync.api.responses import json_response
from pointsync.api.schemas import NewMovement, NewMovements, RecordedMany, RecordedOne
from pointsync.errors import DomainError
from pointsync.ledger.record import record
from pointsync.runtime import get_runtime

log = logging.getLogger(__name__)

_RESULT_SCHEMAS = (RecordedOne, RecordedMany)


@endpoint(
    "POST",
    "/movements",
    scope="record",
    title="Record movements",
    description=(
        "Records one movement, or up to 1,000 (all or none). You can repeat a call that has refs: a repetition is "
        "answered as a duplicate and changes nothing."
    ),
    body=(NewMovement, NewMovements),
    responses={
        201: SuccessResponse("At least one movement was recorded.", _RESULT_SCHEMAS),
        200: SuccessResponse(
            "Nothing new was recorded: each movement is a duplicate, or a set that changes nothing.", _RESULT_SCHEMAS
        ),
    },
    errors={
        409: "insufficient_points: a spend or redeem would bring the balance below zero. "
        "ref_conflict: the ref was used before with other content.",
        413: "The body is larger than 1 MB.",
        422: "The body is not valid JSON, or a field is not valid.",
    },
)
def record_movements() -> ResponseReturnValue:
    """Record the movements of the body, and wake the couriers."""
    source = f"api:{current_key_name()}"
    try:
        drafts, is_list = parse_movements(read_json())
        results = db.run_in_transaction(lambda session: record(session, drafts, source=source, now=clock.now()))
    except DomainError as refusal:
        raise BodyRefused(refusal) from refusal
    get_runtime().wake_couriers()
    recorded_ids = [each.movement.id for each in results if each.status == "recorded"]
    if recorded_ids:
        log_fields = {"recorded": len(recorded_ids), "movement": recorded_ids[-1]}
        log.info("movements recorded: %(recorded)s, last id %(movement)s", log_fields, extra=log_fields)
    movements = [each.to_json() for each in results]
    return json_response(
        RecordedMany(movements) if is_list else RecordedOne(movements[0]), 201 if recorded_ids else 200
    )
