"""A client that sends what it likes, when it likes."""

import socket
import time
from contextlib import suppress

from tests.support.process import wait_until

DEADLINE_SECONDS = 30
RECEIVE_BYTES = 65_536


class RawClient:
    """A connection to a server of this machine, from `address` (any of 127.0.0.0/8)."""

    def __init__(self, port: int, address: str = "127.0.0.1") -> None:
        self.received = b""
        self.socket = socket.create_connection(("127.0.0.1", port), DEADLINE_SECONDS, source_address=(address, 0))

    def __enter__(self) -> "RawClient":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, text: bytes | str) -> "RawClient":
        """Send all of it; an error means that the server has closed the connection."""
        with suppress(OSError):
            self.socket.sendall(text.encode() if isinstance(text, str) else text)
        return self

    def head(self, path: str, *headers: str, method: str = "POST") -> "RawClient":
        """Send a request's head with these headers."""
        return self.send("\r\n".join((f"{method} {path} HTTP/1.1", "Host: x", *headers, "", "")))

    @property
    def is_closed(self) -> bool:
        """Whether the server has closed it. Takes in what has arrived."""
        self.socket.setblocking(False)
        try:
            while data := self.socket.recv(RECEIVE_BYTES):
                self.received += data
        except BlockingIOError:
            return False
        except OSError:
            return True
        finally:
            self.socket.settimeout(DEADLINE_SECONDS)
        return True

    def wait_until_closed(self, drip: bytes = b"") -> str:
        """What was received until the server closed the connection, while this sends `drip` again and again."""

        def check() -> bool:
            if drip:
                self.send(drip)
            return self.is_closed

        wait_until(check, DEADLINE_SECONDS, "the server closes the connection")
        return self.received.decode()

    def wait_for(self, text: str) -> str:
        """What was received until `text` was in it."""

        def check() -> bool:
            return self.is_closed or text.encode() in self.received

        wait_until(check, DEADLINE_SECONDS, text)
        assert text.encode() in self.received, self.received
        return self.received.decode()


def get_status(port: int, path: str = "/healthz", address: str = "127.0.0.1") -> tuple[int, float]:
    """The status of an ordinary GET, and the seconds that it took."""
    started_at = time.monotonic()
    with RawClient(port, address) as client:
        client.head(path, "Connection: close", method="GET")
        answer = client.wait_until_closed()
    return int(answer.split(" ")[1]), time.monotonic() - started_at
