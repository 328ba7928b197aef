"""The door to the mail server: what a server can do wrong ends in time, in a sentence."""

import socket
import ssl
from email.message import EmailMessage
from time import monotonic

import pytest
from aiosmtpd.smtp import AuthResult

from pointsync.mail import smtp
from pointsync.mail.smtp import Line, MailRefused, Server, ServerTrouble, server_of
from tests.support.scripted_server import Serve
from tests.sync.net.test_certificates import pem, tls

__all__ = ["pem", "tls"]

SENDER, ANNA = "shop@mugs.example", "anna@shop.example"
PASSWORD = "s3cret-word"


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in (("CONNECT_SECONDS", 1.0), ("READ_SECONDS", 0.4), ("TOTAL_SECONDS", 2.0)):
        monkeypatch.setattr(smtp, name, seconds)


def mail(to: str = ANNA) -> EmailMessage:
    message = EmailMessage()
    message["To"], message["From"], message["Subject"] = to, SENDER, "Hello"
    message.set_content("Hello\n")
    return message


def send(url: str, *to: str) -> None:
    with Line(server_of(url), "mugs.example") as line:
        for each in to or (ANNA,):
            line.send(mail(each), SENDER, each)


def trouble(url: str) -> str:
    """Why the server cannot be used; told in time, and without the password."""
    begun = monotonic()
    with pytest.raises(ServerTrouble) as found:
        send(url)
    assert monotonic() - begun < 4
    assert PASSWORD not in str(found.value)
    assert found.value.__cause__ is None
    assert str(found.value).endswith((".", "?"))
    return str(found.value)


def says(*lines: bytes):
    """A server that says one thing after the other: one at once, the others each to a line that it reads."""

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
        ("smtp://mail.example", Server("mail.example", 25, False)),
        ("smtp://a%40b.example:p%3Aw@mail.example", Server("mail.example", 587, False, "a@b.example", "p:w")),
        ("smtps://mail.example", Server("mail.example", 465, True)),
        ("smtps://[::1]:2525", Server("::1", 2525, True)),
    ],
)
def test_a_url_names_the_server(url, server):
    assert server_of(url) == server
    assert "p:w" not in repr(server)
    assert server.is_loopback == (server.host == "::1")


def test_several_mails_go_in_one_connection(post):
    send(post.url(), ANNA, "bob@shop.example")
    assert post.box.to == [ANNA, "bob@shop.example"]
    assert [each["Subject"] for each in post.box.mails] == ["Hello", "Hello"]


@pytest.mark.parametrize(("answer", "is_final"), [("550 no such box", True), ("450 come back", False)])
def test_one_recipient_who_is_refused_leaves_the_others(post, answer, is_final):
    post.box.refuses[ANNA] = answer
    with Line(server_of(post.url()), "mugs.example") as line:
        with pytest.raises(MailRefused, match=rf"refuses it: {answer}\.") as refusal:
            line.send(mail(), SENDER, ANNA)
        assert refusal.value.is_final is is_final
        line.send(mail("bob@shop.example"), SENDER, "bob@shop.example")
    assert post.box.to == ["bob@shop.example"]


@pytest.mark.parametrize(("answer", "is_final"), [("554 spam", True), ("451 later", False)])
def test_a_mail_that_is_refused_after_it_was_read(post, answer, is_final):
    post.box.after = answer
    with Line(server_of(post.url()), "mugs.example") as line:
        with pytest.raises(MailRefused, match=answer) as refusal:
            line.send(mail(), SENDER, ANNA)
        assert refusal.value.is_final is is_final


def test_addresses_of_other_letters_need_a_server_that_takes_them(make_post):
    send(make_post(enable_SMTPUTF8=True).url(), "müller@shop.example")
    with pytest.raises(MailRefused, match="SMTPUTF8") as refusal:
        send(make_post(enable_SMTPUTF8=False).url(), "müller@shop.example")
    assert refusal.value.is_final


def test_signing_in(make_post, serve: Serve):
    def look(_server, _session, _envelope, _mechanism, data) -> AuthResult:
        return AuthResult(success=data.password == PASSWORD.encode())

    post = make_post(authenticator=look, auth_require_tls=False)
    send(post.url(f"shop:{PASSWORD}@"))
    assert post.box.to == [ANNA]
    asks = (b"220 x\r\n", b"250-x\r\n250 AUTH PLAIN\r\n", b"535 no: " + PASSWORD.encode() + b"\r\n")
    url = f"smtp://shop:{PASSWORD}@127.0.0.1:{serve(says(*asks)).port}"
    assert "refuses the user or the password of POINTSYNC_SMTP_URL: 535 no: …." in trouble(url)
    assert "can hold plain letters, digits and signs only" in trouble(post.url("shop:ü@"))


def test_a_password_goes_in_clear_to_this_machine_only(monkeypatch, post):
    assert "offers no sign-in" in trouble(post.url(f"shop:{PASSWORD}@"))
    monkeypatch.setattr(Server, "is_loopback", False)
    assert "offers no encryption" in trouble(post.url(f"shop:{PASSWORD}@"))
    send(post.url())


def test_starttls_is_taken_where_it_is_offered(monkeypatch, make_post, tls, pem):
    post = make_post(tls_context=tls, require_starttls=True)
    send(post.url())
    assert post.box.to == [ANNA], "this machine's own certificate is not looked at"
    monkeypatch.setattr(Server, "is_loopback", False)
    assert "certificate that is not valid" in trouble(post.url())
    trusting = ssl.create_default_context(cafile=pem)
    monkeypatch.setattr(smtp, "_context", lambda _server: trusting)
    send(post.url().replace("127.0.0.1", "localhost"))
    assert "certificate that is not valid" in trouble(post.url()), "it is for another name"


def test_tls_from_the_start(monkeypatch, make_post, tls, pem):
    post = make_post(ssl_context=tls)
    assert "certificate that is not valid" in trouble(post.url(scheme="smtps"))
    trusting = ssl.create_default_context(cafile=pem)
    monkeypatch.setattr(smtp, "_context", lambda _server: trusting)
    send(post.url(scheme="smtps").replace("127.0.0.1", "localhost"))
    assert post.box.to == [ANNA]


BEGIN = (b"220 x\r\n", b"250 x\r\n")
WRONG = [
    (says(b"554 go away\r\n"), "answers with an error: 554 go away."),
    (says(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "is no mail server"),
    (says(b"\xff" * 20_000), "answers with an error: 500 Line too long."),
    (says(b"220 x\r\n", b"hm? hm\r\n", b"hm? hm\r\n"), "is no mail server"),
    (says(*BEGIN, b"550 not you\r\n", b"250 x\r\n"), f"refuses the sender {SENDER}: 550 not you."),
    (says(*BEGIN, b"530 Must issue STARTTLS first\r\n", b"250 x\r\n"), "wants a sign-in, or encryption, first"),
    (says(*BEGIN, b"250 x\r\n", b"421 closing\r\n"), "ended the connection: 421 closing."),
    (says(*BEGIN, b"250 x\r\n", b"250 x\r\n", b"354 go\r\n", b"hm\r\n"), "ended the connection"),
    (says(*BEGIN, b""), "hung up"),
    (lambda server, connection: None, "hung up"),
    (lambda server, connection: server.stopping.wait(5), "did not answer in time"),
    (says(*BEGIN), "did not answer in time"),
    (lambda server, connection: server.drip(connection, b"220-" + b"x" * 5000), "was not done within 2 seconds"),
]


@pytest.mark.parametrize(("script", "words"), WRONG, ids=[words for _, words in WRONG])
def test_a_server_that_goes_wrong(serve: Serve, script, words):
    assert words in trouble(f"smtp://127.0.0.1:{serve(script).port}")


def test_no_server():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    assert "nothing listens" in trouble(f"smtp://127.0.0.1:{port}")
    assert "There is no host nowhere.invalid" in trouble("smtp://nowhere.invalid")


def test_tls_where_there_is_none_and_a_handshake_that_drips(serve: Serve):
    assert "speaks no TLS" in trouble(f"smtps://127.0.0.1:{serve(says(b'220 plain' + b' ' * 50)).port}")
    drips = serve(lambda server, connection: server.drip(connection, b"\x16\x03\x03\x40\x00" + b"\x02" * 5000))
    assert "did not answer in time" in trouble(f"smtps://127.0.0.1:{drips.port}")


@pytest.mark.parametrize("host", ["169.254.169.254", "[::ffff:169.254.169.254]", "224.0.0.1", "[fe80::1]", "0.0.0.0"])
def test_addresses_where_no_mail_server_can_be_are_not_called(host):
    said = trouble(f"smtp://shop:{PASSWORD}@{host}:25")
    assert "where no mail server can be; correct POINTSYNC_SMTP_URL." in said


def test_of_several_addresses_those_are_called_that_may_be(monkeypatch, post):
    look_up = socket.getaddrinfo
    found = {"post.example": ("169.254.169.254", "127.0.0.2", "127.0.0.1")}

    def several(host, port, *args, **more):
        return [place for each in found.get(host, (host,)) for place in look_up(each, port, *args, **more)]

    monkeypatch.setattr(socket, "getaddrinfo", several)
    send(post.url().replace("127.0.0.1", "post.example"))
    assert post.box.to == [ANNA]
