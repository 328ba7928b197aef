"""Jobs that call remotes: a remote that takes long delays neither the others nor the job's next tick."""

import threading
from collections import Counter

import pytest
from flask import Flask

from pointsync.runtime import get_runtime
from pointsync.schedule import turns
from tests.support.process import wait_until

SLOW, BROKEN, GOOD, OTHER = 1, 2, 3, 4


def test_each_remote_has_its_own_thread(sqlite_app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "WAIT_SECONDS", 0.5)
    calls: Counter[int] = Counter()
    may_end = threading.Event()

    def act(remote_id: int) -> None:
        calls[remote_id] += 1
        if remote_id == SLOW:
            may_end.wait(10)
        if remote_id == BROKEN:
            raise ValueError("a fault with one remote")

    with sqlite_app.app_context():
        turns.take_turns("check", [SLOW, BROKEN, GOOD], act)
        turns.take_turns("check", [SLOW, GOOD, OTHER], act)
        turns.take_turns("compare", [SLOW], act)
    assert calls == {SLOW: 2, BROKEN: 1, GOOD: 2, OTHER: 1}
    threads = get_runtime(sqlite_app).job_threads
    assert set(threads) == {("check", SLOW), ("compare", SLOW)}
    may_end.set()
    wait_until(lambda: not threads, 10, "the slow ones end")


def test_the_number_of_threads_has_a_bound(sqlite_app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "WAIT_SECONDS", 0)
    monkeypatch.setattr(turns, "MAX_THREADS", 2)
    may_end = threading.Event()
    with sqlite_app.app_context():
        turns.take_turns("check", range(9), lambda _remote_id: may_end.wait(10) and None)
    threads = get_runtime(sqlite_app).job_threads
    assert len(threads) == 2
    may_end.set()
    wait_until(lambda: not threads, 10, "they end")
