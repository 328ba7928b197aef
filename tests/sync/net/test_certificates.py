"""The HTTP client accepts only trusted certificates for the name that it calls."""

import socket
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from pointsync.net.call import PermanentCallError, TransientCallError
from pointsync.net.http_client import HttpClient
from tests.support.scripted_server import (
    OK,
    CreateClient,
    ScriptedServer,
    StartServer,
    answer_always,
    answer_once,
    expect_call_failed,
    get,
)


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
    make_client: CreateClient, serve: StartServer, pem: Path, tls: ssl.SSLContext
) -> None:
    names: list[str | None] = []
    tls.sni_callback = lambda sock, name, context: names.append(name)
    server = serve(answer_always(OK), tls)
    client = make_client(verify=str(pem))
    for _ in range(2):
        assert get(client, f"https://localhost:{server.port}/", connection_key=1).body == b"ok"
    assert f"Host: localhost:{server.port}\r\n".encode() in server.requests[0]
    assert names == ["localhost"]
    assert server.connections == 1


def test_an_untrusted_certificate_is_refused(client: HttpClient, serve: StartServer, tls: ssl.SSLContext) -> None:
    server = serve(answer_always(OK), tls)
    with expect_call_failed(PermanentCallError, "certificate", was_sent=False):
        get(client, f"https://localhost:{server.port}/")
    assert server.requests == []


def test_a_certificate_for_another_name_is_refused(
    make_client: CreateClient, serve: StartServer, pem: Path, tls: ssl.SSLContext
) -> None:
    server = serve(answer_always(OK), tls)
    with expect_call_failed(PermanentCallError, "certificate", was_sent=False):
        get(make_client(verify=str(pem)), f"https://127.0.0.1:{server.port}/")
    assert server.requests == []


def test_plain_http_where_tls_should_be_is_a_bad_answer(client: HttpClient, serve: StartServer) -> None:
    server = serve(answer_once(b"HTTP/1.1 400 No\r\n\r\n"))
    server.script = lambda server, connection: connection.sendall(b"HTTP/1.1 400 No\r\n\r\n")
    with expect_call_failed(TransientCallError, "bad_answer", was_sent=False):
        get(client, f"https://127.0.0.1:{server.port}/")


def test_a_body_that_drips_through_tls_is_cut(
    make_client: CreateClient, serve: StartServer, pem: Path, tls: ssl.SSLContext
) -> None:
    def script(server: ScriptedServer, connection: socket.socket) -> None:
        server.read(connection)
        server.drip(connection, b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 10_000)

    server = serve(script, tls)
    with expect_call_failed(TransientCallError, "timeout", was_sent=True, within=1.5):
        get(make_client(verify=str(pem), total_seconds=0.5), f"https://localhost:{server.port}/")
