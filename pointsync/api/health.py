"""`GET /healthz`: whether this site works."""

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import SQLAlchemyError

from pointsync import db, leases
from pointsync.api import errors
from pointsync.runtime import get_runtime
from pointsync.web.db_unavailable import database_problem

blueprint = Blueprint("monitoring", __name__)
"""`/healthz` and `/metrics`, which other programs watch."""
errors.register(blueprint)


@blueprint.get("/healthz", provide_automatic_options=False)
def health() -> ResponseReturnValue:
    """200 when the database answers and the scheduler is alive, else 503 with the reason."""
    try:
        if problem := database_problem():
            return _unhealthy(problem)
        age = leases.heartbeat_age_seconds(db.session())
    except SQLAlchemyError:
        return _unhealthy("The database does not answer; see that it runs and that this site can reach it.")
    if age is None and get_runtime().couriers is not None:
        return _unhealthy("The scheduler of this process has given no sign of life yet.")
    if age is not None and age >= leases.STALE_AFTER.total_seconds():
        return _unhealthy(
            f"The scheduler gave its last sign of life {age:.0f} s ago, so nothing is sent; start this site again."
        )
    return jsonify(status="ok", heartbeat_age_seconds=age)


def _unhealthy(reason: str) -> ResponseReturnValue:
    return jsonify(status="error", reason=reason), 503
