"""Every route with every method, for visitors, API keys and an admin, compared with a table.

`tests/data/routes.txt` has a line for each route and method, with the status codes. A new route needs a new line: think
about who may use it.
"""

import re
from collections.abc import Iterator

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from pointsync import clock, db
from pointsync.accounts import api_keys
from pointsync.scopes import allows
from tests.admin.conftest import ALSO_POSTGRES
from tests.support.panel_client import PanelClient
from tests.support.paths import DATA

TABLE = DATA / "routes.txt"
SCOPES = list(api_keys.SCOPES)
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
SAMPLES = (
    (r"<path:filename>", "css/tokens.css"),
    (r"<email:\w+>", "a@shop.test"),
    (r"<any\((\w+).*?>", r"\1"),
    (r"<[^>]+>", "1"),
)
"""Values for the variables in a path."""


@pytest.mark.parametrize("database_settings", ALSO_POSTGRES, indirect=True)
def test_each_route_matches_the_table(app: Flask, ada: PanelClient) -> None:
    with app.app_context():
        key = create_key(*SCOPES)
        lacking = {scope: create_key(*(each for each in SCOPES if not allows([each], scope))) for scope in SCOPES}
    found = []
    for rule in sorted({rule.rule for rule in app.url_map.iter_rules()}):
        path = sample_path(rule)
        allowed = app.url_map.bind("").allowed_methods(path)
        for method in METHODS:
            nobody = PanelClient(app)._open(path, method=method)
            if method not in allowed:
                assert nobody.status_code == 405, (method, rule)
                continue
            shop = key_answer(app, path, method, key)
            # HEAD asks for what GET asks for. Where the key with every scope is nobody, none is asked for.
            asked = found[-1].split()[-1] if method == "HEAD" else ""
            is_known = shop.status_code != nobody.status_code and method != "HEAD"
            scopes = SCOPES if is_known else [asked if asked in SCOPES else SCOPES[0]]
            without = {each: key_answer(app, path, method, lacking[each]).status_code for each in scopes}
            needed = [each for each, code in without.items() if code == 403]
            # A key that lacks a scope which shop includes lacks shop as well.
            scope = "shop" if "shop" in needed else " ".join(needed)
            refused = 403 if scope else shop.status_code
            assert set(without.values()) <= {refused, shop.status_code}, (method, rule, without)
            admin = ada._open(path, method=method)
            if 300 <= nobody.status_code < 400:
                assert nobody.location.startswith("/sign-in"), (method, rule)
            codes = [nobody.status_code, refused, shop.status_code, admin.status_code]
            access = f"{_format_codes(codes)} {scope}".strip()
            if method == "HEAD":
                assert found[-1].endswith(f"GET {access}"), (rule, codes)
            else:
                found.append(f"{route_pattern(rule)} {method} {access}")
    assert found == list(table_lines())


def create_key(*scopes: str) -> str:
    """Create an API key with these scopes."""
    return db.run_in_transaction(
        lambda session: api_keys.create(session, "-".join(sorted(scopes)), clock.now(), scopes=scopes)
    )[1]


def key_answer(app: Flask, path: str, method: str, key: str) -> TestResponse:
    """The response to a request with that key."""
    return PanelClient(app)._open(path, method=method, headers={"Authorization": f"Bearer {key}"})


def _format_codes(codes: list[int]) -> str:
    return " ".join(map(str, codes))


def route_pattern(rule: str) -> str:
    """The rule without its converters."""
    return re.sub(r"<(?:[^>]*:)?(\w+)>", r"<\1>", rule)


def sample_path(rule: str) -> str:
    """A path that matches the rule."""
    for gap, filling in SAMPLES:
        rule = re.sub(gap, filling, rule)
    return rule


def table_lines() -> Iterator[str]:
    """The table's lines, with single spaces."""
    return (" ".join(line.split()) for line in TABLE.read_text().splitlines() if line and not line.startswith("#"))
