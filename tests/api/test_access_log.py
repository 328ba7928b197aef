"""Calls that are refused or fail are logged, with the pattern of their address and not the address itself."""

import logging

import pytest
from flask import Flask

from pointsync.logs import TextFormatter
from tests.api.api_clients import ApiClient

CANARY = "canary.anna@shop.example"


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, "pointsync.web.access_log")
    return caplog


def test_refused_calls_are_logged_and_successful_ones_are_not(
    api_client: ApiClient, log: pytest.LogCaptureFixture
) -> None:
    assert api_client.get("/reserves").status_code == 200
    assert log.records == []
    assert api_client.get(f"/customers/{CANARY}").status_code == 404
    assert api_client.client.get(f"/{CANARY}?token=canary").status_code == 404
    assert [each.getMessage() for each in log.records] == [
        "GET /api/v1/customers/<email> was answered with 404",
        "GET (no such address) was answered with 404",
    ]
    fields = vars(log.records[0])
    assert (fields["status"], fields["method"], fields["caller"]) == (404, "GET", "127.0.0.1")


def test_a_failure_is_logged_without_its_address(
    app: Flask, api_client: ApiClient, log: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(email: str) -> None:
        raise ValueError(f"nothing for {email}")

    monkeypatch.setitem(app.view_functions, "api.customer_balances", fail)
    assert api_client.client.get(f"/api/v1/customers/{CANARY}").status_code == 500
    failed, answered = log.records
    assert failed.levelname == "ERROR"
    assert failed.getMessage() == "GET /api/v1/customers/<email> failed"
    assert failed.exc_info
    assert answered.getMessage() == "GET /api/v1/customers/<email> was answered with 500"
    text = TextFormatter().format(failed)
    assert "nothing for" in text
    assert "canary" not in text
