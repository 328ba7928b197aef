"""What may stand between two sites: a proxy that answers in their place, a firewall's page, a fault."""

import gzip
import io
import json
from collections.abc import Callable, Iterable
from typing import Any

from tests.peer.peer_site import PeerSite, Wsgi

Front = Callable[[dict[str, Any], Any, Wsgi], Iterable[bytes]]
Body = dict[str, Any]

PAGE = b"<!doctype html><html><body><h1>Something else</h1></body></html>"


def page(start_response: Any, status: int, headers: dict[str, str] | None = None) -> list[bytes]:
    """A page of whoever stands in between, as HTML."""
    start_response(f"{status} Whatever", [("Content-Type", "text/html"), *(headers or {}).items()])
    return [PAGE]


def error(start_response: Any, status: int, code: str, headers: dict[str, str] | None = None) -> list[bytes]:
    """An error as a PointSync site tells it."""
    start_response(f"{status} Whatever", [("Content-Type", "application/json"), *(headers or {}).items()])
    return [json.dumps({"error": {"code": code, "message": "So it is."}}).encode()]


def answering(status: int, code: str | None = None, headers: dict[str, str] | None = None, of: str = "") -> Front:
    """Answers every call whose path ends with `of`: with a page, or with an error of that code."""

    def front(environ: dict[str, Any], start_response: Any, app: Wsgi) -> Iterable[bytes]:
        if not environ["PATH_INFO"].endswith(of):
            return app(environ, start_response)
        environ["wsgi.input"].read()
        return error(start_response, status, code, headers) if code else page(start_response, status, headers)

    return front


def refusing(is_bad: Callable[[Body], bool], status: int, code: str | None = None) -> Front:
    """Answers so to batches that are bad; the application answers the rest."""

    def front(environ: dict[str, Any], start_response: Any, app: Wsgi) -> Iterable[bytes]:
        raw = environ["wsgi.input"].read()
        environ["wsgi.input"] = io.BytesIO(raw)
        plain = gzip.decompress(raw) if environ.get("HTTP_CONTENT_ENCODING") == "gzip" else raw
        if environ["PATH_INFO"].endswith("/movements") and is_bad(json.loads(plain)):
            return error(start_response, status, code) if code else page(start_response, status)
        return app(environ, start_response)

    return front


def holding(movement_id: str) -> Callable[[Body], bool]:
    """Whether a batch holds a certain movement."""
    return lambda body: any(each["id"] == movement_id for each in body["movements"])


def larger_than(most: int) -> Callable[[Body], bool]:
    """Whether a batch holds more than so many movements."""
    return lambda body: len(body["movements"]) > most


def batches(site: PeerSite) -> int:
    """How many batches have reached a site."""
    return sum(path == "/pointsync/v1/movements" for _, path, _ in site.requests)
