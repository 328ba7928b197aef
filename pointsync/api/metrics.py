"""The site's figures, read when they are asked for; none of them counts the whole ledger."""

from collections.abc import Iterator
from typing import Any

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

STATUSES = ("none", "green", "warning", "error")
_COUNTED_STATES = (DeliveryState.PENDING, DeliveryState.UNKNOWN, DeliveryState.FAILED)


@blueprint.get("/metrics", provide_automatic_options=False)
def metrics() -> ResponseReturnValue:
    """The figures, for Prometheus; with an API key of the scope `admin`."""
    require_key("admin")
    registry = CollectorRegistry(auto_describe=False)
    session = db.session()
    highest_counts = current_app.extensions.setdefault("pointsync_metrics", {})
    registry.register(SiteCollector(session, leases.heartbeat_age_seconds(session), highest_counts))
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


class SiteCollector(Collector):
    """Collects once, in the session of the request that asks.

    `highest_counts` is kept between requests: the highest figure told of each counter, which must never fall.
    """

    def __init__(self, session: Session, heartbeat_age_seconds: float | None, highest_counts: dict[str, int]) -> None:
        self._session = session
        self._heartbeat_age_seconds = heartbeat_age_seconds
        self._highest_counts = highest_counts

    def collect(self) -> Iterator[Metric]:
        yield self._build_info()
        yield self._movements()
        yield from self._deliveries()
        yield self._status()
        yield GaugeMetricFamily(
            "pointsync_held",
            "1 where nothing is sent until an admin has said what this database is, else 0.",
            value=int(self._session.scalar(select(Site.hold)) is not None),
        )
        if self._heartbeat_age_seconds is not None:
            yield GaugeMetricFamily(
                "pointsync_worker_heartbeat_age_seconds",
                "Seconds since the liveliest worker of this site gave a sign of life.",
                value=self._heartbeat_age_seconds,
            )

    def _build_info(self) -> Metric:
        family = GaugeMetricFamily("pointsync_build_info", "The version that runs; always 1.", labels=["version"])
        family.add_metric([pointsync.__version__], 1)
        return family

    def _movements(self) -> Metric:
        """From the last row's number and the counts kept per origin, in one look at the database.

        A batch that commits after movements with higher numbers is counted as local until it has.
        """
        last_seq, received_count = self._session.execute(
            select(
                select(func.coalesce(func.max(Movement.seq), 0)).scalar_subquery(),
                select(func.coalesce(func.sum(ReceivedSummary.count), 0)).scalar_subquery(),
            )
        ).one()
        family = CounterMetricFamily(
            "pointsync_movements",
            "Movements in the ledger, by where they were made. Local is the last row's number less the remote "
            "ones: on PostgreSQL it includes numbers that were given out and not used.",
            labels=["origin"],
        )
        for origin, count in (("local", int(last_seq) - int(received_count)), ("remote", int(received_count))):
            self._highest_counts[origin] = max(count, self._highest_counts.get(origin, 0))
            family.add_metric([origin], self._highest_counts[origin])
        return family

    def _deliveries(self) -> Iterator[Metric]:
        """From the partial indexes, which hold only what is not delivered."""
        remote_ids = [each.id for each in queue.list_all(self._session)]
        for state in _COUNTED_STATES:
            rows = self._session.execute(
                select(Delivery.remote_id, func.count())
                .where(Delivery.state_condition(state))
                .group_by(Delivery.remote_id)
            )
            counts = {row[0]: row[1] for row in rows}
            family = GaugeMetricFamily(f"pointsync_deliveries_{state.value}", _HELP[state], labels=["remote"])
            for remote_id in remote_ids:
                family.add_metric([str(remote_id)], counts.get(remote_id, 0))
            yield family

    def _status(self) -> Metric:
        family = GaugeMetricFamily(
            "pointsync_remote_status",
            "1 for the status that a remote has, 0 for the others.",
            labels=["remote", "status"],
        )
        remotes: list[dict[str, Any]] = queue.list_json(self._session)
        for remote in remotes:
            for status in STATUSES:
                family.add_metric([str(remote["id"]), status], int(remote["status"] == status))
        return family


_HELP = {
    DeliveryState.PENDING: "Deliveries that wait to be sent.",
    DeliveryState.UNKNOWN: "Deliveries that wait for a customer to be known there.",
    DeliveryState.FAILED: "Deliveries refused there or in conflict, which wait for an admin.",
}
