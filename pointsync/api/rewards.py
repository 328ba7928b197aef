"""Rewards: what there is to redeem, and redeeming it."""

from flask import jsonify
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from pointsync import clock, db
from pointsync.api.auth import key_name
from pointsync.api.endpoints import Answer, Parameter, call
from pointsync.api.request_bodies import read_json, redemption_of
from pointsync.api.schemas import NewRedemption, RecordedOne, Reward
from pointsync.ledger import reserves
from pointsync.ledger.record import Recorded
from pointsync.ledger.rewards import rewards
from pointsync.runtime import runtime

_KEY = Parameter("key", "The key of the points reserve.", "path")
_ID = Parameter("id", "The reward's id.", "path", {"type": "integer", "minimum": 1})


@call(
    "GET",
    "/reserves/{key}/rewards",
    scope="read",
    title="Rewards",
    about="The rewards of a points reserve, the cheapest first; also those that cannot be redeemed now.",
    parameters=(_KEY,),
    answers={200: Answer("The rewards.", (list[Reward],))},
    errors={404: "There is no such reserve."},
)
def list_rewards(key: str) -> ResponseReturnValue:
    """A reserve's rewards."""
    session = db.db.session()
    return jsonify(
        [
            {
                "id": each.id,
                "title": each.title,
                "description": each.description,
                "cost": each.cost,
                "active": each.is_active,
            }
            for each in rewards.every(session, reserves.get(session, key))
        ]
    )


@call(
    "POST",
    "/reserves/{key}/rewards/{id}/redeem",
    scope="record",
    title="Redeem a reward",
    about=(
        "Takes the reward's cost from the customer's points: a movement of kind redeem. The call may be made again "
        "with the same ref, however often: what is redeemed already is answered as a duplicate, and nothing changes."
    ),
    parameters=(_KEY, _ID),
    body=(NewRedemption,),
    answers={
        201: Answer("Redeemed.", (RecordedOne,)),
        200: Answer("Redeemed before, under this ref: a duplicate.", (RecordedOne,)),
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
    source, now, asked = f"api:{key_name()}", clock.now(), redemption_of(read_json())

    def work(session: Session) -> Recorded:
        return rewards.redeem(session, reserves.get(session, key), id, asked.customer, asked.ref, source, now)

    made = db.in_write(work)
    runtime().wake()
    return jsonify({"movement": made.shape}), 201 if made.status == "recorded" else 200
