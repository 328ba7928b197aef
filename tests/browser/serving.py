"""The application on a port of this machine, as `serve` would put it there."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from flask import Flask
from waitress import wasyncore
from waitress.server import create_server

STOP_SECONDS = 10


@contextmanager
def served(app: Flask) -> Iterator[str]:
    """The URL at which waitress answers for `app`; nothing of it is left afterwards."""
    sockets: dict[int, object] = {}
    server = create_server(app, map=sockets, host="127.0.0.1", port=0, threads=4, clear_untrusted_proxy_headers=True)
    thread = threading.Thread(target=server.run, name="served")
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.effective_port}"
    finally:
        # Closed by the loop's own thread: a socket closed beside it could be taken for another one.
        server.trigger.pull_trigger(lambda: wasyncore.close_all(sockets))
        thread.join(STOP_SECONDS)
        server.task_dispatcher.shutdown()
        assert not thread.is_alive()
