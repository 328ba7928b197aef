"""The application on a port of this machine, as `serve` would put it there."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from flask import Flask
from waitress import wasyncore
from waitress.server import create_server

STOP_SECONDS = 10
TURN_SECONDS = 0.1


@contextmanager
def served(app: Flask) -> Iterator[str]:
    """The URL at which waitress answers for `app`; nothing of it is left afterwards."""
    sockets: dict[int, object] = {}
    server = create_server(app, map=sockets, host="127.0.0.1", port=0, threads=4, clear_untrusted_proxy_headers=True)
    ended = threading.Event()

    def run() -> None:
        # Its sockets are closed by their own thread: one closed beside it could be taken for another one.
        while not ended.is_set():
            wasyncore.loop(timeout=TURN_SECONDS, map=sockets, count=1)
        wasyncore.close_all(sockets)

    thread = threading.Thread(target=run, name="served")
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.effective_port}"
    finally:
        # While the loop turns: a call that ends later would ring at a closed door.
        server.task_dispatcher.shutdown()
        ended.set()
        thread.join(STOP_SECONDS)
        assert not thread.is_alive()
