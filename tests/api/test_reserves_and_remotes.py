"""`GET /reserves` and `GET /remotes`."""

from collections.abc import Callable
from typing import Any

from flask import Flask
from sqlalchemy import select

from pointsync import clock, db
from pointsync.models import Remote, Reserve
from pointsync.runtime import get_runtime
from tests.api.api_clients import ApiClient

PASS = "wrs_0123456789abcdef"


def add_remote(app: Flask, **fields: Any) -> int:
    """Add a remote for the reserve `default`; its id."""

    def insert(session: Any) -> int:
        reserve = session.scalar(select(Reserve).where(Reserve.key == "default"))
        remote = Remote(
            url="https://shop-two.test",
            auth="wrk_0123456789abcdef",
            target="default",
            sealed_pass=get_runtime().vault.encrypt(PASS),
            query_template="",
            created_at=clock.now(),
            reserve=reserve,
            facts={},
            **fields,
        )
        session.add(remote)
        session.flush()
        return int(remote.id)

    with app.app_context():
        return db.run_in_transaction(insert)


def test_reserves_by_key(api_client: ApiClient, add_reserve: Callable[..., None]) -> None:
    add_reserve("credit", may_go_below_zero=True, is_active=False)
    answer = api_client.get("/reserves").json
    assert answer == [
        {"key": "credit", "name": "credit", "active": False, "may_go_below_zero": True},
        {"key": "default", "name": "Points", "active": True, "may_go_below_zero": False},
    ]


def test_no_remotes(api_client: ApiClient) -> None:
    assert api_client.get("/remotes").json == []


def test_remotes_show_waiting_counts_and_no_secret(app: Flask, api_client: ApiClient) -> None:
    add_remote(app, name="Shop two")
    api_client.record({"customer": "alice@example.test", "points": 5})
    answer = api_client.get("/remotes")
    [remote] = answer.json
    assert (remote["url"], remote["target"], remote["observed"]) == ("https://shop-two.test", "default", "default")
    assert (remote["waiting"], remote["unknown_customers"], remote["paused"], remote["dialect"]) == (1, 0, False, None)
    assert PASS not in answer.text
