"""A network that interferes: a TCP proxy before one site that delays, loses, repeats, cuts and replays requests."""

import random
import socket
import threading
from collections import Counter
from contextlib import closing, suppress
from typing import BinaryIO

TIMEOUT_SECONDS = 40
MAX_LINE = 65_536
LATE_SECONDS = (3, 25)
FAULTS = {
    "delayed": 20,
    "dropped": 18,
    "answer lost": 22,
    "sent twice": 12,
    "sent at once three times": 10,
    "answer cut": 8,
    "repeated late": 8,
}
"""What can happen to a request, and how often in relation to the others."""


class FaultyProxy:
    """Forwards HTTP to `target_port` of this machine. `with FaultyProxy(port, seed) as proxy:` listens at `proxy.url`.

    `fault_rate` is the share of requests that something happens to. While `is_cut`, no request gets through.
    """

    def __init__(self, target_port: int, seed: str) -> None:
        self.fault_rate = 0.0
        self.is_cut = False
        self.counts: Counter[str] = Counter()
        self._target_port = target_port
        self._random = random.Random(seed)
        self._stopping = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> "FaultyProxy":
        threading.Thread(target=self._accept, name="faulty-proxy", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._listener.close()

    def _accept(self) -> None:
        while not self._stopping.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        connection.settimeout(TIMEOUT_SECONDS)
        with suppress(OSError), closing(connection), connection.makefile("rb") as stream:
            while (request := _read_message(stream)) is not None:
                fault = self._choose_fault()
                self.counts[fault or "passed"] += 1
                answer = self._carry(request, fault)
                if answer is None:
                    return
                if fault == "answer cut":
                    connection.sendall(answer[: len(answer) // 2])
                    return
                connection.sendall(answer)

    def _choose_fault(self) -> str | None:
        if self.is_cut:
            return "cut off"
        if self._random.random() >= self.fault_rate:
            return None
        [fault] = self._random.choices(list(FAULTS), list(FAULTS.values()))
        return fault

    def _carry(self, request: bytes, fault: str | None) -> bytes | None:
        """What the caller gets; None if its connection is closed instead."""
        if fault in ("cut off", "dropped"):
            return None
        if fault == "delayed":
            self._stopping.wait(self._random.uniform(0.2, 3))
        if fault == "repeated late":
            threading.Timer(self._random.uniform(*LATE_SECONDS), self._forward, (request,)).start()
        if fault == "sent at once three times":
            others = [threading.Thread(target=self._forward, args=(request,), daemon=True) for _ in range(2)]
            for thread in others:
                thread.start()
        answer = self._forward(request)
        if fault == "sent twice":
            answer = self._forward(request)
        return None if fault == "answer lost" else answer

    def _forward(self, request: bytes) -> bytes | None:
        """The site's answer; None if it gives none, or if it is cut off by now."""
        if self.is_cut or self._stopping.is_set():
            return None
        with suppress(OSError), socket.create_connection(("127.0.0.1", self._target_port), TIMEOUT_SECONDS) as target:
            target.sendall(request)
            with target.makefile("rb") as stream:
                return _read_message(stream)
        return None


def _read_message(stream: BinaryIO) -> bytes | None:
    """The next request or answer, whose body has a `Content-Length`; None if the connection ends before its end."""
    head, length = b"", 0
    while line := stream.readline(MAX_LINE):
        head += line
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
        if line == b"\r\n":
            body = stream.read(length)
            return head + body if len(body) == length else None
    return None
