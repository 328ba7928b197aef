"""`GET /metrics`: the site's metrics for Prometheus, read on request. No query counts the whole ledger."""

from collections.abc import Iterator

from flask import Response, current_app
from flask.typing import ResponseReturnValue
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector
from sqlalchemy import func, select
from sqlalchemy.orm import Session

import pointsync
from pointsync import db, leases
from pointsync.api.auth import require_key
from pointsync.api.health import blueprint
from pointsync.models import Delivery, DeliveryState, Movement, ReceivedSummary, Site
from pointsync.sync.remotes import queue
from pointsync.sync.remotes.status import ERROR, GREEN, NONE, WARNING

STATUSES = (NONE, GREEN, WARNING, ERROR)
_COUNTED_STATES = (DeliveryState.PENDING, DeliveryState.UNKNOWN, DeliveryState.FAILED)


@blueprint.get("/metrics")
def metrics() -> ResponseReturnValue:
    """Answer with the metrics. Needs an API key with the scope `admin`."""
    require_key("admin")
    registry = CollectorRegistry(auto_describe=False)
    session = db.session()
    highest_counts = current_app.extensions.setdefault("pointsync_metrics", {})
    registry.register(SiteCollector(session, leases.heartbeat_age_seconds(session), highest_counts))
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


class SiteCollector(Collector):
    """Collects the metrics once, in the session of the request.

    `highest_counts` is kept between requests. It has the highest value reported so far for each counter, because
    a counter must never fall.
    """

    def __init__(self, session: Session, heartbeat_age_seconds: float | None, highest_counts: dict[str, int]) -> None:
        self._session = session
        self._heartbeat_age_seconds = heartbeat_age_seconds
        self._highest_counts = highest_counts
        self._remotes = queue.list_all(session)

    def collect(self) -> Iterator[Metric]:
        yield self._build_info()
        yield self._movements()
        yield from self._deliveries()
        yield self._status()
        yield GaugeMetricFamily(
            "pointsync_held",
            "1 if this site sends nothing until an admin confirms its database, else 0.",
            value=int(self._session.scalar(select(Site.hold)) is not None),
        )
        if self._heartbeat_age_seconds is not None:
            yield GaugeMetricFamily(
                "pointsync_worker_heartbeat_age_seconds",
                "Seconds since the most recent heartbeat of a worker of this site.",
                value=self._heartbeat_age_seconds,
            )

    def _build_info(self) -> Metric:
        family = GaugeMetricFamily("pointsync_build_info", "The running version; always 1.", labels=["version"])
        family.add_metric([pointsync.__version__], 1)
        return family

    def _movements(self) -> Metric:
        """Calculated from the last row's number and the counts stored for each origin, in one query.

        A received batch counts as local until it is committed, if rows with higher numbers are committed before it.
        """
        last_seq, received_count = self._session.execute(
            select(
                select(func.coalesce(func.max(Movement.seq), 0)).scalar_subquery(),
                select(func.coalesce(func.sum(ReceivedSummary.count), 0)).scalar_subquery(),
            )
        ).one()
        family = CounterMetricFamily(
            "pointsync_movements",
            "Movements in the ledger, by the site that recorded them. Local is the last row's number minus the remote "
            "movements; on PostgreSQL it includes row numbers that were never used.",
            labels=["origin"],
        )
        for origin, count in (("local", int(last_seq) - int(received_count)), ("remote", int(received_count))):
            self._highest_counts[origin] = max(count, self._highest_counts.get(origin, 0))
            family.add_metric([origin], self._highest_counts[origin])
        return family

    def _deliveries(self) -> Iterator[Metric]:
        """Counted in the partial indexes, which contain only what is not delivered."""
        for state in _COUNTED_STATES:
            rows = self._session.execute(
                select(Delivery.remote_id, func.count())
                .where(Delivery.state_condition(state))
                .group_by(Delivery.remote_id)
            )
            counts = {row[0]: row[1] for row in rows}
            family = GaugeMetricFamily(f"pointsync_deliveries_{state.value}", _HELP[state], labels=["remote"])
            for remote in self._remotes:
                family.add_metric([str(remote.id)], counts.get(remote.id, 0))
            yield family

    def _status(self) -> Metric:
        family = GaugeMetricFamily(
            "pointsync_remote_status",
            "1 for the current status of a remote, 0 for the others.",
            labels=["remote", "status"],
        )
        for remote in self._remotes:
            for status in STATUSES:
                family.add_metric([str(remote.id), status], int(remote.status == status))
        return family


_HELP = {
    DeliveryState.PENDING: "Deliveries waiting to be sent.",
    DeliveryState.UNKNOWN: "Deliveries waiting until the remote knows the customer.",
    DeliveryState.FAILED: "Deliveries that the remote refused or that conflict, waiting for an admin.",
}
