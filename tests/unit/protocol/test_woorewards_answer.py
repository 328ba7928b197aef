"""What a WooRewards shop answers is found between what other programs print around it."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsync.sync.protocol import woorewards_answer

SUCCESS = {"status": "success", "status_code": "s200", "transaction_id": 7, "points": 5, "message": "{} é"}
PING = {"sync": "yes", "auth": "yes", "pool": "Standard"}
NOTICE = (
    "<br />\n<b>Notice</b>:  Undefined index: {x} in <b>/srv/www/wp-content/plugins/a.php</b> on line <b>3</b><br />\n"
)
CLOSURE = "PHP Warning:  foo() expects 1, called in {closure}() in /srv/a.php on line 3\n"
COMMENT = "\n<!-- Page cached by Fast Cache {v2} -->\n"


@pytest.mark.parametrize("answer", [SUCCESS, PING])
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", ""),
        ("\ufeff", ""),
        ("\ufeff\ufeff", ""),
        ("\n\n  ", "\n\n"),
        (NOTICE, ""),
        (f"\ufeff{NOTICE}{NOTICE}", ""),
        (CLOSURE, ""),
        ("", COMMENT),
        (NOTICE, COMMENT),
        ("<!-- {} -->", ""),
        ('{"other": "plugin"}', ""),
        ("", "<script>if (a) { b({\"c\": 1}) }</script>"),
        ("[{", "}]"),
    ],
)  # fmt: skip
def test_what_is_printed_around_the_answer_is_ignored(answer: dict[str, Any], before: str, after: str) -> None:
    assert woorewards_answer.parse(f"{before}{json.dumps(answer, ensure_ascii=False)}{after}".encode()) == answer


def test_an_answer_that_is_printed_twice_is_one() -> None:
    assert woorewards_answer.parse(json.dumps(SUCCESS).encode() * 2) == SUCCESS


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xef\xbb\xbf",
        b"null",
        b"[]",
        b'"text"',
        b"{",
        b"<html><body>Maintenance</body></html>",
        json.dumps(SUCCESS).encode()[:-1],
        json.dumps(SUCCESS).encode() + json.dumps(SUCCESS | {"status_code": "s208"}).encode(),
        b"x" + json.dumps(SUCCESS | {"transaction_id": 8}).encode() + json.dumps(SUCCESS).encode(),
        NOTICE.encode() + json.dumps({"other": "plugin"}).encode(),
        NOTICE.encode() + json.dumps(SUCCESS, ensure_ascii=False).encode("utf-16"),
        b"x" + b"{" * 500_000,
        b'x{"a":' * 100_000,
        b"x" + b"{" * 60 + json.dumps(SUCCESS).encode(),
    ],
)
def test_what_is_no_single_answer(body: bytes) -> None:
    assert woorewards_answer.parse(body) is None


def test_plain_json_is_read_as_before() -> None:
    assert woorewards_answer.parse(b'{"other": 1}') == {"other": 1}


@given(
    st.text(max_size=40).filter(lambda text: "{" not in text), st.text(max_size=40).filter(lambda text: "{" not in text)
)
def test_any_text_without_braces_around_it_is_ignored(before: str, after: str) -> None:
    body = f"{before}{json.dumps(SUCCESS)}{after}".encode()
    assert woorewards_answer.parse(body) == SUCCESS


@given(st.binary(max_size=200))
def test_any_bytes_are_an_object_or_nothing(body: bytes) -> None:
    assert isinstance(woorewards_answer.parse(body), dict | None)


def test_errors_in_wordpress_own_format() -> None:
    error = {"code": "rest_forbidden", "message": "Sorry.", "data": {"status": 401}}
    assert woorewards_answer.is_wordpress_error(error, 401)
    for other in ({}, {"error": "unauthorized"}, error | {"data": None}, error | {"data": {"status": 403}}):
        assert not woorewards_answer.is_wordpress_error(other, 401)
