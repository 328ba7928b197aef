"""One POST of a movement to the bare receiver, on a connection that each thread keeps open."""

import json
import os
import threading
from http.client import HTTPConnection
from urllib.parse import urlsplit

_local = threading.local()


def post(number: int) -> None:
    """Send a movement to the URL in `PEER_RECEIVER`. Raises if the receiver does not accept it."""
    parts = urlsplit(os.environ["PEER_RECEIVER"])
    if not hasattr(_local, "connection"):
        _local.connection = HTTPConnection(parts.hostname, parts.port, timeout=30)
    movement = {"id": str(number), "customer": f"c{number % 5_000}@bench.example", "points": 1 + number % 9}
    _local.connection.request("POST", "/receive", json.dumps(movement), {"Content-Type": "application/json"})
    answer = _local.connection.getresponse()
    answer.read()
    if answer.status != 200:
        raise RuntimeError(f"the receiver answered {answer.status}")
