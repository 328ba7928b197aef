"""A real mail server on loopback that keeps what it is given, and mails for it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from tests.support.process import free_port


class Mailbox:
    """Keeps each mail as it came; `answer` decides over recipients, `after` over whole mails."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.envelopes: list[tuple[str, list[str]]] = []
        self.refuses: dict[str, str] = {}
        self.after = "250 OK"

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any) -> str:
        if address in self.refuses:
            return self.refuses[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        if self.after.startswith("250"):
            mail = message_from_bytes(envelope.original_content, policy=policy.default)
            assert isinstance(mail, EmailMessage)
            self.mails.append(mail)
            self.envelopes.append((envelope.mail_from, envelope.rcpt_tos))
        return self.after

    @property
    def to(self) -> list[str]:
        """Who got a mail, in their order."""
        return [each for _, recipients in self.envelopes for each in recipients]


class MailServer:
    """The server; `url` is what POINTSYNC_SMTP_URL says of it."""

    def __init__(self, **options: Any) -> None:
        self.box = Mailbox()
        self.port = free_port()
        self.controller = Controller(
            self.box, hostname="127.0.0.1", port=self.port, server_hostname="post.example", **options
        )
        self.controller.start()

    def url(self, user: str = "", scheme: str = "smtp") -> str:
        return f"{scheme}://{user}127.0.0.1:{self.port}"


CreateMailServer = Callable[..., MailServer]


@pytest.fixture
def make_mail_server() -> Iterator[CreateMailServer]:
    """Makes servers; they are stopped at the end."""
    with ExitStack() as stack:

        def make(**options: Any) -> MailServer:
            made = MailServer(**options)
            stack.callback(made.controller.stop)
            return made

        yield make


@pytest.fixture
def mail_server(make_mail_server: CreateMailServer) -> MailServer:
    """One that takes all mails."""
    return make_mail_server()
