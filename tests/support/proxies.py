"""A real nginx and a real Caddy, with the manual's recipes, over TLS on ports of this machine."""

import datetime
import ipaddress
import os
import re
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.support.paths import MANUAL
from tests.support.process import wait_until

START_SECONDS = 20
END_SECONDS = 10
NGINX_CONF = """
daemon off;
worker_processes 1;
pid nginx.pid;
error_log stderr warn;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    {servers}
}}
"""


def manual_recipe(name: str, changes: Mapping[str, str]) -> str:
    """The manual's recipe of that name, with its places changed to the test's: each of them stands in it."""
    found = re.search(rf"<!-- {name} recipe -->\n```[a-z]*\n(.*?)```\n<!-- end -->", _embedding_page(), re.DOTALL)
    assert found, f"embedding.md has no recipe for {name}"
    text = found[1]
    for before, after in changes.items():
        assert before in text, f"the recipe for {name} has no {before!r}"
        text = text.replace(before, after)
    return text


def certificate(folder: Path, *names: str) -> tuple[Path, Path]:
    """A certificate for `names` and this machine's address, signed by itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, names[0])])
    now = datetime.datetime.now(datetime.UTC)
    others = [x509.DNSName(name) for name in names]
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([*others, x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return folder / "cert.pem", folder / "key.pem"


@contextmanager
def nginx(folder: Path, servers: str, port: int) -> Iterator[None]:
    """nginx with these `server` blocks, one of which listens at `port`."""
    program = _find_program("nginx")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "nginx.conf").write_text(NGINX_CONF.format(servers=servers))
    with _run_proxy([program, "-p", str(folder), "-c", "nginx.conf", "-e", "stderr"], folder, port):
        yield


@contextmanager
def caddy(folder: Path, sites: str, port: int) -> Iterator[None]:
    """Caddy with these sites, one of which listens at `port`."""
    program = _find_program("caddy")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "Caddyfile").write_text(f"{{\n\tadmin off\n\tauto_https disable_redirects\n}}\n{sites}")
    with _run_proxy([program, "run", "--config", "Caddyfile", "--adapter", "caddyfile"], folder, port):
        yield


@contextmanager
def _run_proxy(command: list[str], folder: Path, port: int) -> Iterator[None]:
    log = folder / "proxy.log"
    homes = {name: str(folder) for name in ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME")}
    with log.open("wb") as said:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=os.environ | homes,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            start_new_session=True,
        )

    def is_open() -> bool:
        assert process.poll() is None, log.read_text()
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    try:
        wait_until(is_open, START_SECONDS, f"{command[0]} at port {port}")
        yield
    finally:
        process.terminate()
        try:
            process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(END_SECONDS)


def _find_program(name: str) -> str:
    """The path of the program. Without it, tests skip, but in CI they fail."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if found is None:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(f"there is no {name} on this machine")
    return str(found)


def _embedding_page() -> str:
    return (MANUAL / "embedding.md").read_text()
