"""The application on a port of this machine, as `serve` would put it there."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from flask import Flask
from waitress import wasyncore
from waitress.server import create_server

from pointsync.cli.server.http_server import HttpServer
from tests.support.process import free_port

STOP_SECONDS = 10
LOOP_SECONDS = 0.1


@contextmanager
def run_server(
    app: Callable[..., Any], *, behind_proxy: bool = False, port: int = 0, unix_socket: Path | None = None
) -> Iterator[str]:
    """The URL at which waitress answers for `app`; nothing of it is left afterwards.

    `behind_proxy`: forwarded headers are let through to it, as `serve` does where there are trusted proxies.
    """
    sockets: dict[int, object] = {}
    place = {"unix_socket": str(unix_socket)} if unix_socket else {"host": "127.0.0.1", "port": port}
    server = create_server(app, map=sockets, threads=4, clear_untrusted_proxy_headers=not behind_proxy, **place)
    ended = threading.Event()

    def run() -> None:
        # Its sockets are closed by their own thread: one closed beside it could be taken for another one.
        while not ended.is_set():
            wasyncore.loop(timeout=LOOP_SECONDS, map=sockets, count=1)
        wasyncore.close_all(sockets)

    thread = threading.Thread(target=run, name="served")
    thread.start()
    try:
        yield f"unix:{unix_socket}" if unix_socket else f"http://127.0.0.1:{server.effective_port}"
    finally:
        # While the loop turns: a call that ends later would ring at a closed door.
        server.task_dispatcher.shutdown()
        ended.set()
        thread.join(STOP_SECONDS)
        assert not thread.is_alive()


@contextmanager
def run_http_server(app: Flask, port: int | None = None, **options: Any) -> Iterator[int]:
    """The port at which PointSync's own server answers for `app`. `options` are those of `HttpServer`."""
    port, stopping = port or free_port(), threading.Event()
    server = HttpServer(app, "127.0.0.1", port, 2, **options)
    thread = threading.Thread(target=server.serve, args=(stopping.is_set,), name="served")
    thread.start()
    try:
        yield port
    finally:
        stopping.set()
        thread.join(STOP_SECONDS)
        server.close()
        assert not thread.is_alive()
