"""A shop that calls a site in the WooRewards dialect and sends paths unchanged."""

import itertools
import secrets
import socket
from urllib.parse import quote, urlencode

from pointsync.sync.protocol.woorewards import build_basic_auth
from tests.peer.peer_site import PeerSite
from tests.support.process import HttpAnswer, call

ROUTE = "/wp-json/woorewards/v1/pointsync"
FORM = {"content-type": "application/x-www-form-urlencoded"}


class WooRewardsCaller:
    """A shop with its own Auth that knows the site's Auth and Pass."""

    def __init__(self, site: PeerSite) -> None:
        self.site = site
        self.auth = f"wrk_{secrets.token_hex(8)}"
        self.to, self.password = site.identity.auth, site.identity.passes[0]
        self._ids = itertools.count(1)

    @property
    def credentials(self) -> dict[str, str]:
        return {"authorization": build_basic_auth(self.to, self.password)}

    def ping(self, reserve: str = "default", headers: dict[str, str] | None = None) -> HttpAnswer:
        headers = self.credentials if headers is None else headers
        return call("GET", f"{self.site.url}{ROUTE}/ping/{reserve}", headers=headers)

    def sync(
        self,
        email: str,
        points: int | str,
        action: str = "add",
        transaction_id: int | str | None = None,
        reserve: str = "default",
        *,
        source: str | None = None,
        reason: str = "Order",
    ) -> HttpAnswer:
        """Send a movement; the e-mail is put into the path as given."""
        transaction_id = next(self._ids) if transaction_id is None else transaction_id
        form = {"source": source or self.auth, "transaction_id": transaction_id, "reason": reason}
        return self.post(f"{reserve}/{email}/{points}/{action}", form)

    def post(self, path: str, form: dict[str, object], headers: dict[str, str] | None = None) -> HttpAnswer:
        """Call `…/sync/` followed by `path`."""
        headers = FORM | (self.credentials if headers is None else headers)
        return call("POST", f"{self.site.url}{ROUTE}/sync/{path}", urlencode(form), headers)

    def raw(self, path: bytes, form: dict[str, object]) -> bytes:
        """The same with a path of any bytes; return the first line of the answer."""
        body = urlencode(form).encode()
        lines = [b"POST %s/sync/%s HTTP/1.1" % (ROUTE.encode(), path), b"host: x", b"connection: close"]
        headers = self.credentials | FORM | {"content-length": str(len(body))}
        lines += [f"{name}: {value}".encode() for name, value in headers.items()]
        with socket.create_connection(("127.0.0.1", self.site.port), timeout=10) as client:
            client.sendall(b"\r\n".join([*lines, b"", body]))
            return client.makefile("rb").readline().strip()


def status_code(answer: HttpAnswer) -> str:
    """The `status_code` of an answer, which is always 200 here."""
    assert answer.status == 200, answer
    return str(answer.body["status_code"])


def percent_encode(email: str) -> str:
    return quote(email, safe="")
