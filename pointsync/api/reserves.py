"""`GET /reserves`: the points reserves."""

from flask import jsonify
from flask.typing import ResponseReturnValue

from pointsync import db
from pointsync.api.endpoints import SuccessResponse, endpoint
from pointsync.api.schemas import Reserve
from pointsync.ledger import reserves


@endpoint(
    "GET",
    "/reserves",
    scope="read",
    title="Points reserves",
    description="All points reserves, by key.",
    responses={200: SuccessResponse("The reserves.", (list[Reserve],))},
)
def list_reserves() -> ResponseReturnValue:
    """All reserves."""
    return jsonify(
        [
            {
                "key": each.key,
                "name": each.name,
                "active": each.is_active,
                "may_go_below_zero": each.may_go_below_zero,
            }
            for each in reserves.list_all(db.session())
        ]
    )
