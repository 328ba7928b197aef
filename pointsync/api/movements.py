"""Recording movements."""

import logging

from flask import jsonify
from flask.typing import ResponseReturnValue

from pointsync import clock, db
from pointsync.api.auth import current_key_name
from pointsync.api.endpoints import SuccessResponse, endpoint
from pointsync.api.errors import BodyRefused
from pointsync.api.request_bodies import parse_movements, read_json
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
        "Records one movement, or up to 1,000, all or none. With a ref the call may be made again, however "
        "often: what is recorded already is answered as a duplicate, and nothing changes."
    ),
    body=(NewMovement, NewMovements),
    responses={
        201: SuccessResponse("Recorded.", _RESULT_SCHEMAS),
        200: SuccessResponse(
            "Nothing new was recorded: each movement is a duplicate, or a set without effect.", _RESULT_SCHEMAS
        ),
    },
    errors={
        409: "insufficient_points: a spend or redeem below 0; ref_conflict: the ref was given with other content.",
        413: "The body is larger than 1 MB.",
        422: "The body is no JSON, or a field cannot be right.",
    },
)
def record_movements() -> ResponseReturnValue:
    """Record what the body asks for, and tell the couriers."""
    source = f"api:{current_key_name()}"
    try:
        drafts, is_list = parse_movements(read_json())
        outcomes = db.run_in_transaction(lambda session: record(session, drafts, source=source, now=clock.now()))
    except DomainError as refusal:
        raise BodyRefused(refusal) from refusal
    get_runtime().wake_couriers()
    recorded_ids = [each.movement.id for each in outcomes if each.status == "recorded"]
    if recorded_ids:
        log_fields = {"recorded": len(recorded_ids), "movement": recorded_ids[-1]}
        log.info("%(recorded)s recorded, the last is movement %(movement)s", log_fields, extra=log_fields)
    movements = [each.to_json() for each in outcomes]
    return jsonify({"movements": movements} if is_list else {"movement": movements[0]}), 201 if recorded_ids else 200
