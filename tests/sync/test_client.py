"""The outgoing door against servers that misbehave in every way: it always ends, in time, and says why."""

import gzip
import ipaddress
import socket
import ssl
import struct
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from pointsync.sync.client import Answer, CallFailed, Client, PassingFailure, PermanentFailure

KIB = 1024
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
Script = Callable[["Server", Any], None]


class Server:
    """Listens on loopback; `script` handles each connection on a thread of its own, to its end."""

    def __init__(self, script: Script, tls: ssl.SSLContext | None = None) -> None:
        self.script = script
        self.tls = tls
        self.requests: list[bytes] = []
        self.connections = 0
        self.got_request = threading.Event()
        self.closed_one = threading.Event()
        self.stopping = threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.live: list[socket.socket] = []
        self.threads = [threading.Thread(target=self.accept)]
        self.threads[0].start()

    def accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                self.connections += 1
                line = connection.dup()  # stays this thread's to cut when TLS has taken the other over
                self.live.append(line)
                thread = threading.Thread(target=self.handle, args=(connection, line))
                self.threads.append(thread)
                thread.start()

    def handle(self, connection: socket.socket, line: socket.socket) -> None:
        with suppress(OSError), ExitStack() as stack:
            stack.enter_context(line)
            stack.enter_context(connection)
            if self.tls:
                connection = stack.enter_context(self.tls.wrap_socket(connection, server_side=True))
            self.script(self, connection)
        self.closed_one.set()

    def read(self, connection: socket.socket) -> bytes:
        """One request, whole; empty when the other side hung up."""
        text = b""
        while b"\r\n\r\n" not in text:
            if not (piece := connection.recv(64 * KIB)):
                return b""
            text += piece
        head, _, body = text.partition(b"\r\n\r\n")
        for line in head.split(b"\r\n"):
            if line.lower().startswith(b"content-length:"):
                while len(body) < int(line.split(b":")[1]):
                    body += connection.recv(64 * KIB)
        self.requests.append(head + b"\r\n\r\n" + body)
        self.got_request.set()
        return self.requests[-1]

    def drip(self, connection: socket.socket, text: bytes) -> None:
        """One byte at a time, never silent long enough for a read to time out."""
        for index in range(len(text)):
            connection.sendall(text[index : index + 1])
            if self.stopping.wait(0.02):
                return

    def stop(self) -> None:
        self.stopping.set()
        with suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.threads[0].join()
        for connection in self.live:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self.threads:
            thread.join()


Serve = Callable[..., Server]
MakeClient = Callable[..., Client]


@pytest.fixture
def serve() -> Iterator[Serve]:
    with ExitStack() as stack:

        def start(script: Script, tls: ssl.SSLContext | None = None) -> Server:
            server = Server(script, tls)
            stack.callback(server.stop)
            return server

        yield start


@pytest.fixture
def make_client() -> Iterator[MakeClient]:
    with ExitStack() as stack:

        def make(**options: Any) -> Client:
            client = Client(**{"allow_private": True, **options})
            stack.callback(client.close)
            return client

        yield make


@pytest.fixture
def client(make_client: MakeClient) -> Client:
    return make_client()


def get(client: Client, url: str, **options: Any) -> Answer:
    return client.call("GET", url, **{"headers": {}, **options})


@contextmanager
def fails(kind: type[CallFailed], code: str, *, reached: bool, within: float = 2.0) -> Iterator[None]:
    """The block raises exactly this failure, in less than `within` seconds."""
    start = monotonic()
    with pytest.raises(CallFailed) as caught:
        yield
    failure = caught.value
    assert (type(failure), failure.code, failure.reached) == (kind, code, reached), failure.message
    assert failure.message.endswith(".")
    assert monotonic() - start < within


def always(answer: bytes) -> Script:
    """Answers every request on a connection with `answer`."""

    def script(server: Server, connection: socket.socket) -> None:
        while server.read(connection):
            connection.sendall(answer)

    return script


def once(answer: bytes) -> Script:
    """Answers one request, then hangs up."""

    def script(server: Server, connection: socket.socket) -> None:
        if server.read(connection):
            connection.sendall(answer)

    return script


def endless(head: bytes, piece: bytes) -> Script:
    def script(server: Server, connection: socket.socket) -> None:
        server.read(connection)
        connection.sendall(head)
        for _ in range(300 * KIB * KIB // len(piece)):
            connection.sendall(piece)

    return script


# The ordinary


def test_an_answer_is_given_as_it_came(client: Client, serve: Serve) -> None:
    server = serve(always(b"HTTP/1.1 422 No\r\nX-Reason: points\r\nContent-Length: 3\r\n\r\nno!"))
    answer = client.call("POST", server.url + "/in", headers={"X-Key": "k"}, body=b"{}")
    assert (answer.status, answer.body, answer.headers["x-reason"]) == (422, b"no!", "points")
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    first, *rest = head.split(b"\r\n")
    assert first == b"POST /in HTTP/1.1"
    assert body == b"{}"
    assert sorted(rest) == [
        b"Accept-Encoding: gzip",
        b"Content-Length: 2",
        f"Host: 127.0.0.1:{server.port}".encode(),
        b"User-Agent: PointSync",
        b"X-Key: k",
    ]


def test_the_caller_may_name_the_agent_but_no_other_encoding(client: Client, serve: Serve) -> None:
    server = serve(always(OK))
    get(client, server.url, headers={"user-agent": "Shop/1", "accept-encoding": "br"})
    assert b"user-agent: Shop/1\r\n" in server.requests[0]
    assert b"PointSync" not in server.requests[0]
    assert b": br" not in server.requests[0]


@pytest.mark.parametrize(
    ("target", "line"),
    [
        ("", "/"),
        ("/", "/"),
        ("?a=b", "/?a=b"),
        ("/?", "/?"),
        ("//twice", "//twice"),
        ("/a%2Bb%40c%27d/add", "/a%2Bb%40c%27d/add"),
        ("/%2b%7e%41%2F..%2f", "/%2b%7e%41%2F..%2f"),
        ("/a/../b/./c", "/a/../b/./c"),
        ("/o'neil+x@y.org/5/add?k='\"<>{}|^`[]", "/o'neil+x@y.org/5/add?k='\"<>{}|^`[]"),
        ("/100%/zz%zz", "/100%/zz%zz"),
        ("/naïve x", "/na%C3%AFve%20x"),
        ("/line\r\nX-Evil: 1", "/line%0D%0AX-Evil:%201"),
        ("/page#part", "/page"),
    ],
)
def test_the_target_arrives_as_it_was_given(client: Client, serve: Serve, target: str, line: str) -> None:
    server = serve(always(OK))
    get(client, server.url + target)
    assert server.requests[0].split(b"\r\n")[0] == f"GET {line} HTTP/1.1".encode()


def test_the_environment_and_earlier_answers_change_nothing(
    client: Client, serve: Serve, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    server = serve(always(b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b; Path=/\r\nContent-Length: 0\r\n\r\n"))
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login shop password secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    for _ in range(2):
        assert get(client, server.url, session_key=1).status == 200
    assert server.requests[0] == server.requests[1]
    assert b"Authorization" not in server.requests[0]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_answers(client: Client, serve: Serve, status: int) -> None:
    other = serve(always(OK))
    head = f"HTTP/1.1 {status} Go\r\nLocation: {other.url}/\r\nContent-Length: 2\r\n\r\ngo"
    answer = get(client, serve(always(head.encode())).url)
    assert (answer.status, answer.body, answer.headers["Location"]) == (status, b"go", f"{other.url}/")
    assert other.connections == 0


# Kept-alive connections


@pytest.mark.parametrize(
    "answer",
    [
        OK,
        b"HTTP/1.1 204 No\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    ],
)
def test_connections_are_kept_for_each_key(client: Client, serve: Serve, answer: bytes) -> None:
    server = serve(always(answer))
    for _ in range(3):
        get(client, server.url, session_key="a")
    assert server.connections == 1
    get(client, server.url, session_key="b")
    assert server.connections == 2
    for _ in range(2):
        get(client, server.url)
    assert server.connections == 4


def test_a_connection_closed_meanwhile_is_seen_before_it_is_used(client: Client, serve: Serve) -> None:
    server = serve(once(OK))
    for count in (1, 2, 3):
        assert get(client, server.url, session_key=1).body == b"ok"
        assert server.closed_one.wait(2)
        server.closed_one.clear()
        assert server.connections == count


def test_a_kept_connection_that_fails_is_not_tried_again(client: Client, serve: Serve) -> None:
    def script(server: Server, connection: socket.socket) -> None:
        server.read(connection)
        connection.sendall(OK)
        server.read(connection)

    server = serve(script)
    get(client, server.url, session_key=1)
    with fails(PassingFailure, "bad_answer", reached=True):
        client.call("POST", server.url, headers={}, body=b"{}", session_key=1)
    assert (server.connections, len(server.requests)) == (1, 2)


def test_threads_share_a_key(client: Client, serve: Serve) -> None:
    def script(server: Server, connection: socket.socket) -> None:
        while request := server.read(connection):
            body = request.partition(b"\r\n\r\n")[2]
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))

    server = serve(script)
    wrong: list[object] = []

    def work(name: str) -> None:
        for number in range(50):
            body = f"{name} {number}".encode()
            answer = client.call("POST", server.url, headers={}, body=body, session_key=1)
            if answer.body != body:
                wrong.append((body, answer))

    threads = [threading.Thread(target=work, args=(name,)) for name in ("one", "another")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert len(server.requests) == 100
    assert server.connections <= 2


# Slowness


def test_a_head_that_drips_is_cut(make_client: MakeClient, serve: Serve) -> None:
    def script(server: Server, connection: socket.socket) -> None:
        server.read(connection)
        server.drip(connection, b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 10_000)

    with fails(PassingFailure, "timeout", reached=True, within=1.0):
        get(make_client(total_seconds=0.3), serve(script).url)


@pytest.mark.parametrize("framing", [b"", b"Content-Length: 10000\r\n", b"Transfer-Encoding: chunked\r\n"])
def test_a_body_that_drips_is_cut_and_is_no_answer(make_client: MakeClient, serve: Serve, framing: bytes) -> None:
    def script(server: Server, connection: socket.socket) -> None:
        server.read(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\n" + framing + b"\r\n")
        server.drip(connection, b"1\r\nx\r\n" * 2_000)

    with fails(PassingFailure, "timeout", reached=True, within=1.0):
        get(make_client(total_seconds=0.3), serve(script).url)


def test_a_kept_connection_that_drips_is_cut(make_client: MakeClient, serve: Serve) -> None:
    def script(server: Server, connection: socket.socket) -> None:
        server.read(connection)
        connection.sendall(OK)
        server.read(connection)
        server.drip(connection, b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 10_000)

    client = make_client(total_seconds=0.3)
    server = serve(script)
    assert get(client, server.url, session_key=1).body == b"ok"
    with fails(PassingFailure, "timeout", reached=True, within=1.0):
        get(client, server.url, session_key=1)
    assert server.connections == 1


def test_a_server_that_does_not_read_is_cut(make_client: MakeClient, serve: Serve) -> None:
    server = serve(lambda server, connection: server.stopping.wait(5) and None)
    with fails(PassingFailure, "timeout", reached=True, within=1.0):
        make_client(total_seconds=0.3).call("POST", server.url, headers={}, body=bytes(32 * KIB * KIB))
    with fails(PassingFailure, "timeout", reached=True, within=1.0):
        make_client(read_seconds=0.3).call("POST", server.url, headers={}, body=bytes(32 * KIB * KIB))


def test_silence_ends_with_the_read_limit(make_client: MakeClient, serve: Serve) -> None:
    def script(server: Server, connection: socket.socket) -> None:
        while server.read(connection):
            pass

    with fails(PassingFailure, "timeout", reached=True, within=1.0):
        get(make_client(read_seconds=0.2), serve(script).url)


@pytest.mark.parametrize("limit", ["read_seconds", "total_seconds"])
def test_a_tls_handshake_that_stalls_is_cut(make_client: MakeClient, serve: Serve, limit: str) -> None:
    server = serve(lambda server, connection: server.stopping.wait(5) and None)
    with fails(PassingFailure, "timeout", reached=False, within=1.0):
        get(make_client(**{limit: 0.2}), f"https://127.0.0.1:{server.port}")


@contextmanager
def black_hole() -> Iterator[str]:
    """The URL of a port that lets connections wait for ever: its queue is full."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.mark.parametrize("limit", ["connect_seconds", "total_seconds"])
def test_connecting_takes_no_longer_than_allowed(make_client: MakeClient, limit: str) -> None:
    with black_hole() as url, fails(PassingFailure, "timeout", reached=False, within=1.0):
        get(make_client(**{limit: 0.2}), url)


def test_a_slow_look_up_counts(make_client: MakeClient, monkeypatch: pytest.MonkeyPatch) -> None:
    release = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: release.wait(5) and [])
    with fails(PassingFailure, "timeout", reached=False, within=1.0):
        get(make_client(total_seconds=0.2), "http://shop.example")
    release.set()


def test_each_address_has_its_share_of_the_time(
    make_client: MakeClient, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve(always(OK))
    with black_hole() as url:
        ports = [int(url.rpartition(":")[2]), server.port]
        found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port)) for port in ports]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: found)
        assert get(make_client(connect_seconds=0.4), "http://shop.example").body == b"ok"


# Size


@pytest.mark.parametrize(
    ("head", "piece"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 64 * KIB),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 314572800\r\n\r\n", b"x" * 64 * KIB),
        (b"HTTP/1.1 302 Go\r\nLocation: /\r\nContent-Length: 314572800\r\n\r\n", b"x" * 64 * KIB),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"2000\r\n" + b"x" * 8192 + b"\r\n"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffff\r\n", b"x" * 64 * KIB),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n", b"x" * 64 * KIB),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"X: y\r\n" * KIB),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"x" * 64 * KIB),
        (b"HTTP/1.1 200 OK\r\n", b"X: y\r\n" * KIB),
        (b"HTTP/1.1 200 OK\r\nX: ", b"x" * 64 * KIB),
        (b"HTTP/1.1 200 OK\r\n", b"X: " + b"x" * 30 * KIB + b"\r\n"),
        (b"", b"x" * 64 * KIB),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * KIB),
    ],
)
def test_more_than_allowed_is_not_read(client: Client, serve: Serve, head: bytes, piece: bytes) -> None:
    with fails(PassingFailure, "bad_answer", reached=True):
        get(client, serve(endless(head, piece)).url)


@pytest.mark.parametrize("coding", [b"", b"Content-Encoding: gzip\r\n"])
def test_the_limit_is_exact(make_client: MakeClient, serve: Serve, coding: bytes) -> None:
    client = make_client(max_answer_bytes=KIB)
    for size in (KIB, KIB + 1):
        body = gzip.compress(bytes(size)) if coding else bytes(size)
        server = serve(once(b"HTTP/1.1 200 OK\r\n" + coding + b"\r\n" + body))
        if size == KIB:
            assert get(client, server.url).body == bytes(size)
        else:
            with fails(PassingFailure, "bad_answer", reached=True):
                get(client, server.url)


def zipped(body: bytes) -> bytes:
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body)
    return head + body


def test_gzip_is_undone(client: Client, serve: Serve) -> None:
    assert get(client, serve(once(zipped(gzip.compress(b"hello")))).url).body == b"hello"
    two = gzip.compress(b"hel") + gzip.compress(b"lo")
    assert get(client, serve(once(zipped(two))).url).body == b"hello"
    assert get(client, serve(once(zipped(b""))).url).body == b""


def test_a_bomb_does_not_go_off(client: Client, serve: Serve) -> None:
    with fails(PassingFailure, "bad_answer", reached=True):
        get(client, serve(once(zipped(gzip.compress(bytes(300 * KIB * KIB), 1)))).url, session_key=1)


@pytest.mark.parametrize("body", [b"plain", gzip.compress(b"hello")[:-4], gzip.compress(b"hello")[:-9] + b"\xff" * 9])
def test_damaged_gzip_is_no_answer(client: Client, serve: Serve, body: bytes) -> None:
    with fails(PassingFailure, "bad_answer", reached=True):
        get(client, serve(once(zipped(body))).url)


# Broken answers


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\r\n\r\n",
        b"garbage\r\n\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 99999 No\r\n\r\n",
        b"HTTP/2.0 200 OK\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.0\r\n",
        b"HTTP/1.1 200",
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Ty",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nabc\r\n",
    ],
)
def test_an_answer_that_breaks_off_or_is_no_http_is_none(client: Client, serve: Serve, answer: bytes) -> None:
    with fails(PassingFailure, "bad_answer", reached=True):
        get(client, serve(once(answer)).url, session_key=1)


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"])
def test_a_reset_is_no_answer(client: Client, serve: Serve, answer: bytes) -> None:
    def script(server: Server, connection: socket.socket) -> None:
        server.read(connection)
        connection.sendall(answer)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    with fails(PassingFailure, "bad_answer", reached=True):
        get(client, serve(script).url)


def test_a_server_that_closes_at_once_is_no_answer(client: Client, serve: Serve) -> None:
    with fails(PassingFailure, "bad_answer", reached=True):
        get(client, serve(lambda server, connection: None).url)


# Certificates


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for localhost, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    public = key.public_key()
    certificate = (
        x509.CertificateBuilder(name, name, public, x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(public), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "localhost.pem"
    path.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return path


@pytest.fixture
def tls(pem: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return context


def test_a_trusted_certificate_lets_calls_through(
    make_client: MakeClient, serve: Serve, pem: Path, tls: ssl.SSLContext
) -> None:
    names: list[str | None] = []
    tls.sni_callback = lambda sock, name, context: names.append(name)
    server = serve(always(OK), tls)
    client = make_client(verify=str(pem))
    for _ in range(2):
        assert get(client, f"https://localhost:{server.port}/", session_key=1).body == b"ok"
    assert f"Host: localhost:{server.port}\r\n".encode() in server.requests[0]
    assert names == ["localhost"]
    assert server.connections == 1


def test_a_stranger_to_the_authorities_is_refused(client: Client, serve: Serve, tls: ssl.SSLContext) -> None:
    server = serve(always(OK), tls)
    with fails(PermanentFailure, "certificate", reached=False):
        get(client, f"https://localhost:{server.port}/")
    assert server.requests == []


def test_a_certificate_for_another_name_is_refused(
    make_client: MakeClient, serve: Serve, pem: Path, tls: ssl.SSLContext
) -> None:
    server = serve(always(OK), tls)
    with fails(PermanentFailure, "certificate", reached=False):
        get(make_client(verify=str(pem)), f"https://127.0.0.1:{server.port}/")
    assert server.requests == []


def test_plain_http_where_tls_should_be_is_a_bad_answer(client: Client, serve: Serve) -> None:
    server = serve(once(b"HTTP/1.1 400 No\r\n\r\n"))
    server.script = lambda server, connection: connection.sendall(b"HTTP/1.1 400 No\r\n\r\n")
    with fails(PassingFailure, "bad_answer", reached=False):
        get(client, f"https://127.0.0.1:{server.port}/")


def test_a_body_that_drips_through_tls_is_cut(
    make_client: MakeClient, serve: Serve, pem: Path, tls: ssl.SSLContext
) -> None:
    def script(server: Server, connection: socket.socket) -> None:
        server.read(connection)
        server.drip(connection, b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 10_000)

    server = serve(script, tls)
    with fails(PassingFailure, "timeout", reached=True, within=1.5):
        get(make_client(verify=str(pem), total_seconds=0.5), f"https://localhost:{server.port}/")


# Where a call may go


def test_nobody_listens(client: Client) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        with fails(PassingFailure, "refused_connection", reached=False):
            get(client, f"http://127.0.0.1:{unused.getsockname()[1]}/")


@pytest.mark.parametrize(
    "url",
    [
        "http://shop.invalid/",
        "http://a..b/",
        f"http://{'a' * 300}.example/",
        "http://[::1/",
        "http://h:99999/",
        "http://h:x/",
        "http://*.example/",
        "http://h\x00x/",
        "http://\ud800/",
        "http://good.example\\@127.0.0.1/",
        "ftp://shop.example/",
        "shop.example",
        "http://",
        "",
    ],
)
def test_a_url_that_leads_nowhere(client: Client, url: str) -> None:
    with fails(PassingFailure, "unknown_host", reached=False, within=5.0):
        get(client, url)


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest/meta-data/",
        "https://169.254.169.254/",
        "http://2852039166/",
        "http://[::ffff:169.254.169.254]/",
        "http://0.0.0.0/",
        "http://0/",
    ],
)
def test_some_addresses_are_never_called(client: Client, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setattr(socket.socket, "connect", lambda *args: pytest.fail("it connects"))
    with fails(PermanentFailure, "blocked_address", reached=False):
        get(client, url)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "127.1", "[::ffff:127.0.0.1]"])
def test_private_addresses_need_leave(make_client: MakeClient, serve: Serve, host: str) -> None:
    server = serve(always(OK))
    with fails(PermanentFailure, "blocked_address", reached=False):
        get(make_client(allow_private=False), f"http://{host}:{server.port}/")
    assert server.connections == 0


def test_a_name_is_judged_by_the_addresses_behind_it(
    client: Client, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve(always(OK))

    def found(*addresses: str) -> None:
        entries = [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, server.port))
            for address in addresses
            if ipaddress.ip_address(address)
        ]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: entries)

    found("169.254.169.254")
    with fails(PermanentFailure, "blocked_address", reached=False):
        get(client, "http://shop.example/")
    found("169.254.169.254", "127.0.0.1")
    assert get(client, "http://shop.example/").body == b"ok"


# Secrets


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "s3cret\r\nX-Evil: 1"},
        {"Authorization": "s3cret €"},
        {"Authorization": " s3cret"},
        {"Bad name:": "s3cret"},
        {"Ünicode €": "s3cret"},
        {"Authorization": 3},
        {"X-Other": "s3cret\n"},
    ],
)
def test_a_header_that_cannot_be_sent_stays_secret(serve: Serve, client: Client, headers: Any) -> None:
    server = serve(always(OK))
    with pytest.raises(PassingFailure) as caught:
        get(client, server.url, headers=headers)
    assert (caught.value.code, caught.value.reached) == ("bad_answer", False)
    assert "s3cret" not in "".join(traceback.format_exception(caught.value))
    assert server.requests == []


def test_a_message_names_the_host_alone(client: Client) -> None:
    with pytest.raises(PassingFailure) as caught:
        get(client, "http://user:s3cret@shop.invalid/s3cret?pass=s3cret#s3cret", headers={"X": "s3cret"})
    assert caught.value.message.startswith("shop.invalid ")
    assert "s3cret" not in caught.value.message


# Closing


def test_closing_stops_what_is_under_way(make_client: MakeClient, serve: Serve) -> None:
    def script(server: Server, connection: socket.socket) -> None:
        while server.read(connection):
            pass

    server = serve(script)
    client = make_client()
    failures: list[CallFailed] = []

    def work() -> None:
        try:
            get(client, server.url, session_key=1)
        except CallFailed as failure:
            failures.append(failure)

    thread = threading.Thread(target=work)
    thread.start()
    assert server.got_request.wait(2)
    start = monotonic()
    client.close()
    thread.join()
    assert monotonic() - start < 1.0
    assert [(failure.code, failure.reached) for failure in failures] == [("timeout", True)]
    assert isinstance(failures[0], PassingFailure)
    assert "stopped" in failures[0].message


def test_closing_stops_a_look_up(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, release = threading.Event(), threading.Event()

    def slow(*args: object, **kwargs: object) -> list[object]:
        asked.set()
        release.wait(5)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    closer = threading.Thread(target=lambda: asked.wait(2) and client.close())
    closer.start()
    with fails(PassingFailure, "timeout", reached=False, within=1.0):
        get(client, "http://shop.example/")
    release.set()
    closer.join()


def test_a_closed_client_calls_nobody(client: Client, serve: Serve) -> None:
    server = serve(always(OK))
    get(client, server.url, session_key=1)
    client.close()
    client.close()
    with fails(PassingFailure, "timeout", reached=False):
        get(client, server.url, session_key=1)
    assert server.connections == 1


def test_closing_lets_idle_connections_go(client: Client, serve: Serve) -> None:
    server = serve(always(OK))
    get(client, server.url, session_key=1)
    assert not server.closed_one.is_set()
    client.close()
    assert server.closed_one.wait(2)
