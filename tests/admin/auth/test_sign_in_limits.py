"""Password guessing is limited by name and by address; a stranger cannot lock an admin out."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask

from pointsync import db
from pointsync.accounts import admins, sign_ins
from pointsync.accounts.admins import HASH_METHOD
from pointsync.admin.auth import rate_limit
from tests.support.moving_clock import MovingClock
from tests.support.panel_client import NAME, PASSWORD, PanelClient
from tests.support.site_template import open_site

PER_NAME = rate_limit.RATE_PER_NAME.per_minute
PER_ADDRESS = rate_limit.RATE_PER_ADDRESS.per_minute


pytestmark = pytest.mark.usefixtures("stopped_clock")


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compare passwords without hashing, which other tests cover."""
    monkeypatch.setattr(admins, "check_password_hash", lambda kept, typed: "$nobody$" not in kept and typed == PASSWORD)


def test_hashing_is_as_expensive_as_recommended() -> None:
    assert HASH_METHOD == "scrypt:32768:8:1"


def addresses() -> Iterator[str]:
    return (f"10.0.0.{number}" for number in range(1, 255))


def try_sign_in(visitor: PanelClient, name: str = NAME) -> int:
    return visitor.sign_in(name, "wrong horse battery").status_code


def test_one_name_from_many_addresses(app: Flask) -> None:
    tries = [
        try_sign_in(PanelClient(app, address)) for address, _ in zip(addresses(), range(PER_NAME + 3), strict=False)
    ]
    assert tries == [422] * PER_NAME + [429] * 3


def test_one_name_in_different_spellings(app: Flask) -> None:
    tries = [
        try_sign_in(PanelClient(app, address), NAME + " " * number)
        for number, address in zip(range(PER_NAME + 1), addresses(), strict=False)
    ]
    assert tries[-1] == 429


def test_one_address_with_many_names(app: Flask) -> None:
    visitor = PanelClient(app)
    tries = [try_sign_in(visitor, f"name-{number}") for number in range(PER_ADDRESS + 2)]
    assert tries == [422] * PER_ADDRESS + [429] * 2


def test_changing_a_forwarded_header_does_not_help(app: Flask) -> None:
    visitor = PanelClient(app)
    token = visitor.token()
    for number in range(PER_ADDRESS + 1):
        typed = {"csrf_token": token, "name": f"name-{number}", "password": "wrong horse battery"}
        answer = visitor.post("/sign-in", typed, headers={"X-Forwarded-For": f"10.1.0.{number}"})
    assert answer.status_code == 429


def test_attempts_in_parallel(app: Flask) -> None:
    visitors = [PanelClient(app, address) for address, _ in zip(addresses(), range(PER_NAME * 3), strict=False)]
    with ThreadPoolExecutor(8) as pool:
        tries = list(pool.map(try_sign_in, visitors))
    assert tries.count(422) == PER_NAME
    assert tries.count(429) == PER_NAME * 2


def test_the_right_password_is_not_checked_either(app: Flask) -> None:
    for _, address in zip(range(PER_NAME), addresses(), strict=False):
        try_sign_in(PanelClient(app, address))
    stranger = PanelClient(app, "10.9.9.9")
    answer = stranger.sign_in()
    assert answer.status_code == 429
    assert 1 <= int(answer.headers["Retry-After"]) <= 60
    assert f"Wait {answer.headers['Retry-After']} seconds" in answer.text
    assert "<h1" in answer.text
    assert not stranger.is_in()


def test_a_known_browser_is_not_limited_by_strangers(app: Flask) -> None:
    ada = PanelClient(app)
    assert ada.sign_in().status_code == 303
    ada.send("/sign-out", page="/")
    for _ in range(PER_ADDRESS):
        try_sign_in(PanelClient(app))
    assert try_sign_in(PanelClient(app)) == 429
    assert ada.sign_in().status_code == 303


def test_a_known_browser_has_a_limit_too(stranger: PanelClient) -> None:
    ada = stranger
    assert ada.sign_in().status_code == 303
    ada.send("/sign-out", page="/")
    assert [try_sign_in(ada) for _ in range(PER_NAME + 1)][-1] == 429


def test_a_browser_is_known_for_one_name_only(app: Flask, ada: PanelClient) -> None:
    ada.send("/sign-out", page="/")
    tries = [try_sign_in(ada, "Bob") for _ in range(PER_NAME + 1)]
    assert tries[-1] == 429
    assert try_sign_in(PanelClient(app, "10.0.0.1"), "Bob") == 429


@pytest.mark.parametrize("cookie", ["x", "a.b.c", "é", "\x01", "W10.x.y"])
def test_a_forged_cookie_of_a_known_browser_is_ignored(app: Flask, cookie: str) -> None:
    for address, _ in zip(addresses(), range(PER_NAME), strict=False):
        try_sign_in(PanelClient(app, address))
    visitor = PanelClient(app, "10.9.9.9")
    visitor.client.set_cookie(rate_limit.COOKIE, cookie)
    assert try_sign_in(visitor) == 429


def test_successful_sign_ins_do_not_count(app: Flask) -> None:
    assert {PanelClient(app).sign_in().status_code for _ in range(PER_ADDRESS + 5)} == {303}


def test_a_known_address_is_not_limited_by_strangers(app: Flask) -> None:
    """A browser without cookies, at an address from which Ada has signed in before."""
    at_home = "198.51.100.7"
    assert PanelClient(app, at_home).sign_in().status_code == 303
    for address, _ in zip(addresses(), range(PER_NAME + 1), strict=False):
        try_sign_in(PanelClient(app, address))
    assert PanelClient(app, "198.51.100.8").sign_in().status_code == 429
    assert PanelClient(app, at_home).sign_in().status_code == 303
    assert [try_sign_in(PanelClient(app, at_home)) for _ in range(PER_NAME + 1)] == [422] * PER_NAME + [429]


def test_a_known_address_is_forgotten_after_a_while(app: Flask, stopped_clock: MovingClock) -> None:
    at_home = "198.51.100.7"
    PanelClient(app, at_home).sign_in()
    stopped_clock.advance(sign_ins.KNOWN_ADDRESS_PERIOD + timedelta(seconds=1))
    for address, _ in zip(addresses(), range(PER_NAME + 1), strict=False):
        try_sign_in(PanelClient(app, address))
    assert PanelClient(app, at_home).sign_in().status_code == 429


def test_an_ipv6_network_counts_as_one_address(app: Flask) -> None:
    tries = [
        try_sign_in(PanelClient(app, f"2001:db8:1:2:{number:x}::1"), f"name-{number}")
        for number in range(PER_ADDRESS + 1)
    ]
    assert tries == [422] * PER_ADDRESS + [429]
    assert try_sign_in(PanelClient(app, "2001:db8:1:3::1"), "name") == 422


def test_attempts_are_kept_across_processes(app: Flask, data_folder: Path) -> None:
    """Two processes, or one that was restarted, share the count."""
    for address, _ in zip(addresses(), range(PER_NAME), strict=False):
        try_sign_in(PanelClient(app, address))
    with open_site(data_folder) as again:
        assert again is not app
        assert try_sign_in(PanelClient(again, "10.9.9.9")) == 429


def test_the_limit_ends_after_some_seconds(app: Flask, stopped_clock: MovingClock) -> None:
    for address, _ in zip(addresses(), range(PER_NAME), strict=False):
        try_sign_in(PanelClient(app, address))
    stranger = PanelClient(app, "10.9.9.9")
    wait = int(stranger.sign_in().headers["Retry-After"])
    stopped_clock.advance(timedelta(seconds=wait))
    assert stranger.sign_in().status_code == 303


def test_a_limited_attempt_writes_nothing(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    for address, _ in zip(addresses(), range(PER_NAME), strict=False):
        try_sign_in(PanelClient(app, address))
    stranger = PanelClient(app, "10.9.9.9")
    stranger.token()
    monkeypatch.setattr(db, "run_in_transaction", None)
    assert try_sign_in(stranger) == 429
