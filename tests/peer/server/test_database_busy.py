"""A busy or unreachable database: 503 in each dialect, because a retry may succeed."""

from collections.abc import Callable

import pytest
from sqlalchemy.exc import OperationalError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.test import TestResponse

from pointsync import db
from pointsync.sync.protocol.woorewards import build_basic_auth
from tests.peer.signed_caller import ALICE, SignedCaller
from tests.peer.woorewards_caller import ROUTE

UNREACHABLE = OperationalError("SELECT 1", None, Exception("server closed the connection"))
PROGRAMMING_ERROR = ProgrammingError("SELECT 1", None, Exception("no such column"))


def fail(error: Exception) -> Callable[..., None]:
    def raise_error(*_: object) -> None:
        raise error

    return raise_error


@pytest.mark.parametrize(
    "error", [db.DatabaseBusy("busy"), UNREACHABLE, PoolTimeout()], ids=lambda error: type(error).__name__
)
def test_a_busy_database_is_503(caller: SignedCaller, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    monkeypatch.setattr(db, "run_in_transaction", fail(error))
    answer = caller.ping()
    assert (answer.status_code, answer.json["error"]["code"]) == (503, "busy")
    assert answer.headers["Retry-After"] == "1"
    answer = woo_sync(caller)
    assert (answer.status_code, answer.json["code"], answer.json["data"]) == (503, "busy", {"status": 503})


def test_another_database_error_is_500(caller: SignedCaller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(db, "run_in_transaction", fail(PROGRAMMING_ERROR))
    assert [caller.ping().status_code, woo_sync(caller).status_code] == [500, 500]


def woo_sync(caller: SignedCaller) -> TestResponse:
    """Send a movement in the WooRewards dialect."""
    form = {"source": caller.auth, "transaction_id": "1", "reason": ""}
    headers = {"authorization": build_basic_auth(caller.to, caller.password)}
    return caller.client.post(f"{ROUTE}/sync/default/{ALICE}/5/add", data=form, headers=headers)
