"""`GET /healthz`: whether this site works."""

import math

from flask import Blueprint
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import SQLAlchemyError

from pointsync import db, leases
from pointsync.api import errors
from pointsync.api.responses import json_response
from pointsync.runtime import get_runtime
from pointsync.sync.remotes import sending_problem
from pointsync.web.db_unavailable import database_problem

blueprint = Blueprint("monitoring", __name__)
"""`/healthz` and `/metrics`, which monitoring calls."""
errors.register(blueprint)


REASONS = {
    sending_problem.READ_ONLY: "The database can only be read, so nothing is recorded or sent. Make it writable.",
    sending_problem.STOPPED: "Sending is stopped until an admin says what this database is: sign in to see why.",
    sending_problem.FETCHING_BACK: "Nothing is sent until this site has its lost movements back from the other sites.",
    sending_problem.NO_WORKER: "No worker is running, so nothing is sent. Start pointsync serve or pointsync worker.",
}
"""Why nothing is sent, for anybody who asks."""


@blueprint.get("/healthz")
def health() -> ResponseReturnValue:
    """Answer with 200 if the database can be written and the scheduler is alive, else with 503 and the reason.

    A site that records and receives but cannot send is `degraded`. That is 200: a load balancer must not take it away
    from the shop. So it is without any heartbeat, since there may be a worker to come, or none is wanted.
    """
    try:
        if problem := database_problem():
            return _unhealthy(problem)
        age = leases.heartbeat_age_seconds(db.session())
        reason = sending_problem.find_reason(db.session())
    except SQLAlchemyError:
        return _unhealthy("The database does not answer. Check that it runs and that this site can reach it.")
    if reason == sending_problem.READ_ONLY:
        return _unhealthy(REASONS[reason])
    if age is None and get_runtime().couriers is not None:
        return _unhealthy("The scheduler of this process has not started yet.")
    if age == math.inf:
        return _unhealthy(
            "The scheduler has not responded since the clock was set back, so nothing is sent. Restart this site."
        )
    if age is not None and age >= leases.STALE_AFTER.total_seconds():
        return _unhealthy(f"The scheduler has not responded for {age:.0f} s, so nothing is sent. Restart this site.")
    if reason in REASONS:
        return json_response({"status": "degraded", "reason": REASONS[reason], "heartbeat_age_seconds": age})
    return json_response({"status": "ok", "heartbeat_age_seconds": age})


def _unhealthy(reason: str) -> ResponseReturnValue:
    return json_response({"status": "error", "reason": reason}, 503)
