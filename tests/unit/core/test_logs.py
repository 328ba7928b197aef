"""Log lines: one per event, and without secrets."""

import json
import logging
import sys

import pytest

from pointsync import clock
from pointsync.logs import JsonFormatter, TextFormatter, redact

SECRETS = [
    "wrs_0123456789abcdef",
    "psk_aZ-09_x",
    "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "anna@shop.example",
    "anna%40shop.example",
    "Ännchen@xn--bcher-kva.example",
    "https://user:pass@shop.example/points",
]


def record(message: str, *args: object, **more: object) -> logging.LogRecord:
    return logging.makeLogRecord({"name": "pointsync.x", "levelno": 20, "levelname": "INFO"} | {"msg": message} | more)


def exc_info_of_failure() -> object:
    try:
        raise ValueError("anna@shop.example has\ntwo lines")
    except ValueError:
        return sys.exc_info()


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("around", ["{}", "remote 1: {}, was", "said '{}'.", "<{}>", "a|{}|b", "(parameters: ('{}',))"])
def test_secrets_are_redacted_and_the_rest_is_not(secret: str, around: str) -> None:
    shown = redact(around.format(secret))
    assert secret not in shown
    assert not {"0123456789abcdef", "aZ-09_x", "anna", "shop.example", "pass"} & {shown, *shown.split("_")}
    before, _, after = around.partition("{}")
    assert shown.startswith(before)
    assert shown.endswith(after)


@pytest.mark.parametrize(
    "text",
    ["remote 1: 3 of 3 movements delivered", "https://shop.example:8080/x?y=1", "wrk_0123456789abcdef", "5 @ noon"],
)
def test_harmless_text_is_unchanged(text: str) -> None:
    assert redact(text) == text


def test_a_json_line_is_one_object_with_the_events_own_fields() -> None:
    line = JsonFormatter().format(
        record("remote 3: \u2028 \udcff two\nlines", remote=3, code="timeout", exc_info=exc_info_of_failure())
    )
    assert "\n" not in line
    event = json.loads(line)
    time = clock.from_text(event.pop("time"))
    assert abs((clock.now() - time).total_seconds()) < 60
    error = event.pop("error")
    assert error.startswith("Traceback")
    assert "anna" not in error
    assert event == {
        "level": "info",
        "logger": "pointsync.x",
        "message": "remote 3: \u2028 \udcff two\nlines",
        "remote": 3,
        "code": "timeout",
    }


def test_an_extra_field_never_replaces_a_standard_field() -> None:
    event = json.loads(JsonFormatter().format(record("so", level="x", logger="y", error="z")))
    assert (event["level"], event["logger"]) == ("info", "pointsync.x")


def test_a_text_message_is_always_one_line() -> None:
    line = TextFormatter().format(record("two\nlines \x1b[31m\u202e", exc_info=exc_info_of_failure()))
    assert line.splitlines() == [line]
    assert line.isprintable()
    assert "anna" not in line
    assert " INFO pointsync.x: two | lines" in line
