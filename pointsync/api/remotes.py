"""`GET /remotes`: the remotes with their status."""

from flask import jsonify
from flask.typing import ResponseReturnValue

from pointsync import db
from pointsync.api.endpoints import SuccessResponse, endpoint
from pointsync.api.schemas import Remote
from pointsync.sync.remotes import queue


@endpoint(
    "GET",
    "/remotes",
    scope="admin",
    title="Remote sites",
    description="All remotes, each with its status, as facts have it.",
    responses={200: SuccessResponse("The remotes.", (list[Remote],))},
)
def list_remotes() -> ResponseReturnValue:
    """All remotes with their status."""
    return jsonify(queue.list_json(db.session()))
