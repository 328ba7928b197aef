"""`/healthz` and `/metrics`."""

import math
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import select, text, update
from sqlalchemy.exc import OperationalError

from pointsync import clock, db
from pointsync.ledger.feed import feed
from pointsync.models import Delivery, DeliveryState, Difference, Remote, Site, Webhook, Worker
from pointsync.runtime import get_runtime
from pointsync.sync.remotes.sending_problem import REASONS
from pointsync.webhooks import endpoints
from tests.api.api_clients import ApiClient
from tests.api.test_reserves_and_remotes import PASS, add_remote
from tests.support.apps import BOTH_DATABASES


def add_heartbeat(app: Flask, seconds_ago: float) -> None:
    """Add a worker whose last heartbeat was `seconds_ago`."""

    def insert(session: Any) -> None:
        now = db.get_database_time(session)
        heartbeat_at = now - timedelta(seconds=seconds_ago)
        session.add(Worker(id=f"{seconds_ago}", host="here", pid=1, started_at=heartbeat_at, heartbeat_at=heartbeat_at))

    with app.app_context():
        db.run_in_transaction(insert)


def metrics(shop: ApiClient) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """All metrics by name and labels."""
    answer = shop.client.get("/metrics", headers=shop.headers)
    assert answer.status_code == 200
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def label_key(**labels: str) -> frozenset[tuple[str, str]]:
    return frozenset(labels.items())


def test_degraded_without_a_worker(stranger: ApiClient) -> None:
    """It records and receives, so a load balancer must not take it away from the shop."""
    answer = stranger.client.get("/healthz")
    reason = "No worker is running, so nothing is sent. Start pointsync serve or pointsync worker."
    assert answer.status_code == 200
    assert answer.json == {"status": "degraded", "reason": reason, "heartbeat_age_seconds": None}


def test_healthy_with_a_live_worker(app: Flask, stranger: ApiClient) -> None:
    add_heartbeat(app, 1000)
    add_heartbeat(app, 2)
    answer = stranger.client.get("/healthz")
    assert answer.status_code == 200
    assert 1.5 < answer.json["heartbeat_age_seconds"] < 10


def test_a_heartbeat_in_the_future_is_unhealthy(app: Flask, stranger: ApiClient, api_client: ApiClient) -> None:
    """The clock was set back by an hour, and since then no worker has reported."""
    add_heartbeat(app, -3600)
    add_heartbeat(app, -2)
    answer = stranger.client.get("/healthz")
    assert answer.status_code == 503
    assert "since the clock was set back" in answer.json["reason"]
    assert metrics(api_client)["pointsync_worker_heartbeat_age_seconds", label_key()] == math.inf
    add_heartbeat(app, 1)
    assert stranger.client.get("/healthz").status_code == 200
    assert metrics(api_client)["pointsync_worker_heartbeat_age_seconds", label_key()] < 10


def test_unhealthy_when_the_workers_are_silent(app: Flask, stranger: ApiClient) -> None:
    add_heartbeat(app, 60)
    answer = stranger.client.get("/healthz")
    assert answer.status_code == 503
    assert "scheduler" in answer.json["reason"]


def test_unhealthy_when_this_process_should_have_a_worker(app: Flask, stranger: ApiClient) -> None:
    with app.app_context():
        get_runtime().couriers = object()  # type: ignore[assignment]
    assert stranger.client.get("/healthz").status_code == 503


def test_unhealthy_when_the_database_is_unavailable(
    app: Flask, stranger: ApiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OperationalError("SELECT 1", {}, Exception("password=hunter2"))

    monkeypatch.setattr("pointsync.leases.get_database_time", fail)
    add_heartbeat(app, 1)
    answer = stranger.client.get("/healthz")
    assert answer.status_code == 503
    assert "hunter2" not in answer.text


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("hold", "The marker in /secret/path is missing.", "Sending is stopped until an admin says"),
        ("is_fetching_back", True, "Nothing is sent until this site has its lost movements back"),
    ],
)
def test_degraded_when_nothing_can_be_sent(
    app: Flask, stranger: ApiClient, column: str, value: object, reason: str
) -> None:
    """It still records and receives, so that a load balancer must not take it away."""
    add_heartbeat(app, 2)
    with app.app_context():
        db.run_in_transaction(lambda session: setattr(session.get_one(Site, 1), column, value))
    answer = stranger.client.get("/healthz")
    assert (answer.status_code, answer.json["status"]) == (200, "degraded")
    assert answer.json["reason"].startswith(reason)
    assert "/secret" not in answer.text


@pytest.mark.parametrize("app_on_each_database", BOTH_DATABASES[1:], indirect=True)
def test_unhealthy_when_the_database_can_only_be_read(app_on_each_database: Flask) -> None:
    """As after a failover that leaves this site at the standby."""
    app = app_on_each_database
    with app.app_context():
        name = db.get_engine().url.database
        _execute_alone(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
    try:
        answer = app.test_client().get("/healthz")
        assert (answer.status_code, answer.json["status"]) == (503, "error")
        assert "can only be read" in answer.json["reason"]
        with app.app_context(), pytest.raises(db.DatabaseBusy):
            db.run_in_transaction(lambda session: setattr(session.get_one(Site, 1), "last_id", 5))
    finally:
        with app.app_context():
            _execute_alone(
                "SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE",
                f'ALTER DATABASE "{name}" RESET default_transaction_read_only',
            )
    assert app.test_client().get("/healthz").status_code == 200


def _execute_alone(*statements: str) -> None:
    """Execute them outside a transaction, and close all connections: new ones have the new settings."""
    db.session.remove()
    with db.get_engine().connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for each in statements:
            connection.execute(text(each))
    db.get_engine().dispose()


def test_metrics_need_a_key(stranger: ApiClient) -> None:
    answer = stranger.client.get("/metrics")
    assert answer.status_code == 401
    assert answer.json["error"]["code"] == "unauthorized"


def test_movements_deliveries_and_status(app: Flask, api_client: ApiClient) -> None:
    remote = str(add_remote(app))
    add_heartbeat(app, 3)
    api_client.record({"movements": [{"customer": "alice@example.test", "points": 5}] * 4})
    with app.app_context():
        db.run_in_transaction(
            lambda session: session.execute(update(Delivery).values(state=DeliveryState.FAILED).where(Delivery.id == 1))
        )
        db.run_in_transaction(lambda session: session.execute(update(Remote).values(status="error")))
    found = metrics(api_client)
    assert found["pointsync_movements_total", label_key(origin="local")] == 4
    assert found["pointsync_movements_total", label_key(origin="remote")] == 0
    assert found["pointsync_deliveries_pending", label_key(remote=remote)] == 3
    assert found["pointsync_deliveries_failed", label_key(remote=remote)] == 1
    assert found["pointsync_deliveries_unknown", label_key(remote=remote)] == 0
    assert found["pointsync_remote_status", label_key(remote=remote, status="error")] == 1
    assert found["pointsync_remote_status", label_key(remote=remote, status="green")] == 0
    assert 2.5 < found["pointsync_worker_heartbeat_age_seconds", label_key()] < 15
    assert 1 in [value for (name, _), value in found.items() if name == "pointsync_build_info"]
    assert found["pointsync_held", label_key()] == 0
    with app.app_context():
        db.run_in_transaction(lambda session: setattr(session.get_one(Site, 1), "hold", "It was restored."))
    assert metrics(api_client)["pointsync_held", label_key()] == 1


def test_comparisons(app: Flask, api_client: ApiClient) -> None:
    remote = str(add_remote(app))
    found = metrics(api_client)
    assert ("pointsync_compared_age_seconds", label_key(remote=remote)) not in found
    assert found["pointsync_undigested_movements", label_key()] == 0
    assert ("pointsync_scrub_age_seconds", label_key()) not in found

    def compare(session: Any) -> None:
        row = session.get_one(Remote, int(remote))
        row.is_equal_there, row.is_equal_here, row.compared_at = False, True, clock.now() - timedelta(seconds=7)
        session.add(
            Difference(remote_id=row.id, origin="wrk_1", movement_id="5", kind="unknown_here", found_at=clock.now())
        )
        site = session.get_one(Site, 1)
        site.undigested_seq, site.undigested_total = 400, 1000
        site.scrub_finished_at, site.scrub_differences = clock.now() - timedelta(hours=1), 3

    with app.app_context():
        db.run_in_transaction(compare)
    found = metrics(api_client)
    assert 6 < found["pointsync_compared_age_seconds", label_key(remote=remote)] < 60
    assert found["pointsync_equal", label_key(remote=remote, direction="there")] == 0
    assert found["pointsync_equal", label_key(remote=remote, direction="here")] == 1
    assert found["pointsync_differences", label_key(remote=remote)] == 1
    assert found["pointsync_undigested_movements", label_key()] == 400
    assert found["pointsync_altered_movements", label_key()] == 0
    assert found["pointsync_wrong_totals", label_key()] == 3
    assert 3599 < found["pointsync_scrub_age_seconds", label_key()] < 3700


def test_webhooks(app: Flask, api_client: ApiClient) -> None:
    assert not [name for name, _ in metrics(api_client) if name.startswith("pointsync_webhook")]
    now = clock.now()

    def add_webhooks(session: Any) -> None:
        for number in range(2):
            endpoints.add(session, get_runtime().vault, f"https://{number}.example", now)

    with app.app_context():
        db.run_in_transaction(add_webhooks)
    for _ in range(3):
        api_client.record({"customer": "a@shop.example", "points": 1})

    def learn(session: Any) -> None:
        learned, failing = session.scalars(select(Webhook).order_by(Webhook.id))
        learned.cursor, learned.last_success_at = str(feed.find_position(session, feed.LATEST)), now
        failing.failures, failing.disabled_at = 7, now

    with app.app_context():
        db.run_in_transaction(learn)
    found = metrics(api_client)
    values = {
        name: [found.get((f"pointsync_webhook_{name}", label_key(webhook=number))) for number in ("1", "2")]
        for name in ("pending", "failures", "off", "success_age_seconds")
    }
    age, no_age = values.pop("success_age_seconds")
    assert values == {"pending": [0, 3], "failures": [0, 7], "off": [0, 1]}
    assert 0 <= (age or 0) < 60
    assert no_age is None


def test_why_nothing_is_sent(app: Flask, api_client: ApiClient) -> None:
    reasons = {reason: metrics(api_client)["pointsync_not_sending", label_key(reason=reason)] for reason in REASONS}
    assert reasons == dict.fromkeys(REASONS, 0) | {"no_worker": 1}
    add_heartbeat(app, 2)
    found = metrics(api_client)
    assert [found["pointsync_not_sending", label_key(reason=reason)] for reason in REASONS] == [0] * len(REASONS)


def test_no_secret_and_no_address_in_the_metrics(app: Flask, api_client: ApiClient) -> None:
    add_remote(app)
    api_client.record({"customer": "alice@example.test", "points": 5})
    text = api_client.client.get("/metrics", headers=api_client.headers).text
    for secret in ("alice", PASS, "shop-two", "wrk_", api_client.key or ""):
        assert secret not in text
