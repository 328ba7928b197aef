"""`POST /movements`."""

import logging
from collections.abc import Sequence
from typing import cast

from flask.typing import ResponseReturnValue

from pointsync import clock, db
from pointsync.api.auth import current_source
from pointsync.api.endpoints import SuccessResponse, endpoint
from pointsync.api.errors import BodyRefused
from pointsync.api.request_bodies import parse_movements, read_json
from pointsync.api.responses import json_response
from pointsync.api.schemas import (
    ErrorDetail,
    NewMovement,
    NewMovements,
    RecordedMany,
    RecordedOne,
    RefusedMovement,
)
from pointsync.errors import DomainError
from pointsync.ledger.movement_json import RecordedMovement
from pointsync.ledger.record import Draft, RecordResult, record
from pointsync.ledger.record_each import record_each
from pointsync.runtime import get_runtime

log = logging.getLogger(__name__)

_RESULT_SCHEMAS = (RecordedOne, RecordedMany)


@endpoint(
    "POST",
    "/movements",
    scope="record",
    title="Record movements",
    description=(
        "Records one movement, or up to 1,000: all or none, or with on_error: continue each that is not refused. You "
        "can repeat a call that has refs: a repetition is answered as a duplicate and changes nothing."
    ),
    body=(NewMovement, NewMovements),
    responses={
        201: SuccessResponse("At least one movement was recorded.", _RESULT_SCHEMAS),
        200: SuccessResponse(
            "Nothing new was recorded: each movement is a duplicate, a set that changes nothing, or refused.",
            _RESULT_SCHEMAS,
        ),
    },
    errors={
        409: "insufficient_points: a spend or redeem would take more points than are free. "
        "ref_conflict: the ref was used before with other content.",
        413: "The body is larger than 1 MB.",
        422: "The body is not valid JSON, or a field is not valid.",
    },
)
def record_movements() -> ResponseReturnValue:
    """Record the movements of the body, and wake the couriers."""
    source, now = current_source(), clock.now()
    try:
        body = parse_movements(read_json())
        drafts = [each for each in body.drafts if isinstance(each, Draft)]
        if body.is_list:
            operation = record_each if body.continues else record
            results = iter(db.run_in_transaction(lambda session: operation(session, drafts, source, now)))
        else:
            results = iter([_record_single(drafts[0], source)])
    except DomainError as refusal:
        raise BodyRefused(refusal) from refusal
    get_runtime().wake_couriers()
    outcomes = [next(results) if isinstance(each, Draft) else each for each in body.drafts]
    recorded_ids = [
        each.movement.id for each in outcomes if isinstance(each, RecordResult) and each.status == "recorded"
    ]
    if recorded_ids:
        log_fields = {"recorded": len(recorded_ids), "movement": recorded_ids[-1]}
        log.info("movements recorded: %(recorded)s, last id %(movement)s", log_fields, extra=log_fields)
    documents = [_to_json(outcome, draft) for outcome, draft in zip(outcomes, body.drafts, strict=True)]
    answer = RecordedMany(documents) if body.is_list else RecordedOne(cast(RecordedMovement, documents[0]))
    return json_response(answer, 201 if recorded_ids else 200)


def _record_single(draft: Draft, source: str) -> RecordResult:
    """Record one movement, together with those of other calls with the same key that come at the same time."""

    def record_one(draft: Draft) -> RecordResult:
        [result] = db.run_in_transaction(lambda session: record(session, [draft], source, clock.now()))
        return result

    def record_all(drafts: Sequence[Draft]) -> list[RecordResult | DomainError]:
        return db.run_in_transaction(lambda session: record_each(session, drafts, source, clock.now()))

    result: RecordResult = get_runtime().recordings.write(source, draft, record_one, record_all)
    return result


def _to_json(outcome: RecordResult | DomainError, draft: Draft | DomainError) -> RecordedMovement | RefusedMovement:
    if isinstance(outcome, RecordResult):
        return outcome.to_json()
    error = ErrorDetail(outcome.code, outcome.message, outcome.fields or None)
    return RefusedMovement(status="refused", ref=draft.ref if isinstance(draft, Draft) else None, error=error)
