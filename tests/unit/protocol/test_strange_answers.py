"""Answers that no site gives: what they are, and what to do."""

import pytest

from pointsync.net import failed_answer
from pointsync.net.http_client import HttpResponse
from pointsync.sync.protocol import strange_answers

URL = "https://shop.example"
PING = "/pointsync/v1/ping"
SYNC = "/wp-json/woorewards/v1/pointsync/sync/default/a%40b.example/5/add"


def redirect(location: str, *, url: str = URL, path: str = PING, status: int = 301) -> strange_answers.RemoteError:
    found = strange_answers.redirect_error(HttpResponse(status, {"location": location}, b""), url, path)
    assert found
    return found


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_names_the_url_to_enter(status: int) -> None:
    error = redirect("https://www.shop.example/pointsync/v1/ping", status=status)
    assert str(error) == (
        "https://shop.example redirects to https://www.shop.example. Enter https://www.shop.example as the URL instead."
    )
    assert (error.code, error.is_permanent, error.is_not_a_site) == ("not_a_site", True, True)


def test_a_redirect_of_a_woorewards_call_names_the_url_to_enter() -> None:
    location = "/shop/wp-json/woorewards/v1/pointsync/sync/default/a@b.example/5/add/"
    assert "Enter https://shop.example/shop as the URL" in str(redirect(location, path=SYNC))


def test_a_redirect_to_plain_http_is_not_advised() -> None:
    error = redirect("http://shop.example/pointsync/v1/ping")
    assert str(error).endswith("http://shop.example, which is not encrypted. Correct the redirect there.")
    assert "Enter https://shop.example as" in str(redirect("https://shop.example" + PING, url="http://shop.example"))


@pytest.mark.parametrize(
    ("location", "path", "shown"),
    [
        ("/login?token=s3cret#x", PING, "to /login, where no site is. Let calls to /pointsync/ through"),
        ("https://joe:s3cret@sso.example/in", PING, "to https://sso.example/in, where no site is."),
        ("/pointsync/v1/ping/", PING, "to /pointsync/v1/ping/, where no site is."),
        ("/maintenance", SYNC, "Let calls to /wp-json/woorewards/ through"),
        ("/" + "x" * 999, PING, "…"),
        ("\x1b[31m/\u202e", PING, "?[31m/?"),
    ],
)
def test_a_redirect_elsewhere_says_so(location: str, path: str, shown: str) -> None:
    message = str(redirect(location, path=path))
    assert shown in message
    assert "s3cret" not in message
    assert "Enter" not in message
    assert len(message) < 500


def test_what_is_no_redirect() -> None:
    for response in (HttpResponse(304, {}, b""), HttpResponse(200, {"location": "/"}, b"")):
        assert strange_answers.redirect_error(response, URL, PING) is None


@pytest.mark.parametrize("status", [401, 403, 407, 408, 421])
def test_what_something_in_between_answers_says_nothing_about_the_pass(status: int) -> None:
    error = strange_answers.in_between_error(HttpResponse(status, {}, b"<html>"), URL, PING)
    assert error
    assert (error.was_answered, error.status) == (False, status)
    assert (error.code, error.is_permanent) == (("not_a_site", True) if status == 403 else ("bad_answer", False))
    assert str(status) in str(error)
    assert "Pass" not in str(error)


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (b"", "an empty answer"),
        (b"\xef\xbb\xbf \n", "an empty answer"),
        (
            b"<br />\n<b>Fatal error</b>:  Allowed memory in <b>/a.php</b> on line <b>3</b>",
            "“Fatal error:  Allowed memory",
        ),
        (b"PHP Parse error:  unexpected in /a.php on line 3\n", "“PHP Parse error:  unexpected"),
        (b"<b>Warning</b>:  " + b"x" * 500 + b" on line 3", "…”"),
        (b"<!DOCTYPE html><h1>Warning: sale</h1>", "a web page"),
        (b"\xef\xbb\xbf <html>", "a web page"),
        (b"<!-- maintenance -->", "a web page"),
        (b'{"hello": "world"}', "neither PointSync nor WooRewards"),
        (b"\x80\xff", "neither PointSync nor WooRewards"),
    ],
)
def test_what_an_answer_is(body: bytes, shown: str) -> None:
    text = strange_answers.describe(HttpResponse(200, {}, body), URL)
    assert shown in text
    assert text.endswith(".")
    assert "on line" not in text or len(text) < 300
    assert bool(failed_answer.describe(HttpResponse(200, {}, body), URL)) is ("empty" in text or "PHP" in text)
