"""A call that is refused or fails has its line in the log, by the shape of its address alone."""

import logging

import pytest
from flask import Flask

from pointsync.logs import TextLine
from tests.api.api_clients import Shop

CANARY = "canary.anna@shop.example"


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, "pointsync.web.access_log")
    return caplog


def test_what_is_refused_is_told_and_what_goes_well_is_not(shop: Shop, log: pytest.LogCaptureFixture) -> None:
    assert shop.get("/reserves").status_code == 200
    assert log.records == []
    assert shop.get(f"/customers/{CANARY}").status_code == 404
    assert shop.client.get(f"/{CANARY}?token=canary").status_code == 404
    assert [each.getMessage() for each in log.records] == [
        "GET /api/v1/customers/<email> was answered with 404",
        "GET (no such address) was answered with 404",
    ]
    fields = vars(log.records[0])
    assert (fields["status"], fields["method"], fields["caller"]) == (404, "GET", "127.0.0.1")


def test_what_fails_is_told_without_its_address(
    app: Flask, shop: Shop, log: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(email: str) -> None:
        raise ValueError(f"nothing for {email}")

    monkeypatch.setitem(app.view_functions, "api.customer_balances", fail)
    assert shop.client.get(f"/api/v1/customers/{CANARY}").status_code == 500
    failed, answered = log.records
    assert failed.levelname == "ERROR"
    assert failed.getMessage() == "GET /api/v1/customers/<email> failed"
    assert failed.exc_info
    assert answered.getMessage() == "GET /api/v1/customers/<email> was answered with 500"
    text = TextLine().format(failed)
    assert "nothing for" in text
    assert "canary" not in text
