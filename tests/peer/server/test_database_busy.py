"""A database that is held or away: 503 in either dialect's words, since the same may succeed in a moment."""

from collections.abc import Callable

import pytest
from sqlalchemy.exc import OperationalError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.test import TestResponse

from pointsync import db
from pointsync.sync.protocol.woorewards import basic
from tests.peer.signed_caller import ALICE, Caller
from tests.peer.woorewards_caller import ROUTE

AWAY = OperationalError("SELECT 1", None, Exception("server closed the connection"))
WRONG = ProgrammingError("SELECT 1", None, Exception("no such column"))


def fail(error: Exception) -> Callable[..., None]:
    def work(*_: object) -> None:
        raise error

    return work


@pytest.mark.parametrize("error", [db.Busy("held"), AWAY, PoolTimeout()], ids=lambda error: type(error).__name__)
def test_busy(caller: Caller, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    monkeypatch.setattr(db, "in_write", fail(error))
    answer = caller.ping()
    assert (answer.status_code, answer.json["error"]["code"]) == (503, "busy")
    assert answer.headers["Retry-After"] == "1"
    answer = woo_sync(caller)
    assert (answer.status_code, answer.json["code"], answer.json["data"]) == (503, "busy", {"status": 503})


def test_what_else_a_database_says_is_a_fault_of_ours(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(db, "in_write", fail(WRONG))
    assert [caller.ping().status_code, woo_sync(caller).status_code] == [500, 500]


def woo_sync(caller: Caller) -> TestResponse:
    """A movement in the WooRewards dialect."""
    form = {"source": caller.auth, "transaction_id": "1", "reason": ""}
    headers = {"authorization": basic(caller.to, caller.password)}
    return caller.client.post(f"{ROUTE}/sync/default/{ALICE}/5/add", data=form, headers=headers)
