"""`GET /remotes`."""

from flask.typing import ResponseReturnValue

from pointsync import db
from pointsync.api.endpoints import SuccessResponse, endpoint
from pointsync.api.responses import json_response
from pointsync.sync.remotes import remote_json


@endpoint(
    "GET",
    "/remotes",
    scope="admin",
    title="List the remotes",
    description="All remotes, each with its current status.",
    responses={200: SuccessResponse("The remotes.", (list[remote_json.Remote],))},
)
def list_remotes() -> ResponseReturnValue:
    """Answer with all remotes and their status."""
    return json_response(remote_json.list_all(db.session()))
