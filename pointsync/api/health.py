"""For machines that watch over this site: is it well, and its figures."""

from datetime import datetime

from flask import Blueprint, Response, current_app, jsonify
from flask.typing import ResponseReturnValue
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from pointsync.api import errors
from pointsync.api.auth import require_key
from pointsync.api.metrics import SiteCollector
from pointsync.db import database_now, db
from pointsync.leases import STALE
from pointsync.models import Worker
from pointsync.runtime import runtime
from pointsync.web.db_unavailable import other_version

blueprint = Blueprint("machines", __name__)
errors.register(blueprint)


@blueprint.get("/healthz", provide_automatic_options=False)
def health() -> ResponseReturnValue:
    """200 when the database answers and the scheduler is alive, else 503 with the reason."""
    try:
        if why := other_version():
            return _ill(why)
        age = heartbeat_age_seconds(db.session())
    except SQLAlchemyError:
        return _ill("The database does not answer; see that it runs and that this site can reach it.")
    if age is None and runtime().couriers is not None:
        return _ill("The scheduler of this process has given no sign of life yet.")
    if age is not None and age >= STALE.total_seconds():
        return _ill(
            f"The scheduler gave its last sign of life {age:.0f} s ago, so nothing is sent; start this site again."
        )
    return jsonify(status="ok", heartbeat_age_seconds=age)


@blueprint.get("/metrics", provide_automatic_options=False)
def metrics() -> ResponseReturnValue:
    """The figures, for Prometheus; with an API key of the scope `admin`."""
    require_key("admin")
    registry = CollectorRegistry(auto_describe=False)
    seen = current_app.extensions.setdefault("pointsync_metrics", {})
    registry.register(SiteCollector(db.session(), heartbeat_age_seconds(db.session()), seen))
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


def heartbeat_age_seconds(session: Session) -> float | None:
    """How long ago the liveliest of the site's workers gave a sign of life; None where none ever ran.

    Whichever process answers, it tells of all: one that only serves pages knows of the workers beside it.
    """
    latest: datetime | None = session.scalar(select(func.max(Worker.heartbeat_at)))
    if latest is None:
        return None
    return max(0.0, (database_now(session) - latest).total_seconds())


def _ill(reason: str) -> ResponseReturnValue:
    return jsonify(status="error", reason=reason), 503
