"""What the WooRewards sync call refuses, in WordPress's or the add-on's format, without any change."""

from collections.abc import Iterator

import pytest

from pointsync import clock
from pointsync.ids import new_auth, new_pass
from pointsync.models import Origin, Reserve
from pointsync.sync.protocol.woorewards import build_basic_auth
from tests.peer.peer_site import PeerSite
from tests.peer.signed_caller import ALICE
from tests.peer.woorewards_caller import FORM, ROUTE, WooRewardsCaller, status_code
from tests.support.process import HttpAnswer, call

VALID_FORM = {"source": "wrk_0123456789abcdef", "transaction_id": "1", "reason": ""}

INVALID_PATHS = [
    f"default/{ALICE}/-5/add",
    f"default/{ALICE}/+5/add",
    f"default/{ALICE}/%2B5/add",
    f"default/{ALICE}/5.0/add",
    f"default/{ALICE}/5e3/add",
    f"default/{ALICE}//add",
    f"default/{ALICE}/%D9%A5/add",
    f"default/{ALICE}/{'9' * 20}/add",
    f"default/{ALICE}/5/",
    f"default/{ALICE}/5",
    f"default/{ALICE}/5/ADD",
    f"default/{ALICE}/5/delete",
    f"default/{ALICE}/5/add/more",
    f"default/{ALICE}/5/add%0A",
    f"de%20fault/{ALICE}/5/add",
    f"/{ALICE}/5/add",
    "default//5/add",
    "default/alice@example.test%0A@x/5/add",
    "",
]
PATHS_WITH_INVALID_EMAILS = [
    "default/alice/5/add",
    "default/@example.test/5/add",
    "default/alice@/5/add",
    "default/a@b@c.test/5/add",
    "default/alice@[127.0.0.1]/5/add",
    "default/al%00ice@example.test/5/add",
    "default/al%20ice@example.test/5/add",
    "default/%FF@example.test/5/add",
    "default/al%ice@example.test%/5/add",
    f"default/{'x' * 3000}@example.test/5/add",
]


@pytest.fixture
def shop(listening_site: PeerSite) -> WooRewardsCaller:
    return WooRewardsCaller(listening_site)


@pytest.fixture
def unchanged(listening_site: PeerSite) -> Iterator[PeerSite]:
    """The site's tables must not change."""
    before = listening_site.dump()
    yield listening_site
    assert listening_site.dump() == before


def is_wordpress_error(answer: HttpAnswer, status: int, code: str) -> bool:
    """Whether an answer is an error in WordPress's format."""
    assert (answer.status, answer.body["code"], answer.body["data"]) == (status, code, {"status": status}), answer
    return set(answer.body) == {"code", "message", "data"}


@pytest.mark.usefixtures("unchanged")
def test_wrong_credentials_are_401(shop: WooRewardsCaller) -> None:
    for headers in (
        {},
        {"authorization": build_basic_auth(shop.to, new_pass())},
        {"authorization": build_basic_auth(new_auth(), shop.password)},
        {"authorization": "Bearer x"},
    ):
        answer = shop.post(f"default/{ALICE}/5/add", VALID_FORM, headers)
        assert is_wordpress_error(answer, 401, "rest_forbidden")


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("field", ["source", "transaction_id"])
def test_a_missing_field_is_400(shop: WooRewardsCaller, field: str) -> None:
    """Without both fields a repeat cannot be distinguished from a second movement."""
    incomplete = {name: value for name, value in VALID_FORM.items() if name != field}
    for form in (incomplete, incomplete | {field: ""}, {}):
        answer = shop.post(f"default/{ALICE}/5/add", form)
        assert is_wordpress_error(answer, 400, "rest_missing_callback_param")
    answer = call("POST", f"{shop.site.url}{ROUTE}/sync/default/{ALICE}/5/add", "{}", shop.credentials)
    assert is_wordpress_error(answer, 400, "rest_missing_callback_param")


@pytest.mark.usefixtures("unchanged")
def test_a_large_form_is_413(shop: WooRewardsCaller) -> None:
    answer = shop.post(f"default/{ALICE}/5/add", VALID_FORM | {"reason": "x" * 65_536})
    assert is_wordpress_error(answer, 413, "rest_error")


@pytest.mark.usefixtures("unchanged")
def test_a_field_that_cannot_be_stored_is_400(shop: WooRewardsCaller) -> None:
    for field, values in (("source", ("x" * 192, "a\0", "a\nb")), ("transaction_id", ("9" * 65, "\0", "1\r2"))):
        for value in values:
            answer = shop.post(f"default/{ALICE}/5/add", VALID_FORM | {field: value})
            assert is_wordpress_error(answer, 400, "rest_invalid_param")


@pytest.mark.usefixtures("unchanged")
def test_a_form_that_is_not_utf_8_is_400(shop: WooRewardsCaller) -> None:
    """Invalid bytes would all be read as the same replacement character, so two ids could become one."""
    template = "source=wrk_0123456789abcdef&transaction_id=%s&reason=%s"
    multipart_body = (
        b'--x\r\nContent-Disposition: form-data; name="source"\r\n\r\nshop\r\n'
        b'--x\r\nContent-Disposition: form-data; name="transaction_id"\r\n\r\n1\xff\r\n--x--\r\n'
    )
    forms: list[tuple[bytes, str]] = [
        ((template % ("1%FF", "")).encode(), FORM["content-type"]),
        ((template % ("1", "caf%E9")).encode(), FORM["content-type"]),
        ((template % ("1", "café")).encode("latin-1"), FORM["content-type"]),
        ((template % ("1", "%ED%A0%80")).encode(), FORM["content-type"]),
        ((template % ("1", "caf%E9")).encode(), f"{FORM['content-type']}; charset=ISO-8859-1"),
        (multipart_body, "multipart/form-data; boundary=x"),
    ]
    url = f"{shop.site.url}{ROUTE}/sync/default/{ALICE}/5/add"
    for raw, content_type in forms:
        answer = call("POST", url, raw, shop.credentials | {"content-type": content_type})
        assert is_wordpress_error(answer, 400, "rest_invalid_param"), raw


def test_a_utf_8_form_is_read_completely(shop: WooRewardsCaller) -> None:
    raw = "source=shop&transaction_id=1&reason=caf%C3%A9+\ufffd%25FF à la carte".encode()
    answer = call("POST", f"{shop.site.url}{ROUTE}/sync/default/{ALICE}/5/add", raw, FORM | shop.credentials)
    assert status_code(answer) == "s200"
    assert shop.site.movements()[0].reason == "café \ufffd%FF à la carte"
    multipart_body = "".join(
        f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in (("source", "shop"), ("transaction_id", "2"), ("reason", "%FF à la carte"))
    )
    multipart_headers = shop.credentials | {"content-type": "multipart/form-data; boundary=x"}
    answer = call(
        "POST",
        f"{shop.site.url}{ROUTE}/sync/default/{ALICE}/5/add",
        f"{multipart_body}--x--\r\n".encode(),
        multipart_headers,
    )
    assert status_code(answer) == "s200"
    assert shop.site.movements()[1].reason == "%FF à la carte"


@pytest.mark.usefixtures("unchanged")
def test_an_invalid_path_has_no_route(shop: WooRewardsCaller) -> None:
    """Also without credentials: as in WordPress, the route is checked first."""
    for path in INVALID_PATHS:
        for headers in (shop.credentials, {}):
            assert is_wordpress_error(shop.post(path, VALID_FORM, headers), 404, "rest_no_route"), path


@pytest.mark.usefixtures("unchanged")
def test_an_invalid_email_has_no_route_for_callers_with_the_pass(shop: WooRewardsCaller) -> None:
    """Others are refused before it is read: checking an address takes time and memory."""
    for path in PATHS_WITH_INVALID_EMAILS:
        assert is_wordpress_error(shop.post(path, VALID_FORM, shop.credentials), 404, "rest_no_route"), path
        assert is_wordpress_error(shop.post(path, VALID_FORM, {}), 401, "rest_forbidden"), path


@pytest.mark.usefixtures("unchanged")
def test_other_methods_have_no_route(shop: WooRewardsCaller) -> None:
    for method in ("GET", "PUT", "PATCH", "DELETE"):
        answer = call(method, f"{shop.site.url}{ROUTE}/sync/default/{ALICE}/5/add", headers=shop.credentials)
        assert is_wordpress_error(answer, 404, "rest_no_route")


def test_an_unknown_or_inactive_reserve_is_e410(shop: WooRewardsCaller) -> None:
    shop.site.add_reserve("off", "Switched off")
    shop.site.write(lambda session: setattr(session.get_one(Reserve, 2), "is_active", False))
    for reserve in ("gold", "off", "DEFAULT", "x" * 200):
        answer = shop.sync(ALICE, 5, "add", 3, reserve)
        assert (status_code(answer), answer.body["status"], answer.body["transaction_id"]) == ("e410", "error", 3)
        assert "points" not in answer.body
    assert shop.site.movements() == []
    assert status_code(shop.sync(ALICE, 5, "add", 3)) == "s200"


@pytest.mark.usefixtures("unchanged")
def test_the_own_auth_as_source_is_e409(shop: WooRewardsCaller) -> None:
    """Two sites with one Auth: one is a copy of the other, and its ids could be mistaken for ours."""
    own_auth = shop.site.identity.auth
    for reserve in ("default", "gold"):
        for source in (own_auth, own_auth.upper(), own_auth.title()):
            answer = shop.sync(ALICE, 5, "add", 3, reserve, source=source)
            assert (status_code(answer), answer.body["status"]) == ("e409", "error")


def test_too_many_points_are_an_error_and_never_applied(shop: WooRewardsCaller) -> None:
    max_points = 2_000_000_000
    for points, action in (
        (max_points + 1, "add"),
        (max_points + 1, "sub"),
        (max_points + 1, "set"),
        ("9" * 19, "add"),
    ):
        answer = shop.sync(ALICE, points, action)
        assert status_code(answer).startswith("e")
        assert answer.body["status"] == "error"
    assert shop.sync(ALICE, max_points).body["points"] == max_points
    assert status_code(shop.sync(ALICE, 1)).startswith("e")
    assert shop.sync(ALICE, f"{'0' * 9}{max_points}", "sub").body["points"] == 0
    assert [each.points for each in shop.site.movements()] == [max_points, -max_points]


def test_an_unlisted_sender_is_refused_when_only_listed_sites_are_accepted(shop: WooRewardsCaller) -> None:
    shop.site.change_setting("only_listed", "on")
    assert is_wordpress_error(shop.sync(ALICE, 5), 403, "rest_forbidden")
    assert shop.site.movements() == []
    shop.site.add_remote("http://127.0.0.1:1", shop.auth, new_pass())
    assert status_code(shop.sync(ALICE, 5)) == "s200"


def test_a_sender_with_a_known_key_must_sign(shop: WooRewardsCaller) -> None:
    """Even for a movement that it sent in this dialect before."""
    assert status_code(shop.sync(ALICE, 5, "add", 1)) == "s200"
    key = shop.site.identity.public_key
    shop.site.write(lambda session: setattr(session.get_one(Origin, shop.auth), "public_key", key))
    for transaction_id in (1, 2):
        assert is_wordpress_error(shop.sync(ALICE, 5, "add", transaction_id), 401, "rest_forbidden")
    assert clock.now() == shop.site.movements()[0].recorded_at
    assert shop.site.balance(ALICE) == 5
