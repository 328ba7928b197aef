"""`GET /healthz`: whether this site works."""

from flask import Blueprint
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import SQLAlchemyError

from pointsync import db, leases
from pointsync.api import errors
from pointsync.api.responses import json_response
from pointsync.runtime import get_runtime
from pointsync.web.db_unavailable import database_problem

blueprint = Blueprint("monitoring", __name__)
"""`/healthz` and `/metrics`, which monitoring calls."""
errors.register(blueprint)


@blueprint.get("/healthz")
def health() -> ResponseReturnValue:
    """Answer with 200 if the database answers and the scheduler is alive, else with 503 and the reason."""
    try:
        if problem := database_problem():
            return _unhealthy(problem)
        age = leases.heartbeat_age_seconds(db.session())
    except SQLAlchemyError:
        return _unhealthy("The database does not answer. Check that it runs and that this site can reach it.")
    if age is None and get_runtime().couriers is not None:
        return _unhealthy("The scheduler of this process has not started yet.")
    if age is not None and age >= leases.STALE_AFTER.total_seconds():
        return _unhealthy(f"The scheduler has not responded for {age:.0f} s, so nothing is sent. Restart this site.")
    return json_response({"status": "ok", "heartbeat_age_seconds": age})


def _unhealthy(reason: str) -> ResponseReturnValue:
    return json_response({"status": "error", "reason": reason}, 503)
