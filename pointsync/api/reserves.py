"""`GET /reserves`."""

from flask.typing import ResponseReturnValue

from pointsync import db
from pointsync.api.endpoints import SuccessResponse, endpoint
from pointsync.api.responses import json_response
from pointsync.ledger import reserves
from pointsync.ledger.reserve_json import Reserve


@endpoint(
    "GET",
    "/reserves",
    scope="read",
    title="List the points reserves",
    description="All points reserves, sorted by key.",
    responses={200: SuccessResponse("The reserves.", (list[Reserve],))},
)
def list_reserves() -> ResponseReturnValue:
    """Answer with all reserves."""
    return json_response([Reserve.from_row(each) for each in reserves.list_all(db.session())])
