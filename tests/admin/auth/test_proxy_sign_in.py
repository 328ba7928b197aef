"""Signed in by the shop's proxy: with its header, from a trusted peer, on every request; and by nothing else."""

import re
from collections.abc import Iterator

import pytest
from flask import Flask
from sqlalchemy import func, select

from pointsync import clock, db
from pointsync.accounts import admins
from pointsync.models import SignIn
from pointsync.web.upload_limits import MAX_BODY_BYTES, find_upload_limit
from tests.support.panel_client import NAME, PASSWORD, PanelClient

PROXY = "10.0.0.1"
SETTINGS = {
    "POINTSYNC_TRUSTED_PROXIES": PROXY,
    "POINTSYNC_PROXY_AUTH_HEADER": "X-Forwarded-User",
    "POINTSYNC_PROXY_AUTH_ADMINS": "alice bob",
}
PREFIX = "/back-office/points"
GENERAL = "/system/general"


@pytest.fixture
def settings() -> dict[str, str]:
    """Settings for a proxy that names who is signed in."""
    return SETTINGS


class ProxiedClient(PanelClient):
    """A browser behind the proxy, which sends the name `named`."""

    named: str | None = "alice"
    header = "X-Forwarded-User"

    def _open(self, path: str, **more):
        if self.named is not None:
            more["headers"] = {self.header: self.named, **more.get("headers", {})}
        return super()._open(path, **more)


@pytest.fixture
def alice(app: Flask) -> ProxiedClient:
    """An admin that the proxy names."""
    return ProxiedClient(app, PROXY)


@pytest.fixture
def sign_ins(app: Flask) -> Iterator[None]:
    """The number of stored sign-ins: none for the proxy's admins."""
    yield
    with app.app_context():
        assert db.session.scalar(select(func.count()).select_from(SignIn)) == 0


@pytest.mark.usefixtures("sign_ins")
def test_the_proxys_admin_is_signed_in_and_sees_how(alice: ProxiedClient) -> None:
    text = alice.get("/").text
    assert "<bdi>alice</bdi>" in text
    assert "by the shop’s proxy" in text
    assert alice.get("/sign-in").location == "/"
    assert alice.get(f"/sign-in?next={GENERAL}").location == GENERAL


@pytest.mark.parametrize("spelled", ["X_Forwarded_User", "x-forwarded-user", "X-FORWARDED_USER"])
def test_the_header_is_ignored_from_other_peers(app: Flask, spelled: str) -> None:
    stranger = ProxiedClient(app, "10.0.0.2")
    stranger.header = spelled
    for more in ({}, {"X-Forwarded-For": PROXY}, {"X-Real-IP": PROXY}, {"Forwarded": f"for={PROXY}"}):
        assert stranger.get("/", headers=more).location == "/sign-in"


@pytest.mark.parametrize("other", ["Remote-User", "X-Auth-Request-User", "X-WEBAUTH-USER", "X-Forwarded-Users"])
def test_another_header_is_ignored(app: Flask, other: str) -> None:
    visitor = ProxiedClient(app, PROXY)
    visitor.header = other
    assert not visitor.is_in()


UNKNOWN = [
    "mallory",
    "Alice",
    "alice, mallory",
    "alice,alice",
    ", alice",
    "alice\x01",
    "a" * 400,
    "*",
    "<b>",
    "al\u202eice",
]


@pytest.mark.parametrize("name", UNKNOWN)
def test_a_name_that_is_no_admins_gets_403(alice: ProxiedClient, name: str) -> None:
    alice.named = None
    assert alice.sign_in().status_code == 303
    alice.named = name.encode().decode("latin-1")
    for path in ("/", "/sign-in", GENERAL, "/setup/x"):
        answer = alice.get(path)
        assert answer.status_code == 403
        assert re.search("The shop’s proxy (signed you in as|sent more than one name)", answer.text)
        assert "<b>" not in answer.text
        assert "Ada" not in answer.text
    assert alice.post("/sign-in", {"name": NAME, "password": PASSWORD}).status_code == 403, "there is no fallback"
    alice.named = None
    assert not alice.is_in(), "the session has ended"


def test_a_disabled_admin_is_refused(app: Flask, alice: ProxiedClient) -> None:
    assert alice.is_in()
    with app.app_context():
        number = db.run_in_transaction(lambda session: admins.create(session, "alice", PASSWORD, clock.now())).id
        db.run_in_transaction(lambda session: admins.disable(session, number, clock.now()))
    for path in ("/", "/sign-in", GENERAL):
        answer = alice.get(path)
        assert answer.status_code == 403
        assert "“alice”, but this admin is disabled" in answer.text
    with app.app_context():
        db.run_in_transaction(lambda session: admins.enable(session, number))
    assert alice.is_in()


def test_the_proxys_admin_sees_and_ends_sign_ins_of_others(app: Flask, alice: ProxiedClient) -> None:
    ada = PanelClient(app)
    ada.sign_in()
    text = alice.get("/system/admins").text
    assert "Admins who are signed in by the shop’s proxy are not listed" in text
    assert "This browser" not in text
    assert "all my other sign-ins" not in text
    assert alice.send("/system/sign-ins/1/end", page="/system/admins").status_code == 303
    assert not ada.is_in()


def test_the_refusal_has_the_name_and_what_to_do(alice: ProxiedClient) -> None:
    alice.named = "mallory"
    text = alice.get("/").text
    assert "signed you in as “mallory”, who is not an admin" in text
    assert "POINTSYNC_PROXY_AUTH_ADMINS" in text


@pytest.mark.parametrize("named", [None, "", " "])
def test_a_missing_header_ends_the_session(alice: ProxiedClient, named: str | None) -> None:
    assert alice.is_in()
    cookie = alice.cookie()
    alice.named = named
    assert alice.get("/").location == "/sign-in"
    assert "from the shop’s back office to be signed in automatically" in alice.get("/sign-in").text
    assert alice.cookie() != cookie
    alice.client.set_cookie("pointsync_session", cookie)
    assert not alice.is_in(), "the cookie is not enough"


def test_a_changed_header_starts_another_session(alice: ProxiedClient) -> None:
    token = alice.token(GENERAL)
    alice.named = "bob"
    assert alice.post(GENERAL, {"csrf_token": token, "site_name": "Bob's"}).status_code == 400
    text = alice.get("/").text
    assert "<bdi>bob</bdi>" in text
    assert "alice" not in text


def test_a_forged_cookie_is_invalid(app: Flask, alice: ProxiedClient) -> None:
    alice.is_in()
    stolen = ProxiedClient(app, "10.0.0.2")
    stolen.client.set_cookie("pointsync_session", alice.cookie())
    assert not stolen.is_in(), "the peer is not trusted"
    stolen = ProxiedClient(app, PROXY)
    stolen.named = "mallory"
    stolen.client.set_cookie("pointsync_session", alice.cookie())
    assert stolen.get("/").status_code == 403


def test_forms_still_need_their_token(app: Flask, alice: ProxiedClient) -> None:
    assert alice.post(GENERAL, {"site_name": "x"}).status_code == 400
    alice.is_in()
    assert alice.post(GENERAL, {"site_name": "x"}).status_code == 400
    assert (
        alice.post(GENERAL, {"site_name": "x", "csrf_token": ProxiedClient(app, PROXY).token("/")}).status_code == 400
    )
    token = alice.token(GENERAL)
    cross = {"Sec-Fetch-Site": "cross-site"}
    assert alice.post(GENERAL, {"site_name": "x", "csrf_token": token}, headers=cross).status_code == 400
    foreign = {"Origin": "https://evil.example"}
    assert alice.post(GENERAL, {"site_name": "x", "csrf_token": token}, headers=foreign).status_code == 400
    assert "Shop one" in alice.get(GENERAL).text


def test_changes_are_recorded_with_the_name(alice: ProxiedClient) -> None:
    export = alice.send("/customers/export", page="/customers")
    assert export.status_code == 303
    assert "alice" in alice.get(export.location).text


def test_signing_out_explains_the_proxy(alice: ProxiedClient) -> None:
    token = alice.token("/")
    answer = alice.send("/sign-out", page="/")
    assert (answer.status_code, answer.location) == (303, "/")
    text = alice.get("/").text
    assert "proxy signs you in as alice with every page" in text
    assert "sign out of the shop’s back office" in text
    assert alice.post("/sign-out", {"csrf_token": token}).status_code == 400, "the session is a new one"


def test_the_proxys_admin_has_no_password(alice: ProxiedClient) -> None:
    text = alice.get("/system/admins").text
    assert "Change your password" not in text
    assert "You</span>" not in text
    assert "<strong>alice</strong>" in text
    assert "<strong>bob</strong>" in text
    assert alice.get("/system/admins/password").status_code == 409
    typed = {"old": PASSWORD, "password": "x" * 20, "again": "x" * 20}
    assert alice.send("/system/admins/password", page="/system/admins", **typed).status_code == 409


def test_the_proxied_url_is_not_suggested_to_other_sites(alice: ProxiedClient) -> None:
    assert f"{GENERAL}/address" not in alice.get(GENERAL).text
    alice.named = None
    alice.sign_in()
    assert f"{GENERAL}/address" in alice.get(GENERAL).text


def test_the_proxys_admin_may_upload_a_large_file(app: Flask, alice: ProxiedClient) -> None:
    path = f"{PREFIX}/customers/import"
    assert find_upload_limit(app, path, "") is None
    alice.is_in()
    limit = find_upload_limit(app, path, f"pointsync_session={alice.cookie()}")
    assert limit
    assert limit.max_bytes > MAX_BODY_BYTES


def test_with_a_password_first_and_then_by_the_proxy(app: Flask, alice: ProxiedClient) -> None:
    alice.named = None
    alice.sign_in()
    assert "by the shop’s proxy" not in alice.get("/").text
    cookie = alice.cookie()
    alice.named = "alice"
    assert "<bdi>alice</bdi>" in alice.get("/").text
    thief = PanelClient(app)
    thief.client.set_cookie("pointsync_session", cookie)
    assert not thief.is_in(), "the sign-in before is ended, not only forgotten by this browser"


def test_the_header_does_not_count_for_shops_and_sites(alice: ProxiedClient) -> None:
    assert alice.is_in()
    for path in ("/api/v1/remotes", "/metrics"):
        answer = alice.get(path)
        assert answer.status_code == 401
        assert "Set-Cookie" not in answer.headers
    alice.named = "mallory"
    assert alice.get("/healthz").status_code in (200, 503)
    assert alice.post("/pointsync/v1/ping", b"{}").status_code == 401
    assert alice.post("/hooks/woocommerce/x", b"{}").status_code == 404


@pytest.mark.parametrize("settings", [SETTINGS | {"POINTSYNC_PROXY_AUTH_ADMINS": "*"}])
def test_with_a_star_every_name_is_an_admin(app: Flask, alice: ProxiedClient) -> None:
    for name in ("mallory", "Ada Lovelace", "zo\u00eb@shop.example"):
        alice.named = name.encode().decode("latin-1")
        assert f"<bdi>{name}</bdi>" in alice.get("/").text
    for name in ("alice, mallory", "a" * 400, "\x01"):
        alice.named = name
        assert alice.get("/").status_code == 403
    alice.named = "alice"
    assert "<strong>everybody</strong>" in alice.get("/system/admins").text


@pytest.mark.parametrize("settings", [SETTINGS | {"POINTSYNC_PROXY_AUTH_ADMINS": ""}])
def test_without_names_nobody_is_an_admin(alice: ProxiedClient) -> None:
    assert alice.get("/").status_code == 403


@pytest.mark.parametrize("settings", [{"POINTSYNC_TRUSTED_PROXIES": PROXY, "POINTSYNC_PROXY_AUTH_ADMINS": "*"}])
def test_without_the_setting_the_header_is_ignored(alice: ProxiedClient) -> None:
    assert alice.get("/").location == "/sign-in"
    alice.named = None
    alice.sign_in()
    assert "shop’s proxy" not in alice.get("/system/admins").text
    assert "its proxy" not in PanelClient(alice.client.application).get("/sign-in").text


@pytest.mark.usefixtures("stopped_clock")
def test_attempts_are_counted_by_the_clients_address(app: Flask) -> None:
    def tries(peer: str, count: int) -> list[int]:
        visitor = PanelClient(app, peer)
        typed = {"csrf_token": visitor.token(), "password": "wrong horse battery"}
        return [
            visitor.post(
                "/sign-in",
                typed | {"name": f"{peer}{number}"},
                headers={"X-Forwarded-For": f"1.2.3.4, 203.0.113.{number}"},
            ).status_code
            for number in range(count)
        ]

    assert tries(PROXY, 24) == [422] * 24, "each is an address of its own"
    assert tries("10.0.0.2", 24) == [422] * 20 + [429] * 4, "turned by a stranger it is one and the same"


@pytest.mark.parametrize("prefix", ["//evil.example", "/\\evil", "https:evil", "/%2f%2fevil", '/a"b', PREFIX])
@pytest.mark.parametrize("peer", [PROXY, "10.0.0.2"])
def test_a_malicious_prefix_or_host_is_not_used(app: Flask, peer: str, prefix: str) -> None:
    visitor = PanelClient(app, peer)
    headers = {"X-Forwarded-Prefix": prefix, "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "gopher"}
    root = PREFIX if (peer, prefix) == (PROXY, PREFIX) else ""
    answer = visitor.get("/", headers=headers)
    assert answer.location == f"{root}/sign-in"
    for path in ("//customers", "/customers/", "/customers//", "///"):
        answer = visitor.get(path, headers=headers)
        assert "evil" not in answer.headers.get("Location", "")
    page = visitor.get("/sign-in", headers=headers)
    assert f'href="{root}/static/v/' in page.text
    assert "evil" not in page.text
    assert "evil" not in str(page.headers)


@pytest.mark.parametrize("settings", [SETTINGS | {"POINTSYNC_PUBLIC_URL": "https://points.shop.example/p"}])
def test_the_local_url_does_not_depend_on_the_host(alice: ProxiedClient) -> None:
    headers = {"Host": "evil.example", "X-Forwarded-Host": "evil.example", "X-Forwarded-Prefix": PREFIX}
    text = alice.get("/system/points-sync", headers=headers).text
    assert 'value="https://points.shop.example/p"' in text
    assert "evil" not in text
    assert "evil.example" not in alice.get(GENERAL, headers=headers).text
