"""Receivers of webhooks on loopback, and steps with them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from standardwebhooks import Webhook as Verifier

from pointsync import clock, db
from pointsync.ledger.record import Draft, record
from pointsync.models import Webhook
from pointsync.runtime import get_runtime
from pointsync.webhooks import endpoints, send
from tests.support.scripted_server import ScriptedServer, StartServer

ANNA, BOB = "anna@shop.example", "bob@shop.example"


@dataclass
class Receiver:
    """An endpoint. It gives `answers` one after the other, then 204."""

    server: ScriptedServer
    answers: list[str]
    webhook_id: int = 0
    secret: str = ""
    raw: list[bytes] = field(default_factory=list)

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The bodies of the messages so far."""
        return [message_of(each) for each in self.server.requests]

    @property
    def headers(self) -> list[dict[str, str]]:
        """The headers of the messages, in lower case."""
        return [message_headers(each) for each in self.server.requests]

    @property
    def row(self) -> Webhook:
        """The webhook as it is stored."""
        with db.transaction() as session:
            return session.get_one(Webhook, self.webhook_id)

    def deliver(self) -> None:
        """Send the webhook a message if one is due."""
        if self.webhook_id in send.list_due(db.session(), clock.now()):
            send.deliver(self.webhook_id)


def message_of(request: bytes, verifier: Verifier | None = None) -> dict[str, Any]:
    """The message in a request; with `verifier`, after its signature was checked."""
    body = request.partition(b"\r\n\r\n")[2]
    return verifier.verify(body, message_headers(request)) if verifier else json.loads(body)


def message_headers(request: bytes) -> dict[str, str]:
    """The headers of a request, with names in lower case."""
    lines = request.partition(b"\r\n\r\n")[0].decode().split("\r\n")[1:]
    return {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}


def start_receiver(serve: StartServer, *answers: str) -> Receiver:
    """An endpoint with a webhook. An answer is a status with, if needed, headers."""
    left = list(answers)

    def script(server: ScriptedServer, connection: Any) -> None:
        while server.read(connection):
            status = left.pop(0) if left else "204 No Content"
            connection.sendall(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode())

    receiver = Receiver(serve(script), left)
    receiver.webhook_id, receiver.secret = add_webhook(f"{receiver.server.url}/points?shop=1")
    return receiver


def add_webhook(url: str) -> tuple[int, str]:
    """Add a webhook; its id and secret."""
    with db.transaction() as session:
        webhook, secret = endpoints.add(session, get_runtime().vault, url, clock.now())
        return webhook.id, secret


def give(*points: tuple[str, int]) -> None:
    """Record points of customers in one transaction."""
    give_all([Draft(email, count) for email, count in points])


def give_all(drafts: Sequence[Draft]) -> None:
    with db.transaction() as session:
        record(session, drafts, "test", clock.now())
