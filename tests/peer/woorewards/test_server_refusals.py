"""What the WooRewards sync call refuses, in the shape of WordPress or of the add-on; nothing has changed then."""

from collections.abc import Iterator

import pytest

from pointsync import clock
from pointsync.ids import new_auth, new_pass
from pointsync.models import Origin, Reserve
from pointsync.sync.protocol.woorewards import basic
from tests.peer.peer_site import PeerSite
from tests.peer.signed_caller import ALICE
from tests.peer.woorewards_caller import FORM, ROUTE, WooCaller, code
from tests.support.process import Answer, call

GOOD = {"source": "wrk_0123456789abcdef", "transaction_id": "1", "reason": ""}

NO_PATHS = [
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
    "default/alice/5/add",
    "default/@example.test/5/add",
    "default/alice@/5/add",
    "default/a@b@c.test/5/add",
    "default/alice@[127.0.0.1]/5/add",
    "default/al%00ice@example.test/5/add",
    "default/al%20ice@example.test/5/add",
    "default/alice@example.test%0A@x/5/add",
    "default/%FF@example.test/5/add",
    "default/al%ice@example.test%/5/add",
    f"default/{'x' * 3000}@example.test/5/add",
    "",
]


@pytest.fixture
def shop(listening: PeerSite) -> WooCaller:
    return WooCaller(listening)


@pytest.fixture
def unchanged(listening: PeerSite) -> Iterator[PeerSite]:
    """What is refused leaves no trace."""
    before = listening.dump()
    yield listening
    assert listening.dump() == before


def in_wordpress_shape(answer: Answer, status: int, name: str) -> bool:
    """Whether an answer is an error as WordPress tells it."""
    assert (answer.status, answer.body["code"], answer.body["data"]) == (status, name, {"status": status}), answer
    return set(answer.body) == {"code", "message", "data"}


@pytest.mark.usefixtures("unchanged")
def test_wrong_credentials_are_401(shop: WooCaller) -> None:
    for headers in (
        {},
        {"authorization": basic(shop.to, new_pass())},
        {"authorization": basic(new_auth(), shop.password)},
        {"authorization": "Bearer x"},
    ):
        answer = shop.post(f"default/{ALICE}/5/add", GOOD, headers)
        assert in_wordpress_shape(answer, 401, "rest_forbidden")


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("field", ["source", "transaction_id"])
def test_a_missing_field_is_400(shop: WooCaller, field: str) -> None:
    """Without both nothing tells a repeat from a second movement."""
    without = {name: value for name, value in GOOD.items() if name != field}
    for form in (without, without | {field: ""}, {}):
        answer = shop.post(f"default/{ALICE}/5/add", form)
        assert in_wordpress_shape(answer, 400, "rest_missing_callback_param")
    answer = call("POST", f"{shop.site.url}{ROUTE}/sync/default/{ALICE}/5/add", "{}", shop.credentials)
    assert in_wordpress_shape(answer, 400, "rest_missing_callback_param")


@pytest.mark.usefixtures("unchanged")
def test_a_field_that_cannot_be_kept_is_400(shop: WooCaller) -> None:
    for field, values in (("source", ("x" * 192, "a\0", "a\nb")), ("transaction_id", ("9" * 65, "\0", "1\r2"))):
        for value in values:
            answer = shop.post(f"default/{ALICE}/5/add", GOOD | {field: value})
            assert in_wordpress_shape(answer, 400, "rest_invalid_param")


@pytest.mark.usefixtures("unchanged")
def test_a_form_that_is_not_utf_8_is_400(shop: WooCaller) -> None:
    """Each byte that is none would be read as the same letter, and two ids as one."""
    good = "source=wrk_0123456789abcdef&transaction_id=%s&reason=%s"
    parts = (
        b'--x\r\nContent-Disposition: form-data; name="source"\r\n\r\nshop\r\n'
        b'--x\r\nContent-Disposition: form-data; name="transaction_id"\r\n\r\n1\xff\r\n--x--\r\n'
    )
    forms: list[tuple[bytes, str]] = [
        ((good % ("1%FF", "")).encode(), FORM["content-type"]),
        ((good % ("1", "caf%E9")).encode(), FORM["content-type"]),
        ((good % ("1", "café")).encode("latin-1"), FORM["content-type"]),
        ((good % ("1", "%ED%A0%80")).encode(), FORM["content-type"]),
        ((good % ("1", "caf%E9")).encode(), f"{FORM['content-type']}; charset=ISO-8859-1"),
        (parts, "multipart/form-data; boundary=x"),
    ]
    url = f"{shop.site.url}{ROUTE}/sync/default/{ALICE}/5/add"
    for raw, content_type in forms:
        answer = call("POST", url, raw, shop.credentials | {"content-type": content_type})
        assert in_wordpress_shape(answer, 400, "rest_invalid_param"), raw


def test_a_form_in_utf_8_is_taken_whole(shop: WooCaller) -> None:
    raw = "source=shop&transaction_id=1&reason=caf%C3%A9+\ufffd%25FF à la carte".encode()
    answer = call("POST", f"{shop.site.url}{ROUTE}/sync/default/{ALICE}/5/add", raw, FORM | shop.credentials)
    assert code(answer) == "s200"
    assert shop.site.movements()[0].reason == "café \ufffd%FF à la carte"
    parts = "".join(
        f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in (("source", "shop"), ("transaction_id", "2"), ("reason", "%FF à la carte"))
    )
    multipart = shop.credentials | {"content-type": "multipart/form-data; boundary=x"}
    answer = call("POST", f"{shop.site.url}{ROUTE}/sync/default/{ALICE}/5/add", f"{parts}--x--\r\n".encode(), multipart)
    assert code(answer) == "s200"
    assert shop.site.movements()[1].reason == "%FF à la carte"


@pytest.mark.usefixtures("unchanged")
def test_a_path_that_is_none_has_no_route(shop: WooCaller) -> None:
    """Also without credentials, as in WordPress: the route comes first."""
    for path in NO_PATHS:
        for headers in (shop.credentials, {}):
            assert in_wordpress_shape(shop.post(path, GOOD, headers), 404, "rest_no_route"), path


@pytest.mark.usefixtures("unchanged")
def test_other_methods_have_no_route(shop: WooCaller) -> None:
    for method in ("GET", "PUT", "PATCH", "DELETE"):
        answer = call(method, f"{shop.site.url}{ROUTE}/sync/default/{ALICE}/5/add", headers=shop.credentials)
        assert in_wordpress_shape(answer, 404, "rest_no_route")


def test_a_reserve_that_is_not_here_is_e410(shop: WooCaller) -> None:
    shop.site.add_reserve("off", "Switched off")
    shop.site.write(lambda session: setattr(session.get_one(Reserve, 2), "is_active", False))
    for reserve in ("gold", "off", "DEFAULT", "x" * 200):
        answer = shop.sync(ALICE, 5, "add", 3, reserve)
        assert (code(answer), answer.body["status"], answer.body["transaction_id"]) == ("e410", "error", 3)
        assert "points" not in answer.body
    assert shop.site.movements() == []
    assert code(shop.sync(ALICE, 5, "add", 3)) == "s200"


@pytest.mark.usefixtures("unchanged")
def test_our_own_auth_as_source_is_e409(shop: WooCaller) -> None:
    """Two sites of one Auth: one is a copy of the other, and its ids would be taken for ours."""
    mine = shop.site.identity.auth
    for reserve in ("default", "gold"):
        for source in (mine, mine.upper(), mine.title()):
            answer = shop.sync(ALICE, 5, "add", 3, reserve, source=source)
            assert (code(answer), answer.body["status"]) == ("e409", "error")


def test_points_too_big_are_an_error_and_never_applied(shop: WooCaller) -> None:
    most = 2_000_000_000
    for points, action in ((most + 1, "add"), (most + 1, "sub"), (most + 1, "set"), ("9" * 19, "add")):
        answer = shop.sync(ALICE, points, action)
        assert code(answer).startswith("e")
        assert answer.body["status"] == "error"
    assert shop.sync(ALICE, most).body["points"] == most
    assert code(shop.sync(ALICE, 1)).startswith("e")
    assert shop.sync(ALICE, f"{'0' * 9}{most}", "sub").body["points"] == 0
    assert [each.points for each in shop.site.movements()] == [most, -most]


def test_a_sender_that_is_not_listed_where_only_listed_ones_are_accepted(shop: WooCaller) -> None:
    shop.site.set("only_listed", "on")
    assert in_wordpress_shape(shop.sync(ALICE, 5), 403, "rest_forbidden")
    assert shop.site.movements() == []
    shop.site.add_remote("http://127.0.0.1:1", shop.auth, new_pass())
    assert code(shop.sync(ALICE, 5)) == "s200"


def test_a_sender_whose_key_is_known_must_sign(shop: WooCaller) -> None:
    """Even for what it has told in this dialect before."""
    assert code(shop.sync(ALICE, 5, "add", 1)) == "s200"
    key = shop.site.identity.public_key
    shop.site.write(lambda session: setattr(session.get_one(Origin, shop.auth), "public_key", key))
    for transaction_id in (1, 2):
        assert in_wordpress_shape(shop.sync(ALICE, 5, "add", transaction_id), 401, "rest_forbidden")
    assert clock.now() == shop.site.movements()[0].recorded_at
    assert shop.site.balance(ALICE) == 5
