"""Something between two sites: a proxy that answers itself, a firewall's page, a failure."""

import gzip
import io
import json
from collections.abc import Callable, Iterable
from typing import Any

from tests.peer.peer_site import PeerSite, Wsgi

Interceptor = Callable[[dict[str, Any], Any, Wsgi], Iterable[bytes]]
Body = dict[str, Any]

PAGE = b"<!doctype html><html><body><h1>Something else</h1></body></html>"


def html_answer(start_response: Any, status: int, headers: dict[str, str] | None = None) -> list[bytes]:
    """Answer with an HTML page."""
    start_response(f"{status} Whatever", [("Content-Type", "text/html"), *(headers or {}).items()])
    return [PAGE]


def error_answer(start_response: Any, status: int, code: str, headers: dict[str, str] | None = None) -> list[bytes]:
    """Answer with an error as a PointSync site does."""
    start_response(f"{status} Whatever", [("Content-Type", "application/json"), *(headers or {}).items()])
    return [json.dumps({"error": {"code": code, "message": "An error."}}).encode()]


def answer_with(
    status: int, code: str | None = None, headers: dict[str, str] | None = None, path_suffix: str = ""
) -> Interceptor:
    """Answer calls whose path ends with `path_suffix`: with a page, or with an error of that code."""

    def intercept(environ: dict[str, Any], start_response: Any, app: Wsgi) -> Iterable[bytes]:
        if not environ["PATH_INFO"].endswith(path_suffix):
            return app(environ, start_response)
        environ["wsgi.input"].read()
        return (
            error_answer(start_response, status, code, headers)
            if code
            else html_answer(start_response, status, headers)
        )

    return intercept


def refuse_batches(is_bad: Callable[[Body], bool], status: int, code: str | None = None) -> Interceptor:
    """Answer bad batches like this; the application answers the others."""

    def intercept(environ: dict[str, Any], start_response: Any, app: Wsgi) -> Iterable[bytes]:
        raw = environ["wsgi.input"].read()
        environ["wsgi.input"] = io.BytesIO(raw)
        plain = gzip.decompress(raw) if environ.get("HTTP_CONTENT_ENCODING") == "gzip" else raw
        if environ["PATH_INFO"].endswith("/movements") and is_bad(json.loads(plain)):
            return error_answer(start_response, status, code) if code else html_answer(start_response, status)
        return app(environ, start_response)

    return intercept


def contains_movement(movement_id: str) -> Callable[[Body], bool]:
    """Return a check whether a batch contains this movement."""
    return lambda body: any(each["id"] == movement_id for each in body["movements"])


def has_more_than(count: int) -> Callable[[Body], bool]:
    """Return a check whether a batch has more than `count` movements."""
    return lambda body: len(body["movements"]) > count


def batch_count(site: PeerSite) -> int:
    """The number of batches that reached a site."""
    return sum(path == "/pointsync/v1/movements" for _, path, _ in site.requests)
