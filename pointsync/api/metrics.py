"""The site's figures, read when they are asked for; none of them counts the whole ledger."""

from collections.abc import Iterator
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import func, select
from sqlalchemy.orm import Session

import pointsync
from pointsync.models import Delivery, Holding, Movement, Site, State
from pointsync.sync.remotes import queue

STATUSES = ("none", "green", "warning", "error")
_COUNTED = (State.PENDING, State.UNKNOWN, State.FAILED)


class SiteCollector(Collector):
    """Collects once, in the session of the request that asks.

    `seen` is kept between requests: the highest figure told of each counter, which must never fall.
    """

    def __init__(self, session: Session, heartbeat_age_seconds: float | None, seen: dict[str, int]) -> None:
        self._session = session
        self._heartbeat_age_seconds = heartbeat_age_seconds
        self._seen = seen

    def collect(self) -> Iterator[Metric]:
        yield self._build()
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

    def _build(self) -> Metric:
        family = GaugeMetricFamily("pointsync_build_info", "The version that runs; always 1.", labels=["version"])
        family.add_metric([pointsync.__version__], 1)
        return family

    def _movements(self) -> Metric:
        """From the last row's number and the counts kept per origin, in one look at the database.

        A batch that commits after movements with higher numbers is counted as local until it has.
        """
        last, remote = self._session.execute(
            select(
                select(func.coalesce(func.max(Movement.seq), 0)).scalar_subquery(),
                select(func.coalesce(func.sum(Holding.count), 0)).scalar_subquery(),
            )
        ).one()
        family = CounterMetricFamily(
            "pointsync_movements",
            "Movements in the ledger, by where they were made. Local is the last row's number less the remote "
            "ones: on PostgreSQL it includes numbers that were given out and not used.",
            labels=["origin"],
        )
        for origin, count in (("local", int(last) - int(remote)), ("remote", int(remote))):
            self._seen[origin] = max(count, self._seen.get(origin, 0))
            family.add_metric([origin], self._seen[origin])
        return family

    def _deliveries(self) -> Iterator[Metric]:
        """From the partial indexes, which hold only what is not delivered."""
        listed = [each.id for each in queue.every(self._session)]
        for state in _COUNTED:
            rows = self._session.execute(
                select(Delivery.remote_id, func.count()).where(Delivery.is_in(state)).group_by(Delivery.remote_id)
            )
            counts = {row[0]: row[1] for row in rows}
            family = GaugeMetricFamily(f"pointsync_deliveries_{state.value}", _HELP[state], labels=["remote"])
            for remote in listed:
                family.add_metric([str(remote)], counts.get(remote, 0))
            yield family

    def _status(self) -> Metric:
        family = GaugeMetricFamily(
            "pointsync_remote_status",
            "1 for the status that a remote has, 0 for the others.",
            labels=["remote", "status"],
        )
        shown: list[dict[str, Any]] = queue.listing(self._session)
        for remote in shown:
            for status in STATUSES:
                family.add_metric([str(remote["id"]), status], int(remote["status"] == status))
        return family


_HELP = {
    State.PENDING: "Deliveries that wait to be sent.",
    State.UNKNOWN: "Deliveries that wait for a customer to be known there.",
    State.FAILED: "Deliveries refused there or in conflict, which wait for an admin.",
}
