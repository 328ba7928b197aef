"""The SMTP client: whatever a server does wrong ends in time, with a clear message."""

import socket
import ssl
from email.message import EmailMessage
from time import monotonic

import pytest
from aiosmtpd.smtp import AuthResult

from pointsync.mail import smtp
from pointsync.mail.smtp import MailRefused, MailServerError, SmtpConnection, SmtpServer, parse_server_url
from tests.support.scripted_server import StartServer
from tests.sync.net.test_certificates import pem, tls

__all__ = ["pem", "tls"]

SENDER, ANNA = "shop@mugs.example", "anna@shop.example"
PASSWORD = "s3cret-word"


@pytest.fixture(autouse=True)
def short_timeouts(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in (("CONNECT_SECONDS", 1.0), ("READ_SECONDS", 0.4), ("TOTAL_SECONDS", 2.0)):
        monkeypatch.setattr(smtp, name, seconds)


def make_mail(to: str = ANNA) -> EmailMessage:
    message = EmailMessage()
    message["To"], message["From"], message["Subject"] = to, SENDER, "Hello"
    message.set_content("Hello\n")
    return message


def send(url: str, *to: str) -> None:
    with SmtpConnection(parse_server_url(url), "mugs.example") as connection:
        for each in to or (ANNA,):
            connection.send(make_mail(each), SENDER, each)


def expect_error(url: str) -> str:
    """Return why the server cannot be used. The error comes in time and does not hold the password."""
    started_at = monotonic()
    with pytest.raises(MailServerError) as error:
        send(url)
    assert monotonic() - started_at < 4
    assert PASSWORD not in str(error.value)
    assert error.value.__cause__ is None
    assert str(error.value).endswith((".", "?"))
    return str(error.value)


def scripted_replies(*lines: bytes):
    """A script for a server: send the first line at once, and each other line after reading something."""

    def script(server, connection: socket.socket) -> None:
        connection.sendall(lines[0])
        for line in lines[1:]:
            if not connection.recv(4096):
                return
            connection.sendall(line)
        if lines[-1].startswith(b"2"):
            server.stopping.wait(5)

    return script


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("smtp://mail.example", SmtpServer("mail.example", 25, False)),
        ("smtp://a%40b.example:p%3Aw@mail.example", SmtpServer("mail.example", 587, False, "a@b.example", "p:w")),
        ("smtps://mail.example", SmtpServer("mail.example", 465, True)),
        ("smtps://[::1]:2525", SmtpServer("::1", 2525, True)),
    ],
)
def test_server_urls(url, server):
    assert parse_server_url(url) == server
    assert "p:w" not in repr(server)
    assert server.is_loopback == (server.host == "::1")


def test_several_mails_in_one_connection(mail_server):
    send(mail_server.url(), ANNA, "bob@shop.example")
    assert mail_server.box.to == [ANNA, "bob@shop.example"]
    assert [each["Subject"] for each in mail_server.box.mails] == ["Hello", "Hello"]


@pytest.mark.parametrize(("answer", "is_final"), [("550 no such box", True), ("450 come back", False)])
def test_a_refused_recipient_does_not_affect_the_others(mail_server, answer, is_final):
    mail_server.box.refuses[ANNA] = answer
    with SmtpConnection(parse_server_url(mail_server.url()), "mugs.example") as connection:
        with pytest.raises(MailRefused, match=rf"refused this mail: {answer}\.") as refusal:
            connection.send(make_mail(), SENDER, ANNA)
        assert refusal.value.is_final is is_final
        connection.send(make_mail("bob@shop.example"), SENDER, "bob@shop.example")
    assert mail_server.box.to == ["bob@shop.example"]


@pytest.mark.parametrize(("answer", "is_final"), [("554 spam", True), ("451 later", False)])
def test_a_mail_refused_after_its_content_was_sent(mail_server, answer, is_final):
    mail_server.box.after = answer
    with SmtpConnection(parse_server_url(mail_server.url()), "mugs.example") as connection:
        with pytest.raises(MailRefused, match=answer) as refusal:
            connection.send(make_mail(), SENDER, ANNA)
        assert refusal.value.is_final is is_final


def test_non_ascii_addresses_need_a_server_with_smtputf8(make_mail_server):
    send(make_mail_server(enable_SMTPUTF8=True).url(), "müller@shop.example")
    with pytest.raises(MailRefused, match="SMTPUTF8") as refusal:
        send(make_mail_server(enable_SMTPUTF8=False).url(), "müller@shop.example")
    assert refusal.value.is_final


def test_signing_in(make_mail_server, serve: StartServer):
    def authenticate(_server, _session, _envelope, _mechanism, data) -> AuthResult:
        return AuthResult(success=data.password == PASSWORD.encode())

    server = make_mail_server(authenticator=authenticate, auth_require_tls=False)
    send(server.url(f"shop:{PASSWORD}@"))
    assert server.box.to == [ANNA]
    replies = (b"220 x\r\n", b"250-x\r\n250 AUTH PLAIN\r\n", b"535 no: " + PASSWORD.encode() + b"\r\n")
    url = f"smtp://shop:{PASSWORD}@127.0.0.1:{serve(scripted_replies(*replies)).port}"
    assert "refused the user name or password in POINTSYNC_SMTP_URL: 535 no: …." in expect_error(url)
    assert "can contain ASCII characters only" in expect_error(server.url("shop:ü@"))


def test_a_password_is_sent_unencrypted_to_this_machine_only(monkeypatch, mail_server):
    assert "does not offer a sign-in" in expect_error(mail_server.url(f"shop:{PASSWORD}@"))
    monkeypatch.setattr(SmtpServer, "is_loopback", False)
    assert "offers no encryption" in expect_error(mail_server.url(f"shop:{PASSWORD}@"))
    send(mail_server.url())


def test_starttls_is_used_if_offered(monkeypatch, make_mail_server, tls, pem):
    server = make_mail_server(tls_context=tls, require_starttls=True)
    send(server.url())
    assert server.box.to == [ANNA], "the certificate of this machine is not verified"
    monkeypatch.setattr(SmtpServer, "is_loopback", False)
    assert "invalid certificate" in expect_error(server.url())
    trusting_context = ssl.create_default_context(cafile=pem)
    monkeypatch.setattr(smtp, "_build_tls_context", lambda _server: trusting_context)
    send(server.url().replace("127.0.0.1", "localhost"))
    assert "invalid certificate" in expect_error(server.url()), "the certificate is for another name"


def test_tls_from_the_start(monkeypatch, make_mail_server, tls, pem):
    server = make_mail_server(ssl_context=tls)
    assert "invalid certificate" in expect_error(server.url(scheme="smtps"))
    trusting_context = ssl.create_default_context(cafile=pem)
    monkeypatch.setattr(smtp, "_build_tls_context", lambda _server: trusting_context)
    send(server.url(scheme="smtps").replace("127.0.0.1", "localhost"))
    assert server.box.to == [ANNA]


GREETING = (b"220 x\r\n", b"250 x\r\n")
BAD_SERVERS = [
    (scripted_replies(b"554 go away\r\n"), "answered with an error: 554 go away."),
    (scripted_replies(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "is not a mail server"),
    (scripted_replies(b"\xff" * 20_000), "answered with an error: 500 Line too long."),
    (scripted_replies(b"220 x\r\n", b"hm? hm\r\n", b"hm? hm\r\n"), "is not a mail server"),
    (scripted_replies(*GREETING, b"550 not you\r\n", b"250 x\r\n"), f"refused the sender {SENDER}: 550 not you."),
    (
        scripted_replies(*GREETING, b"530 Must issue STARTTLS first\r\n", b"250 x\r\n"),
        "requires a sign-in or encryption first",
    ),
    (scripted_replies(*GREETING, b"250 x\r\n", b"421 closing\r\n"), "ended the connection: 421 closing."),
    (scripted_replies(*GREETING, b"250 x\r\n", b"250 x\r\n", b"354 go\r\n", b"hm\r\n"), "ended the connection"),
    (scripted_replies(*GREETING, b""), "closed the connection"),
    (lambda server, connection: None, "closed the connection"),
    (lambda server, connection: server.stopping.wait(5), "did not answer in time"),
    (scripted_replies(*GREETING), "did not answer in time"),
    (lambda server, connection: server.drip(connection, b"220-" + b"x" * 5000), "took longer than 2 seconds"),
]


@pytest.mark.parametrize(("script", "message"), BAD_SERVERS, ids=[message for _, message in BAD_SERVERS])
def test_bad_servers(serve: StartServer, script, message):
    assert message in expect_error(f"smtp://127.0.0.1:{serve(script).port}")


def test_no_server():
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    assert "refused the connection" in expect_error(f"smtp://127.0.0.1:{port}")
    assert "There is no host nowhere.invalid" in expect_error("smtp://nowhere.invalid")


def test_tls_to_a_plain_server_and_a_slow_handshake(serve: StartServer):
    assert "does not use TLS on this port" in expect_error(
        f"smtps://127.0.0.1:{serve(scripted_replies(b'220 plain' + b' ' * 50)).port}"
    )
    slow_server = serve(lambda server, connection: server.drip(connection, b"\x16\x03\x03\x40\x00" + b"\x02" * 5000))
    assert "did not answer in time" in expect_error(f"smtps://127.0.0.1:{slow_server.port}")


@pytest.mark.parametrize("host", ["169.254.169.254", "[::ffff:169.254.169.254]", "224.0.0.1", "[fe80::1]", "0.0.0.0"])
def test_reserved_addresses_are_not_called(host):
    message = expect_error(f"smtp://shop:{PASSWORD}@{host}:25")
    assert "where no mail server can be; correct POINTSYNC_SMTP_URL." in message


def test_only_allowed_addresses_of_a_host_are_called(monkeypatch, mail_server):
    getaddrinfo = socket.getaddrinfo
    addresses = {"server.example": ("169.254.169.254", "127.0.0.2", "127.0.0.1")}

    def resolve(host, port, *args, **options):
        return [info for each in addresses.get(host, (host,)) for info in getaddrinfo(each, port, *args, **options)]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    send(mail_server.url().replace("127.0.0.1", "server.example"))
    assert mail_server.box.to == [ANNA]
