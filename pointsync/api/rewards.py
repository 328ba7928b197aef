"""Rewards: what there is to redeem, and redeeming it."""

from flask import jsonify
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from pointsync import clock, db
from pointsync.api.auth import current_key_name
from pointsync.api.endpoints import Parameter, SuccessResponse, endpoint
from pointsync.api.request_bodies import parse_redemption, read_json
from pointsync.api.schemas import NewRedemption, RecordedOne, Reward
from pointsync.ledger import reserves
from pointsync.ledger.record import RecordResult
from pointsync.ledger.rewards import rewards
from pointsync.runtime import get_runtime

_RESERVE_KEY_PARAMETER = Parameter("key", "The key of the points reserve.", "path")
_REWARD_ID_PARAMETER = Parameter("id", "The reward's id.", "path", {"type": "integer", "minimum": 1})


@endpoint(
    "GET",
    "/reserves/{key}/rewards",
    scope="read",
    title="Rewards",
    description="The rewards of a points reserve, the cheapest first; also those that cannot be redeemed now.",
    parameters=(_RESERVE_KEY_PARAMETER,),
    responses={200: SuccessResponse("The rewards.", (list[Reward],))},
    errors={404: "There is no such reserve."},
)
def list_rewards(key: str) -> ResponseReturnValue:
    """A reserve's rewards."""
    session = db.session()
    return jsonify(
        [
            {
                "id": each.id,
                "title": each.title,
                "description": each.description,
                "cost": each.cost,
                "active": each.is_active,
            }
            for each in rewards.list_all(session, reserves.get(session, key))
        ]
    )


@endpoint(
    "POST",
    "/reserves/{key}/rewards/{id}/redeem",
    scope="record",
    title="Redeem a reward",
    description=(
        "Takes the reward's cost from the customer's points: a movement of kind redeem. The call may be made again "
        "with the same ref, however often: what is redeemed already is answered as a duplicate, and nothing changes."
    ),
    parameters=(_RESERVE_KEY_PARAMETER, _REWARD_ID_PARAMETER),
    body=(NewRedemption,),
    responses={
        201: SuccessResponse("Redeemed.", (RecordedOne,)),
        200: SuccessResponse("Redeemed before, under this ref: a duplicate.", (RecordedOne,)),
    },
    errors={
        404: "There is no such reserve, or it has no such reward.",
        409: "insufficient_points: the reward costs more; ref_conflict: the ref was given with other content.",
        413: "The body is larger than 1 MB.",
        422: "The body is no JSON, a field cannot be right, or the reward or the reserve is not active.",
    },
)
def redeem_reward(key: str, id: int) -> ResponseReturnValue:
    """Redeem it, and tell the couriers."""
    source, now, redemption = f"api:{current_key_name()}", clock.now(), parse_redemption(read_json())

    def redeem(session: Session) -> RecordResult:
        return rewards.redeem(session, reserves.get(session, key), id, redemption.customer, redemption.ref, source, now)

    result = db.run_in_transaction(redeem)
    get_runtime().wake_couriers()
    return jsonify({"movement": result.to_json()}), 201 if result.status == "recorded" else 200
