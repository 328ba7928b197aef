"""`GET /reserves/{key}/rewards` and `POST /reserves/{key}/rewards/{id}/redeem`."""

from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from pointsync import clock, db
from pointsync.api.auth import current_source
from pointsync.api.endpoints import Parameter, SuccessResponse, endpoint
from pointsync.api.request_bodies import parse_redemption, read_json
from pointsync.api.responses import json_response
from pointsync.api.schemas import NewRedemption, RecordedOne
from pointsync.ledger import reserves
from pointsync.ledger.record import RecordResult
from pointsync.ledger.rewards import rewards
from pointsync.ledger.rewards.reward_json import Reward
from pointsync.runtime import get_runtime

_RESERVE_KEY_PARAMETER = Parameter("key", "The key of the points reserve.", "path")
_REWARD_ID_PARAMETER = Parameter("id", "The id of the reward.", "path", {"type": "integer", "minimum": 1})


@endpoint(
    "GET",
    "/reserves/{key}/rewards",
    scope="read",
    title="List the rewards of a reserve",
    description="The rewards of a points reserve, cheapest first. Includes rewards that customers cannot redeem now.",
    parameters=(_RESERVE_KEY_PARAMETER,),
    responses={200: SuccessResponse("The rewards.", (list[Reward],))},
    errors={404: "The reserve is unknown."},
)
def list_rewards(key: str) -> ResponseReturnValue:
    """Answer with a reserve's rewards."""
    session = db.session()
    return json_response([Reward.from_row(each) for each in rewards.list_all(session, reserves.get(session, key))])


@endpoint(
    "POST",
    "/reserves/{key}/rewards/{id}/redeem",
    scope="record",
    title="Redeem a reward",
    description=(
        "Subtracts the reward's cost from the customer's points, as a movement of the kind redeem. You can repeat the "
        "call with the same ref: a repetition is answered as a duplicate and changes nothing."
    ),
    parameters=(_RESERVE_KEY_PARAMETER, _REWARD_ID_PARAMETER),
    body=(NewRedemption,),
    responses={
        201: SuccessResponse("The reward was redeemed.", (RecordedOne,)),
        200: SuccessResponse("The reward was redeemed before with this ref. Nothing changed.", (RecordedOne,)),
    },
    errors={
        404: "The reserve is unknown, or it does not have this reward.",
        409: "insufficient_points: the reward costs more. ref_conflict: the ref was used before with other content.",
        413: "The body is larger than 1 MB.",
        422: "The body is not valid JSON, a field is not valid, or the reward or the reserve is not active.",
    },
)
def redeem_reward(key: str, id: int) -> ResponseReturnValue:
    """Redeem the reward, and wake the couriers."""
    source, now, redemption = current_source(), clock.now(), parse_redemption(read_json())

    def redeem(session: Session) -> RecordResult:
        return rewards.redeem(session, reserves.get(session, key), id, redemption.customer, redemption.ref, source, now)

    result = db.run_in_transaction(redeem)
    get_runtime().wake_couriers()
    return json_response(RecordedOne(result.to_json()), 201 if result.status == "recorded" else 200)
