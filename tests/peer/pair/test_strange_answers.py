"""What something between two sites answers says nothing about the sites, and is called what it is."""

from collections.abc import Iterable
from typing import Any

import pytest

from tests.peer import interceptors
from tests.peer.peer_site import PeerSite, Wsgi
from tests.peer.signed_caller import ALICE

Pair = tuple[PeerSite, PeerSite]


@pytest.mark.parametrize("status", [401, 407, 408, 421])
def test_a_proxy_that_answers_for_the_site_is_waited_for(pair: Pair, status: int) -> None:
    a, b = pair
    remote_id, _ = a.list_site(b)
    b.interceptor = interceptors.answer_with(status)
    result = a.check(remote_id)
    assert (result.is_ok, result.code, result.is_permanent) == (False, "bad_answer", False)
    assert "Pass" not in result.message
    a.record(ALICE, 5)
    a.deliver(remote_id)
    shown = a.remote_json(remote_id)
    assert (shown["status"], shown["waiting"]) == ("warning", 1)
    b.interceptor = None
    a.retry(remote_id)
    a.deliver(remote_id)
    assert b.balance(ALICE) == 5


@pytest.mark.parametrize("status", [401, 408, 421])
def test_the_same_for_a_site_that_is_added(pair: Pair, status: int) -> None:
    a, b = pair
    b.interceptor = interceptors.answer_with(status)
    _, result = a.list_site(b)
    assert (result.is_ok, result.code, result.is_permanent) == (False, "bad_answer", False)
    assert any("authorization" in headers for _, _, headers in b.requests) is (status == 401), "the other dialect"


@pytest.mark.parametrize("is_known", [True, False])
def test_a_redirect_names_the_url_to_enter(pair: Pair, is_known: bool) -> None:
    a, b = pair
    if is_known:
        remote_id, _ = a.list_site(b)
    moved = f"http://localhost:{b.port}"
    b.interceptor = lambda environ, start_response, app: interceptors.html_answer(
        start_response, 301, {"Location": f"{moved}{environ['PATH_INFO']}?x=1"}
    )
    result = a.check(remote_id) if is_known else a.list_site(b)[1]
    assert (result.code, result.is_permanent) == ("not_a_site", True)
    assert result.message.endswith(f"redirects to {moved}. Enter {moved} as the URL instead.")


def test_a_redirect_of_unknown_pages_only_is_named_too(pair: Pair) -> None:
    """The page of another program below the URL of the site: WooRewards is not there either."""
    a, b = pair

    def intercept(environ: dict[str, Any], start_response: Any, app: Wsgi) -> Iterable[bytes]:
        if environ["PATH_INFO"].startswith("/wp-json/"):
            return interceptors.html_answer(start_response, 404)
        return interceptors.html_answer(start_response, 302, {"Location": "/sign-in?next=%2F"})

    b.interceptor = intercept
    _, result = a.list_site(b)
    assert result.code == "not_a_site"
    assert "redirects calls to /sign-in, where no site is" in result.message


@pytest.mark.parametrize(
    ("before", "after"), [(b"", b"\n<!-- Page cached -->"), (b"\xef\xbb\xbf", b""), (b"<br />", b""), (b" ", b"")]
)
def test_a_signed_answer_that_was_changed_is_not_taken_for_another_site(
    pair: Pair, before: bytes, after: bytes
) -> None:
    a, b = pair
    remote_id, _ = a.list_site(b)

    def intercept(environ: dict[str, Any], start_response: Any, app: Wsgi) -> Iterable[bytes]:
        def start(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            return start_response(status, [each for each in headers if each[0].lower() != "content-length"], *rest)

        return [before + b"".join(app(environ, start)) + after]

    b.interceptor = intercept
    result = a.check(remote_id)
    assert (result.code, result.is_permanent) == ("bad_answer", False)
    assert "may be changing answers" in result.message
    a.record(ALICE, 5)
    a.deliver(remote_id)
    assert a.remote_json(remote_id)["waiting"] == 1, "what is not signed confirms nothing"
