"""Recording movements."""

import logging

from flask import jsonify
from flask.typing import ResponseReturnValue

from pointsync import clock, db
from pointsync.api.auth import key_name
from pointsync.api.endpoints import Answer, call
from pointsync.api.errors import InBody
from pointsync.api.request_bodies import drafts_of, read_json
from pointsync.api.schemas import NewMovement, NewMovements, RecordedMany, RecordedOne
from pointsync.errors import Refused
from pointsync.ledger.record import record
from pointsync.runtime import runtime

log = logging.getLogger(__name__)

_SHAPES = (RecordedOne, RecordedMany)


@call(
    "POST",
    "/movements",
    scope="record",
    title="Record movements",
    about=(
        "Records one movement, or up to 1,000, all or none. With a ref the call may be made again, however "
        "often: what is recorded already is answered as a duplicate, and nothing changes."
    ),
    body=(NewMovement, NewMovements),
    answers={
        201: Answer("Recorded.", _SHAPES),
        200: Answer("Nothing new was recorded: each movement is a duplicate, or a set without effect.", _SHAPES),
    },
    errors={
        409: "insufficient_points: a spend or redeem below 0; ref_conflict: the ref was given with other content.",
        413: "The body is larger than 1 MB.",
        422: "The body is no JSON, or a field cannot be right.",
    },
)
def record_movements() -> ResponseReturnValue:
    """Record what the body asks for, and tell the couriers."""
    source = f"api:{key_name()}"
    try:
        drafts, is_list = drafts_of(read_json())
        outcomes = db.in_write(lambda session: record(session, drafts, source=source, now=clock.now()))
    except Refused as refusal:
        raise InBody(refusal) from refusal
    runtime().wake()
    new = [each.movement.id for each in outcomes if each.status == "recorded"]
    if new:
        fields = {"recorded": len(new), "movement": new[-1]}
        log.info("%(recorded)s recorded, the last is movement %(movement)s", fields, extra=fields)
    shapes = [each.shape for each in outcomes]
    return jsonify({"movements": shapes} if is_list else {"movement": shapes[0]}), 201 if new else 200
