"""`/healthz` and `/metrics`."""

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import update
from sqlalchemy.exc import OperationalError

from pointsync import db
from pointsync.models import Delivery, DeliveryState, Remote, Site, Worker
from pointsync.runtime import get_runtime
from tests.api.api_clients import ApiClient
from tests.api.test_reserves_and_remotes import PASS, add_remote


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


def test_healthy_without_a_scheduler(stranger: ApiClient) -> None:
    answer = stranger.client.get("/healthz")
    assert (answer.status_code, answer.json) == (200, {"status": "ok", "heartbeat_age_seconds": None})


def test_healthy_with_a_live_worker(app: Flask, stranger: ApiClient) -> None:
    add_heartbeat(app, 1000)
    add_heartbeat(app, 2)
    answer = stranger.client.get("/healthz")
    assert answer.status_code == 200
    assert 1.5 < answer.json["heartbeat_age_seconds"] < 10


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


def test_no_secret_and_no_address_in_the_metrics(app: Flask, api_client: ApiClient) -> None:
    add_remote(app)
    api_client.record({"customer": "alice@example.test", "points": 5})
    text = api_client.client.get("/metrics", headers=api_client.headers).text
    for secret in ("alice", PASS, "shop-two", "wrk_", api_client.key or ""):
        assert secret not in text
