"""The shop's own software: clients that record over connections that stay open, as cheaply as Python can."""

import json
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

PATH = "/api/v1/movements"
TIMEOUT_SECONDS = 120


class Client:
    """One connection to a server."""

    def __init__(self, url: str, key: str = "") -> None:
        parts = urlsplit(url)
        self._connection = HTTPConnection(str(parts.hostname), parts.port, timeout=TIMEOUT_SECONDS)
        self._headers = {"Content-Type": "application/json", "Authorization": f"Bearer {key}"}

    def post(self, path: str, document: Any, expected_status: int = 201) -> float:
        """The seconds until the whole answer has arrived."""
        body = json.dumps(document)
        began = time.perf_counter()
        self._connection.request("POST", path, body, self._headers)
        answer = self._connection.getresponse()
        content = answer.read()
        elapsed = time.perf_counter() - began
        assert answer.status == expected_status, (answer.status, content[:500])
        return elapsed

    def record(self, number: int) -> float:
        """Record a movement; the customers alternate."""
        return self.post(PATH, {"customer": f"c{number % 5_000}@bench.example", "points": 1 + number % 9})

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def record_in_turn(url: str, key: str, count: int) -> list[float]:
    """The seconds of each of so many recordings, one after the other."""
    client = Client(url, key)
    try:
        client.record(0)
        return [client.record(number) for number in range(count)]
    finally:
        client.close()


def record_at_once(url: str, key: str, count: int, at_once: int) -> float:
    """Recordings per second, with so many clients at the same time."""
    clients = [Client(url, key) for _ in range(at_once)]
    gate = threading.Barrier(at_once + 1)

    def record(place: int) -> None:
        clients[place].record(place)
        gate.wait(TIMEOUT_SECONDS)
        for number in range(place, count, at_once):
            clients[place].record(number)

    with ThreadPoolExecutor(at_once) as pool:
        running = [pool.submit(record, place) for place in range(at_once)]
        gate.wait(TIMEOUT_SECONDS)
        began = time.perf_counter()
        for each in running:
            each.result()
        elapsed = time.perf_counter() - began
    for client in clients:
        client.close()
    return count / elapsed


@dataclass
class Pace:
    """What clients have achieved that record at a steady rate."""

    recorded: int = 0
    seconds: float = 0.0

    @property
    def rate(self) -> float:
        """Recordings per second."""
        return self.recorded / self.seconds if self.seconds else 0.0


class SteadyLoad:
    """`with SteadyLoad(url, key, 200, 16) as pace:` records 200 a second, if the site can, by 16 clients."""

    def __init__(self, url: str, key: str, per_second: int, at_once: int) -> None:
        self._place, self._interval = (url, key), at_once / per_second
        self._stopping, self.pace, self._lock = threading.Event(), Pace(), threading.Lock()
        self._threads = [threading.Thread(target=self._run, args=(each,)) for each in range(at_once)]

    def __enter__(self) -> Pace:
        self._began = time.perf_counter()
        for thread in self._threads:
            thread.start()
        return self.pace

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join()
        self.pace.seconds = time.perf_counter() - self._began

    def _run(self, place: int) -> None:
        client, due = Client(*self._place), time.perf_counter() + self._interval * place / len(self._threads)
        while not self._stopping.wait(max(0.0, due - time.perf_counter())):
            client.record(self.pace.recorded)
            with self._lock:
                self.pace.recorded += 1
            due = max(due + self._interval, time.perf_counter() - 1)
        client.close()


def percentile(spans: Sequence[float], percent: float) -> float:
    """The value below which so many percent are, in milliseconds."""
    ordered = sorted(spans)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))] * 1000


def repeat(call: Callable[[int], float], count: int, pause_seconds: float) -> list[float]:
    """The seconds of each of so many calls."""
    left = iter(range(count))
    return repeat_until(call, lambda: next(left, None) is None, pause_seconds)


def repeat_until(call: Callable[[int], float], is_over: Callable[[], bool], pause_seconds: float) -> list[float]:
    """The seconds of each call, again and again until it is over."""
    spans: list[float] = []
    while not is_over():
        spans.append(call(len(spans)))
        time.sleep(pause_seconds)
    return spans
