"""Short descriptions of User-Agent headers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsync.admin.auth.user_agent import describe

MOZILLA = "Mozilla/5.0"
WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"


@pytest.mark.parametrize(
    ("user_agent", "description"),
    [
        (f"{MOZILLA} (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0", "Firefox on Linux"),
        (f"{MOZILLA} (Windows NT 10.0; Win64; x64) {WEBKIT} Chrome/126.0.0.0 Safari/537.36", "Chrome on Windows"),
        (f"{MOZILLA} (Windows NT 10.0) {WEBKIT} Chrome/126.0.0.0 Safari/537.36 Edg/126.0", "Edge on Windows"),
        (f"{MOZILLA} (X11; CrOS x86_64 14541.0.0) {WEBKIT} Chrome/126.0.0.0 Safari/537.36", "Chrome on ChromeOS"),
        (f"{MOZILLA} (Windows NT 10.0) {WEBKIT} Chrome/126.0 Safari/537.36 OPR/112.0", "Opera on Windows"),
        (f"{MOZILLA} (Macintosh; Intel Mac OS X 10_15_7) {WEBKIT} Version/17.5 Safari/605.1.15", "Safari on macOS"),
        (f"{MOZILLA} (iPhone; CPU iPhone OS 17_5 like Mac OS X) {WEBKIT} Safari/604.1", "Safari on iPhone"),
        (f"{MOZILLA} (iPad; CPU OS 17_5 like Mac OS X) {WEBKIT} CriOS/126.0 Safari/604.1", "Chrome on iPad"),
        (f"{MOZILLA} (Linux; Android 14) {WEBKIT} SamsungBrowser/25.0 Chrome/121.0", "Samsung Internet on Android"),
        (f"{MOZILLA} (Android 14; Mobile; rv:128.0) Gecko/128.0 Firefox/128.0", "Firefox on Android"),
        ("curl/8.5.0", "curl"),
        ("<script>alert(1)</script>", "Unknown browser"),
        ("", "Unknown browser"),
        (MOZILLA, "Unknown browser"),
        ("a" * 10_000, "a" * 40),
    ],
)
def test_browsers_in_words(user_agent, description):
    assert describe(user_agent) == description


@given(st.text())
def test_any_user_agent_gives_a_few_plain_letters(user_agent):
    description = describe(user_agent)
    assert 0 < len(description) <= 60
    assert description.isascii()
    assert description.isprintable()
    assert not set(description) & set("<>&\"'")
