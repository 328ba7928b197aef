"""Invalid input is answered with an error that names the field, never with a 500, and changes nothing."""

import json
from typing import Any

import pytest

from tests.api.api_clients import ApiClient

GOOD = {"customer": "alice@example.test", "points": 5}
JSON = {"Content-Type": "application/json"}


def body_without(name: str) -> dict[str, Any]:
    return {key: value for key, value in GOOD.items() if key != name}


FIELDS: list[tuple[Any, str]] = [
    (body_without("customer"), "customer"),
    (body_without("points"), "points"),
    (GOOD | {"set": 5}, "points"),
    (GOOD | {"customer": 5}, "customer"),
    (GOOD | {"customer": ""}, "customer"),
    (GOOD | {"customer": "alice"}, "customer"),
    (GOOD | {"customer": "alice\0@example.test"}, "customer"),
    (GOOD | {"customer": "a" * 5000 + "@example.test"}, "customer"),
    (GOOD | {"points": 0}, "points"),
    (GOOD | {"points": "5.5"}, "points"),
    (GOOD | {"points": 5.5}, "points"),
    (GOOD | {"points": True}, "points"),
    (GOOD | {"points": [5]}, "points"),
    (GOOD | {"points": 2_000_000_001}, "points"),
    (GOOD | {"points": -(10**18)}, "points"),
    (GOOD | {"points": 10**40}, "points"),
    (GOOD | {"points": 10**4000}, "points"),
    (body_without("points") | {"set": "1.000"}, "set"),
    (body_without("points") | {"set": 2_000_000_001}, "set"),
    (GOOD | {"reserve": "nowhere"}, "reserve"),
    (GOOD | {"reserve": "de\0fault"}, "reserve"),
    (GOOD | {"reserve": ""}, "reserve"),
    (GOOD | {"reserve": 1}, "reserve"),
    (GOOD | {"kind": "expire"}, "kind"),
    (GOOD | {"kind": "import"}, "kind"),
    (GOOD | {"kind": ""}, "kind"),
    (GOOD | {"reason": "a" * 501}, "reason"),
    (GOOD | {"reason": "a\0b"}, "reason"),
    (GOOD | {"ref": ""}, "ref"),
    (GOOD | {"ref": 17}, "ref"),
    (GOOD | {"ref": "a" * 192}, "ref"),
    (GOOD | {"ref": "a\0b"}, "ref"),
    (GOOD | {"ref": " a"}, "ref"),
    (GOOD | {"at": "yesterday"}, "at"),
    (GOOD | {"at": "2026-01-31T12:00:00"}, "at"),
    (GOOD | {"at": "0001-01-01T00:00:00+23:59"}, "at"),
    (GOOD | {"at": "2999-01-01T00:00:00Z"}, "at"),
    (GOOD | {"at": 1}, "at"),
    (GOOD | {"poinst": 5}, "poinst"),
    (GOOD | {"x" * 3000: 5}, "x" * 40),
]


@pytest.mark.parametrize(("body", "field"), FIELDS, ids=range(len(FIELDS)))
@pytest.mark.parametrize("is_list", [False, True])
def test_the_field_is_named(api_client: ApiClient, body: dict[str, Any], field: str, is_list: bool) -> None:
    answer = api_client.record(data=json.dumps({"movements": [GOOD, body]} if is_list else body), headers=JSON)
    assert answer.status_code == 422
    error = answer.json["error"]
    assert (f"movements[1].{field}" if is_list else field) in error["fields"]
    assert error["message"] in error["fields"].values()
    assert api_client.get("/customers/alice@example.test").status_code == 404


BODIES = [
    (b"", "malformed"),
    (b"{", "malformed"),
    (b"{}x", "malformed"),
    (b'{"customer": NaN}', "malformed"),
    (b'{"customer": "alice@example.test", "points": Infinity}', "malformed"),
    (b'{"customer": "\xff"}', "malformed"),
    (b'{"customer": "\xed\xa0\x80"}', "malformed"),
    (b'{"customer": "\\ud800@example.test", "points": 5}', "malformed"),
    (b"\xff\xfe{\x00}\x00", "malformed"),
    (b"[" * 100_000, None),
    (b'{"customer":' * 50_000, "malformed"),
    (b'{"customer": "alice@example.test", "points": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", None),
    (b"[]", "invalid"),
    (b"null", "invalid"),
    (b"5", "invalid"),
    (b'{"movements": []}', "invalid"),
    (b'{"movements": {}}', "invalid"),
    (b'{"movements": null}', "invalid"),
    (b'{"movements": [5]}', "invalid"),
    (b'{"movements": [[]]}', "invalid"),
    (b'{"customer": "alice@example.test", "points": 1e400}', "invalid"),
    (b'{"customer": "\\ud800@example.test", "points": 1e400}', None),
    (b'{"customer": "alice@example.test", "points": 5, "\\u0000": 1e999}', "invalid"),
    (b'{"customer": "alice@example.test", "points": 5, "set": -1e400}', "invalid"),
]


@pytest.mark.parametrize(("raw", "code"), BODIES, ids=range(len(BODIES)))
def test_an_unreadable_body(api_client: ApiClient, raw: bytes, code: str | None) -> None:
    answer = api_client.record(data=raw, headers=JSON)
    assert answer.status_code == 422
    assert code in (None, answer.json["error"]["code"])
    assert api_client.get("/customers/alice@example.test").status_code == 404


@pytest.mark.parametrize(
    "content_type",
    ["", "text/plain", "application/x-www-form-urlencoded", "application/json; charset=utf-16", "nonsense", "\xff"],
)
def test_another_content_type(api_client: ApiClient, content_type: str) -> None:
    answer = api_client.record(data=json.dumps(GOOD), headers={"Content-Type": content_type})
    assert answer.status_code == 422
    assert answer.json["error"]["code"] == "wrong_content_type"


def test_all_invalid_fields_of_a_movement_are_named(api_client: ApiClient) -> None:
    answer = api_client.record({"points": "five", "kind": "gift", "at": "never", "reserve": 1, "other": 1})
    assert set(answer.json["error"]["fields"]) == {"customer", "points", "kind", "at", "reserve", "other"}


def test_all_rules_that_a_movement_breaks_are_named(api_client: ApiClient) -> None:
    wrong = {"customer": "alice", "points": 0, "reserve": "nowhere", "reason": "a" * 501, "ref": " a"}
    wrong |= {"at": "2999-01-01T00:00:00Z"}
    error = api_client.record(wrong).json["error"]
    assert set(error["fields"]) == set(wrong)
    assert error["code"] == "invalid"
    assert error["message"] in error["fields"].values()
    error = api_client.record({"movements": [GOOD, wrong, GOOD | {"points": 5, "set": 2_000_000_001}]}).json["error"]
    assert set(error["fields"]) == {f"movements[1].{name}" for name in wrong} | {"movements[2].points"}
    assert api_client.get("/customers/alice@example.test").status_code == 404


def test_a_single_error_keeps_its_code(api_client: ApiClient) -> None:
    assert api_client.record(GOOD | {"reserve": "nowhere"}).json["error"]["code"] == "unknown_reserve"
    broken = [{"customer": "alice", "points": 1}] * 1000
    assert len(api_client.record({"movements": broken}).json["error"]["fields"]) == 20


def test_a_lone_surrogate_is_named_as_the_cause(api_client: ApiClient) -> None:
    for escape in (r"\ud800", r"\udc00", r"\uD83D\u0041", r"\ud800@example.test"):
        raw = b'{"customer": "%s", "points": 5}' % escape.encode()
        answer = api_client.record(data=raw, headers=JSON)
        assert (answer.status_code, answer.json["error"]["code"]) == (422, "malformed")
        assert "lone surrogate" in answer.json["error"]["message"]
    for raw in (rb'{"customer": "\ud83d\ude00', rb'{"customer": "\\ud800'):
        assert "truncated" in api_client.record(data=raw, headers=JSON).json["error"]["message"]


def test_a_long_list_of_errors_is_cut(api_client: ApiClient) -> None:
    answer = api_client.record({"movements": [{}] * 1000})
    assert len(answer.json["error"]["fields"]) == 20


def test_the_last_of_two_equal_fields_counts(api_client: ApiClient) -> None:
    raw = b'{"customer": "alice@example.test", "points": 5, "points": 6}'
    assert api_client.record(data=raw, headers=JSON).json["movement"]["points"] == 6


def test_a_body_too_large(api_client: ApiClient) -> None:
    answer = api_client.record(data=b'{"customer": "' + b"a" * (1024 * 1024) + b'"}', headers=JSON)
    assert answer.status_code == 413
    assert answer.json["error"]["code"] == "too_large"


def test_a_balance_out_of_bounds(api_client: ApiClient) -> None:
    api_client.record(GOOD | {"points": 2_000_000_000})
    assert api_client.record(GOOD).status_code == 422
    assert api_client.points("alice@example.test") == 2_000_000_000


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/api/v1/nothing", 404, "not_found"),
        ("GET", "/api", 404, "not_found"),
        ("GET", "/api/v1/%ff%00", 404, "not_found"),
        ("GET", "/api/v1/movements", 405, "method_not_allowed"),
        ("DELETE", "/api/v1/reserves", 405, "method_not_allowed"),
        ("OPTIONS", "/api/v1/movements", 405, "method_not_allowed"),
        ("PUT", "/hooks/woocommerce/abc", 405, "method_not_allowed"),
        ("GET", "/hooks/other", 404, "not_found"),
        ("POST", "/healthz", 405, "method_not_allowed"),
    ],
)
def test_unknown_addresses_and_methods(api_client: ApiClient, method: str, path: str, status: int, code: str) -> None:
    answer = api_client.client.open(path, method=method)
    assert answer.status_code == status
    assert answer.json["error"]["code"] == code
    assert ("Allow" in answer.headers) == (status == 405)
