"""Health and figures for machines."""

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy.exc import OperationalError

from pointsync import db
from pointsync.models import Delivery, Remote, Site, State, Worker
from pointsync.runtime import runtime
from tests.api.api_clients import Shop
from tests.api.test_reserves_and_remotes import PASS, add_remote


def beat(app: Flask, seconds_ago: float) -> None:
    """A worker whose last sign of life is so old."""

    def work(session: Any) -> None:
        now = db.database_now(session)
        moment = now - timedelta(seconds=seconds_ago)
        session.add(Worker(id=f"{seconds_ago}", host="here", pid=1, started_at=moment, heartbeat_at=moment))

    with app.app_context():
        db.in_write(work)


def figures(shop: Shop) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """All figures by name and labels."""
    answer = shop.client.get("/metrics", headers=shop.headers)
    assert answer.status_code == 200
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def label(**labels: str) -> frozenset[tuple[str, str]]:
    return frozenset(labels.items())


def test_well_without_a_scheduler(stranger: Shop) -> None:
    answer = stranger.client.get("/healthz")
    assert (answer.status_code, answer.json) == (200, {"status": "ok", "heartbeat_age_seconds": None})


def test_well_with_a_worker_alive(app: Flask, stranger: Shop) -> None:
    beat(app, 1000)
    beat(app, 2)
    answer = stranger.client.get("/healthz")
    assert answer.status_code == 200
    assert 1.5 < answer.json["heartbeat_age_seconds"] < 10


def test_ill_when_the_workers_are_silent(app: Flask, stranger: Shop) -> None:
    beat(app, 60)
    answer = stranger.client.get("/healthz")
    assert answer.status_code == 503
    assert "scheduler" in answer.json["reason"]


def test_ill_when_this_process_should_have_a_worker(app: Flask, stranger: Shop) -> None:
    with app.app_context():
        runtime().couriers = object()  # type: ignore[assignment]
    assert stranger.client.get("/healthz").status_code == 503


def test_ill_when_the_database_is_away(app: Flask, stranger: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object, **__: object) -> None:
        raise OperationalError("SELECT 1", {}, Exception("password=hunter2"))

    monkeypatch.setattr("pointsync.api.health.database_now", away)
    beat(app, 1)
    answer = stranger.client.get("/healthz")
    assert answer.status_code == 503
    assert "hunter2" not in answer.text


def test_figures_need_a_key(stranger: Shop) -> None:
    answer = stranger.client.get("/metrics")
    assert answer.status_code == 401
    assert answer.json["error"]["code"] == "unauthorized"


def test_movements_deliveries_and_status(app: Flask, shop: Shop) -> None:
    remote = str(add_remote(app))
    beat(app, 3)
    shop.record({"movements": [{"customer": "alice@example.test", "points": 5}] * 4})
    with app.app_context():
        db.in_write(
            lambda session: session.execute(db.db.update(Delivery).values(state=State.FAILED).where(Delivery.id == 1))
        )
        db.in_write(lambda session: session.execute(db.db.update(Remote).values(status="error")))
    found = figures(shop)
    assert found["pointsync_movements_total", label(origin="local")] == 4
    assert found["pointsync_movements_total", label(origin="remote")] == 0
    assert found["pointsync_deliveries_pending", label(remote=remote)] == 3
    assert found["pointsync_deliveries_failed", label(remote=remote)] == 1
    assert found["pointsync_deliveries_unknown", label(remote=remote)] == 0
    assert found["pointsync_remote_status", label(remote=remote, status="error")] == 1
    assert found["pointsync_remote_status", label(remote=remote, status="green")] == 0
    assert 2.5 < found["pointsync_worker_heartbeat_age_seconds", label()] < 15
    assert 1 in [value for (name, _), value in found.items() if name == "pointsync_build_info"]
    assert found["pointsync_held", label()] == 0
    with app.app_context():
        db.in_write(lambda session: setattr(session.get_one(Site, 1), "hold", "It was restored."))
    assert figures(shop)["pointsync_held", label()] == 1


def test_no_secret_and_no_address_in_the_figures(app: Flask, shop: Shop) -> None:
    add_remote(app)
    shop.record({"customer": "alice@example.test", "points": 5})
    text = shop.client.get("/metrics", headers=shop.headers).text
    for secret in ("alice", PASS, "shop-two", "wrk_", shop.key or ""):
        assert secret not in text
