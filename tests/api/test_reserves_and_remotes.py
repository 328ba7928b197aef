"""`GET /reserves` and `GET /remotes`."""

from collections.abc import Callable
from typing import Any

import msgspec
from flask import Flask

from pointsync import clock, db
from pointsync.api.schemas import Remote, Reserve
from pointsync.models import Remote as Line
from pointsync.models import Reserve as Pot
from pointsync.runtime import runtime
from tests.api.api_clients import Shop

PASS = "wrs_0123456789abcdef"


def add_remote(app: Flask, **fields: Any) -> int:
    """A line of the Remote sites list for `default`; its id."""

    def work(session: Any) -> int:
        reserve = session.scalar(db.db.select(Pot).where(Pot.key == "default"))
        line = Line(
            url="https://shop-two.test",
            auth="wrk_0123456789abcdef",
            target="default",
            sealed_pass=runtime().vault.seal(PASS),
            query_template="",
            created_at=clock.now(),
            reserve=reserve,
            facts={},
            **fields,
        )
        session.add(line)
        session.flush()
        return int(line.id)

    with app.app_context():
        return db.in_write(work)


def test_reserves_by_key(shop: Shop, add_reserve: Callable[..., None]) -> None:
    add_reserve("credit", may_go_below_zero=True, is_active=False)
    answer = shop.get("/reserves").json
    assert answer == [
        {"key": "credit", "name": "credit", "active": False, "may_go_below_zero": True},
        {"key": "default", "name": "Points", "active": True, "may_go_below_zero": False},
    ]
    msgspec.convert(answer, list[Reserve])


def test_no_remotes(shop: Shop) -> None:
    assert shop.get("/remotes").json == []


def test_remotes_with_what_waits_and_no_secret(app: Flask, shop: Shop) -> None:
    add_remote(app, name="Shop two")
    shop.record({"customer": "alice@example.test", "points": 5})
    answer = shop.get("/remotes")
    [remote] = msgspec.convert(answer.json, list[Remote])
    assert (remote.url, remote.target, remote.observed) == ("https://shop-two.test", "default", "default")
    assert (remote.waiting, remote.unknown_customers, remote.paused, remote.dialect) == (1, 0, False, None)
    assert PASS not in answer.text
