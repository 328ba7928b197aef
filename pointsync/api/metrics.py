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
from pointsync import clock, db, leases
from pointsync.api.auth import require_key
from pointsync.api.health import blueprint
from pointsync.ledger.people.changes import approval
from pointsync.models import Delivery, DeliveryState, Movement, ReceivedSummary, Site
from pointsync.sync.comparison import changes as change_sums
from pointsync.sync.comparison import differences
from pointsync.sync.fetch_back import progress
from pointsync.sync.remotes import queue, sending_problem, shown_status
from pointsync.sync.remotes.status import ERROR, GREEN, NONE, WARNING
from pointsync.sync.repair import comparison_list
from pointsync.webhooks import endpoints

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
        yield self._not_sending()
        yield from self._comparisons()
        yield from self._integrity()
        yield from self._fetch_back()
        yield from self._changes()
        yield from self._webhooks()
        if self._heartbeat_age_seconds is not None:
            yield GaugeMetricFamily(
                "pointsync_worker_heartbeat_age_seconds",
                "Seconds since the most recent heartbeat of a worker of this site.",
                value=self._heartbeat_age_seconds,
            )

    def _not_sending(self) -> Metric:
        family = GaugeMetricFamily(
            "pointsync_not_sending", "1 for the reason why nothing can be sent, 0 for the others.", labels=["reason"]
        )
        current = sending_problem.find_reason(self._session)
        for reason in sending_problem.REASONS:
            family.add_metric([reason], int(reason == current))
        return family

    def _comparisons(self) -> Iterator[Metric]:
        """For each remote that can be compared."""
        now = clock.now()
        compared = [each for each in self._remotes if each.is_equal_there is not None or each.is_equal_here is not None]
        age = GaugeMetricFamily(
            "pointsync_compared_age_seconds", "Seconds since both sides were last compared.", labels=["remote"]
        )
        equal = GaugeMetricFamily(
            "pointsync_equal",
            "1 if the remote holds exactly what this site has delivered (direction there), and this site what the "
            "remote has delivered (here), else 0.",
            labels=["remote", "direction"],
        )
        differing = GaugeMetricFamily(
            "pointsync_differences", "Movements that differ and wait for an admin's decision.", labels=["remote"]
        )
        for remote in compared:
            if remote.compared_at:
                age.add_metric([str(remote.id)], max(0.0, (now - remote.compared_at).total_seconds()))
            for direction, is_equal in (("there", remote.is_equal_there), ("here", remote.is_equal_here)):
                if is_equal is not None:
                    equal.add_metric([str(remote.id), direction], int(is_equal))
            differing.add_metric([str(remote.id)], differences.count(self._session, remote.id))
        yield from (age, equal, differing)

    def _changes(self) -> Iterator[Metric]:
        """Changes of customers."""
        waiting = GaugeMetricFamily(
            "pointsync_waiting_changes", "Changes of customers that the remote's site does not have.", labels=["remote"]
        )
        for remote in self._remotes:
            if remote.takes_changes:
                waiting.add_metric([str(remote.id)], change_sums.count_waiting(self._session, remote.auth))
        to_approve, disputed = approval.count_open(self._session)
        yield waiting
        yield GaugeMetricFamily(
            "pointsync_changes_to_approve",
            "Changes of other sites that wait for an admin's approval.",
            value=to_approve,
        )
        yield GaugeMetricFamily(
            "pointsync_disputed_changes", "Changes without effect that an admin has not settled.", value=disputed
        )

    def _integrity(self) -> Iterator[Metric]:
        """What this site has found in its own tables."""
        integrity = comparison_list.read_integrity(self._session)
        done, total = integrity.undigested or (0, 0)
        for name, help_text, value in (
            ("undigested_movements", "Movements from before the upgrade that cannot be compared yet.", total - done),
            ("altered_movements", "Movements that somebody has changed in the database.", integrity.altered_count),
            (
                "wrong_totals",
                "Balances and hourly totals that were not the sum of their movements at the last scrub.",
                integrity.wrong_total_count,
            ),
        ):
            yield GaugeMetricFamily(f"pointsync_{name}", help_text, value=value)
        if integrity.scrub_finished_at:
            yield GaugeMetricFamily(
                "pointsync_scrub_age_seconds",
                "Seconds since all movements were last read again.",
                value=max(0.0, (clock.now() - integrity.scrub_finished_at).total_seconds()),
            )

    def _fetch_back(self) -> Iterator[Metric]:
        fetch_back = progress.read(self._session)
        yield GaugeMetricFamily(
            "pointsync_fetching_back",
            "1 while this site fetches its lost movements back and sends nothing, else 0.",
            value=int(fetch_back.running),
        )
        yield GaugeMetricFamily(
            "pointsync_fetch_back_decisions",
            "Returned movements that wait for an admin's decision.",
            value=fetch_back.decisions,
        )
        for name, help_text in (
            ("received", "Movements of this site that a remote has returned in the last fetch."),
            ("total", "Movements of this site that a remote says that it holds."),
        ):
            family = GaugeMetricFamily(f"pointsync_fetch_back_{name}", help_text, labels=["remote"])
            for each in fetch_back.remotes:
                family.add_metric([str(each.remote)], getattr(each, name))
            yield family

    def _webhooks(self) -> Iterator[Metric]:
        """For each webhook that this site calls."""
        now, pending_counts = clock.now(), endpoints.count_pending(self._session)
        pending = GaugeMetricFamily(
            "pointsync_webhook_pending", "Movements that the endpoint has not learned of.", labels=["webhook"]
        )
        failures = GaugeMetricFamily("pointsync_webhook_failures", "Failed calls in a row.", labels=["webhook"])
        is_off = GaugeMetricFamily("pointsync_webhook_off", "1 if it is switched off, else 0.", labels=["webhook"])
        age = GaugeMetricFamily(
            "pointsync_webhook_success_age_seconds", "Seconds since a message was last accepted.", labels=["webhook"]
        )
        for webhook, count in pending_counts.items():
            label = [str(webhook.id)]
            pending.add_metric(label, count)
            failures.add_metric(label, webhook.failures)
            is_off.add_metric(label, int(webhook.disabled_at is not None))
            if webhook.last_success_at:
                age.add_metric(label, max(0.0, (now - webhook.last_success_at).total_seconds()))
        yield from (pending, failures, is_off, age)

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
        shown = shown_status.load(self._session, self._remotes, clock.now())
        for remote in self._remotes:
            for status in STATUSES:
                family.add_metric([str(remote.id), status], int(shown[remote.id].status == status))
        return family


_HELP = {
    DeliveryState.PENDING: "Deliveries waiting to be sent.",
    DeliveryState.UNKNOWN: "Deliveries waiting until the remote knows the customer.",
    DeliveryState.FAILED: "Deliveries that the remote refused or that conflict, waiting for an admin.",
}
