"""Points by hand: for one customer at once, for those ticked after a dry run, and never twice."""

import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote_from_bytes

import pytest
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from pointsync import clock, db
from pointsync.ledger import reserves
from pointsync.ledger.record import Draft, record
from pointsync.ledger.verify import differences
from pointsync.models import Admin, Balance, Customer, Delivery, Movement
from pointsync.models.remote import Remote
from tests.admin import remotes_shown
from tests.admin.conftest import BOTH
from tests.admin.visitor import Visitor
from tests.support.queries import watched

PAGE = "/customers/points"
ONCE = re.compile(r'name="once" value="([0-9a-f]{32})"')
FORM = "application/x-www-form-urlencoded"


def change(app: Flask, work: Any) -> Any:
    """What `work` makes of the site's database."""
    with app.app_context(), db.write() as session:
        return work(session)


def give(app: Flask, **points: int) -> list[int]:
    """Customers NAME@shop.test with those points; their row numbers."""

    def work(session: Session) -> list[int]:
        drafts = [Draft(f"{name}@shop.test", points=number) for name, number in points.items()]
        return [each.movement.customer_id for each in record(session, drafts, "test", clock.now())]

    return list(change(app, work))


def balances(app: Flask) -> dict[str, int]:
    """What everybody has in the reserve `default`, by the name before the @."""
    with app.app_context():
        rows = db.db.session.execute(
            select(Customer.email, Balance.points).join(Balance).where(Balance.reserve_id == 1).order_by(Customer.id)
        )
        return {email.partition("@")[0]: points for email, points in rows}


def by_hand(app: Flask) -> list[Movement]:
    """The movements made by hand, oldest first."""
    with app.app_context():
        return list(
            db.db.session.scalars(select(Movement).where(Movement.source.like("admin:%")).order_by(Movement.seq))
        )


def words(text: str) -> str:
    """A page as people read it."""
    return " ".join(re.sub(r"<[^>]+>", " ", text.partition("<main")[2]).split())


def wrong(text: str) -> dict[str, str]:
    """What is told at each field."""
    return dict(re.findall(r'<p class="field-error" id="([a-z_]+)-wrong">([^<]+)</p>', text))


def fields(text: str) -> dict[str, list[str]]:
    """The hidden fields of a page's form."""
    found: dict[str, list[str]] = {}
    for name, value in re.findall(
        r'<input type="hidden" name="([a-z_]+)" value="([^"]*)">', text.partition("<main")[2]
    ):
        found.setdefault(name, []).append(value)
    return found


def filled(ada: Visitor, query: str = "", **typed: Any) -> dict[str, Any]:
    """What a browser would send of the form, opened now."""
    usual = {"email": "eve@shop.test", "reserve": "default", "what": "add", "points": "50", "reason": "Thanks"}
    return usual | fields(ada.get(PAGE + query).text) | typed


def confirm(ada: Visitor, dry_run: str) -> Any:
    """Press Confirm on a dry run."""
    return ada.post(PAGE, fields(dry_run))


def ticked(numbers: list[int]) -> str:
    """The query of a list with these customers ticked."""
    return "?" + "&".join(f"customer={number}" for number in numbers)


@pytest.mark.parametrize("where", BOTH, indirect=True)
def test_a_new_customer_is_given_points(app: Flask, ada: Visitor) -> None:
    change(app, remotes_shown.add_four)
    sent = filled(ada, email=" Eve@Shop.TEST ", reason=" Thanks & more ")
    answer = ada.post(PAGE, sent)
    assert answer.status_code == 303
    with app.app_context():
        eve = db.db.session.scalars(select(Customer)).one()
        assert answer.location == f"/customers/{eve.id}"
        assert db.db.session.scalar(select(func.count()).select_from(Delivery)) == 4
    (movement,) = by_hand(app)
    assert (movement.kind, movement.points, movement.source, movement.reason) == (
        "manual",
        50,
        "admin:Ada",
        "Thanks & more",
    )
    assert (movement.ref or "").startswith(f"hand:{sent['once'][0]}:")
    assert balances(app) == {"eve": 50}
    assert "Recorded: 1 movement, +50 points. It is sent to 4 remotes." in words(ada.get(PAGE).text)


@pytest.mark.parametrize(
    ("what", "points", "after"),
    [
        ("add", "5", 105),
        ("subtract", " 5 ", 95),
        ("subtract", "100", 0),
        ("set", "0", 0),
        ("set", "-7", -7),
        ("set", "−7", -7),
        ("set", "2000000000", 2_000_000_000),
        ("set", "-2000000000", -2_000_000_000),
    ],
)
def test_a_known_customer(app: Flask, ada: Visitor, what: str, points: str, after: int) -> None:
    (number,) = give(app, bob=100)
    text = ada.get(f"{PAGE}?customer={number}").text
    assert "bob@shop.test" in text
    assert 'name="email"' not in text
    answer = ada.post(PAGE, filled(ada, f"?customer={number}", what=what, points=points))
    assert (answer.status_code, answer.location) == (303, f"/customers/{number}")
    assert balances(app) == {"bob": after}
    assert by_hand(app)[0].set_to == (after if what == "set" else None)
    told = words(ada.get(PAGE).text)
    assert ("fewer than 0" in told) == (after < 0)
    assert "No remote observes this reserve: it stays here." in told


def test_a_closing_line_is_no_remote_to_send_to(app: Flask, ada: Visitor) -> None:
    def work(session: Session) -> None:
        lines = remotes_shown.add_four(session)
        lines[0].closing_at = lines[1].deleted_at = remotes_shown.MADE
        session.get_one(Remote, 3).paused_at = remotes_shown.MADE

    change(app, work)
    ada.post(PAGE, filled(ada))
    assert "It is sent to 2 remotes." in words(ada.get(PAGE).text)
    with app.app_context():
        assert db.db.session.scalar(select(func.count()).select_from(Delivery)) == 2


def test_a_balance_that_is_so_already(app: Flask, ada: Visitor) -> None:
    give(app, eve=50)
    sent = filled(ada, what="set")
    assert ada.post(PAGE, sent).status_code == 303
    told = words(ada.get(PAGE).text)
    assert "1 balance was so already; there is nothing to record for it." in told
    assert "Recorded:" not in told
    change(app, lambda session: record(session, [Draft("eve@shop.test", points=1)], "test", clock.now()))
    ada.post(PAGE, sent)
    assert balances(app) == {"eve": 51}


@pytest.mark.parametrize("where", BOTH, indirect=True)
@pytest.mark.parametrize("what", ["add", "subtract", "set"])
def test_the_same_form_again_records_nothing(app: Flask, ada: Visitor, what: str) -> None:
    give(app, eve=20)
    sent = filled(ada, what=what)
    assert ada.post(PAGE, sent).status_code == 303
    ada.get(PAGE)
    before = balances(app)
    for again in (sent, sent | {"email": "EVE@shop.test "}, sent | {"reason": "Other words"}):
        answer = ada.post(PAGE, again)
        assert answer.status_code == 303
        assert "This was recorded already; nothing was recorded twice." in words(ada.get(PAGE).text)
    assert balances(app) == before
    assert len(by_hand(app)) == 1


@pytest.mark.parametrize("where", BOTH, indirect=True)
@pytest.mark.parametrize("what", ["add", "set"])
def test_a_double_click(app: Flask, ada: Visitor, what: str) -> None:
    sent = filled(ada, what=what)
    others = [Visitor(app) for _ in range(4)]
    for other in others:
        other.client.set_cookie("pointsync_session", ada.cookie())
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda other: other.post(PAGE, sent).status_code, others))
    assert answers == [303] * 4
    assert balances(app) == {"eve": 50}
    assert len(by_hand(app)) == 1


@pytest.mark.parametrize("where", BOTH, indirect=True)
@pytest.mark.parametrize("what", ["add", "set"])
def test_a_double_click_on_confirm(app: Flask, ada: Visitor, what: str) -> None:
    numbers = give(app, bob=10, carol=20)
    dry_run = ada.post(PAGE, filled(ada, ticked(numbers), what=what)).text
    others = [Visitor(app) for _ in range(4)]
    for other in others:
        other.client.set_cookie("pointsync_session", ada.cookie())
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda other: confirm(other, dry_run).status_code, others))
    assert answers == [303] * 4
    assert balances(app) == ({"bob": 60, "carol": 70} if what == "add" else {"bob": 50, "carol": 50})
    assert len(by_hand(app)) == 2


@pytest.mark.parametrize("other", [{"points": "60"}, {"what": "subtract"}, {"what": "set"}, {"reserve": "gold"}])
def test_back_and_something_else_is_asked_once_more(app: Flask, ada: Visitor, other: dict[str, str]) -> None:
    change(app, lambda session: reserves.add(session, "gold", "Gold", clock.now()))
    sent = filled(ada)
    ada.post(PAGE, sent)
    answer = ada.post(PAGE, sent | other)
    assert answer.status_code == 422
    assert "This form has recorded something already" in words(answer.text)
    assert len(by_hand(app)) == 1
    assert fields(answer.text)["once"] != sent["once"]
    assert ada.post(PAGE, sent | other | fields(answer.text)).status_code == 303
    assert len(by_hand(app)) == 2


@pytest.mark.parametrize("where", BOTH, indirect=True)
def test_several_are_shown_first(app: Flask, ada: Visitor) -> None:
    change(app, remotes_shown.add_four)
    numbers = give(app, bob=10, carol=200, dave=3000)
    page = ada.get(PAGE + ticked(numbers)).text
    assert "3 customers bob@shop.test carol@shop.test dave@shop.test" in words(page)
    answer = ada.post(PAGE, filled(ada, ticked(numbers), what="subtract"))
    assert answer.status_code == 200
    told = words(answer.text)
    assert "3 movements for 3 customers, −150 points in all," in told
    assert "1 balance would be below zero." in told
    assert "bob@shop.test −50 10 −40 Below zero" in told
    assert "dave@shop.test −50 3,000 2,950 All together −150 3,210 3,060" in told
    assert by_hand(app) == []

    answer = confirm(ada, answer.text)
    assert (answer.status_code, answer.location) == (303, "/customers")
    assert balances(app) == {"bob": -40, "carol": 150, "dave": 2950}
    assert [each.below_zero for each in by_hand(app)] == [True, False, False]
    told = words(ada.get(PAGE).text)
    assert "Recorded: 3 movements, −150 points. They are sent to 4 remotes." in told
    assert "bob@shop.test has −40 points now, fewer than 0." in told
    with app.app_context():
        assert differences(db.db.session()) == []


@pytest.mark.parametrize("where", BOTH, indirect=True)
def test_a_set_is_shown_again_when_a_balance_changed_meanwhile(app: Flask, ada: Visitor) -> None:
    numbers = give(app, bob=10, carol=20)
    dry_run = ada.post(PAGE, filled(ada, ticked(numbers), what="set")).text
    change(app, lambda session: record(session, [Draft("bob@shop.test", points=5)], "test", clock.now()))
    answer = confirm(ada, dry_run)
    assert answer.status_code == 422
    assert "1 balance changed meanwhile. Nothing was recorded; confirm once more." in words(answer.text)
    assert "bob@shop.test +35 15 50" in words(answer.text)
    assert balances(app) == {"bob": 15, "carol": 20}
    assert confirm(ada, answer.text).status_code == 303
    assert balances(app) == {"bob": 50, "carol": 50}
    assert confirm(ada, answer.text).status_code == 303
    assert "nothing was recorded twice" in ada.get(PAGE).text


def test_what_is_added_does_not_depend_on_the_balance(app: Flask, ada: Visitor) -> None:
    numbers = give(app, bob=10, carol=20)
    dry_run = ada.post(PAGE, filled(ada, ticked(numbers))).text
    change(app, lambda session: record(session, [Draft("bob@shop.test", points=5)], "test", clock.now()))
    assert confirm(ada, dry_run).status_code == 303
    assert balances(app) == {"bob": 65, "carol": 70}


def test_what_is_given_to_a_balance_below_zero_takes_none_there(app: Flask, ada: Visitor) -> None:
    numbers = give(app, bob=10, carol=20)
    confirm(ada, ada.post(PAGE, filled(ada, ticked(numbers), what="set", points="-100")).text)
    ada.get(PAGE)
    told = words(ada.post(PAGE, filled(ada, ticked(numbers))).text)
    assert "bob@shop.test +50 −100 −50 Below zero" in told
    assert "would be below zero" not in told


def test_a_reserve_that_allows_it_is_said_so(app: Flask, ada: Visitor) -> None:
    numbers = give(app, bob=10, carol=20)
    change(app, lambda session: reserves.change(session, "default", "Points", True, True))
    answer = ada.post(PAGE, filled(ada, ticked(numbers), what="subtract"))
    assert "2 balances would be below zero. This reserve allows it." in words(answer.text)
    confirm(ada, answer.text)
    assert "fewer than 0" not in words(ada.get(PAGE).text)


def test_none_is_recorded_where_one_cannot_be(app: Flask, ada: Visitor) -> None:
    numbers = give(app, bob=10, carol=2_000_000_000)
    answer = ada.post(PAGE, filled(ada, ticked(numbers)))
    told = words(answer.text)
    assert "1 of 2 cannot be recorded, so none is." in told
    assert "Confirm" not in told
    assert "The balance would be 2,000,000,050; it must stay within" in told
    again = ada.post(PAGE, fields(answer.text))
    assert again.status_code == 200
    assert 'value="50"' in again.text
    answer = ada.post(PAGE, fields(answer.text) | {"confirmed": "1"} | {"again": []})
    assert answer.status_code == 422
    assert by_hand(app) == []
    assert wrong(ada.post(PAGE, filled(ada, f"?customer={numbers[1]}")).text)["points"].startswith("The balance would")
    assert balances(app) == {"bob": 10, "carol": 2_000_000_000}


def test_back_to_the_form_keeps_all(app: Flask, ada: Visitor) -> None:
    numbers = give(app, bob=10, carol=20)
    dry_run = ada.post(PAGE, filled(ada, ticked(numbers), what="subtract", reason="<b>no</b>")).text
    assert "<b>no</b>" not in dry_run
    text = ada.post(PAGE, fields(dry_run) | {"again": "1", "reason": "<b>no</b>"}).text
    assert 'value="50"' in text
    assert 'value="&lt;b&gt;no&lt;/b&gt;"' in text
    assert re.search(r'<input[^>]* checked[^>]* value="subtract"', text)
    assert fields(text)["customer"] == [str(number) for number in numbers]


EACH_POINTS = ["", " ", "1.5", "1,5", "1e9", "٣", "５", "+5", "0x5", "5\0", "9" * 5000, "2000000001", "NaN", "1_0", "²"]
ONE_UP = "Type a whole number from 1 to 2,000,000,000"
ANY = "Type a whole number from −2,000,000,000 to 2,000,000,000"
WRONG: dict[str, list[tuple[dict[str, str | None], str]]] = {
    "points": [
        *(({"points": each}, ONE_UP) for each in [*EACH_POINTS, "0", "-5", None]),
        *(({"what": "subtract", "points": each}, ONE_UP) for each in ["", "0", "-5", "+5"]),
        *(({"what": "set", "points": each}, ANY) for each in [*EACH_POINTS, "-2000000001", "--5", "-", None]),
    ],
    "email": [
        ({"email": ""}, "The e-mail address is empty"),
        ({"email": None}, "The e-mail address is empty"),
        ({"email": "no such"}, "is no e-mail address"),
        ({"email": "a@b\0.test"}, "is no e-mail address"),
        ({"email": "a" * 5000}, "at most 254"),
    ],
    "reserve": [({"reserve": each}, "Choose one of these") for each in ("old", "none", "\0", "", None)],
    "what": [({"what": each}, "Choose what") for each in ("double", "\0", "", None)],
    "reason": [
        ({"reason": "a" * 501}, "At most 500 characters"),
        ({"reason": "a\nb"}, "control characters"),
        ({"reason": "a\0b"}, "control characters"),
    ],
}


@pytest.mark.parametrize("field", WRONG)
@pytest.mark.parametrize("where", BOTH, indirect=True)
def test_what_cannot_be_is_told_at_its_field(app: Flask, ada: Visitor, field: str) -> None:
    change(app, lambda session: reserves.add(session, "old", None, clock.now(), is_active=False))
    for typed, sentence in WRONG[field]:
        sent = filled(ada) | typed
        answer = ada.post(PAGE, {name: value for name, value in sent.items() if value is not None})
        assert answer.status_code == 422, typed
        told = wrong(answer.text)
        assert list(told) == [field], typed
        assert sentence in told[field]
        assert field == "reason" or 'value="Thanks"' in answer.text
        assert field == "points" or 'value="50"' in answer.text
        assert fields(answer.text)["once"] == sent["once"]
    assert by_hand(app) == []
    assert balances(app) == {}


def test_all_that_is_wrong_is_told_at_once(ada: Visitor) -> None:
    answer = ada.post(PAGE, filled(ada, email="x", reserve="x", points="x", reason="\0"))
    assert set(wrong(answer.text)) == {"email", "reserve", "points", "reason"}


@pytest.mark.parametrize("field", ["email", "reserve", "what", "points", "reason", "once", "customer"])
def test_no_rubbish_is_an_error_of_ours(ada: Visitor, field: str) -> None:
    sent = filled(ada, email="no such")
    rest = "&".join(f"{name}={value}" for name, value in sent.items() if name not in (field, "csrf_token", "once"))
    marks = f"csrf_token={sent['csrf_token'][0]}" + ("" if field == "once" else f"&once={sent['once'][0]}")
    for rubbish in (b"\xed\xa0\x80", b"\xff\xfe", b"%", b"<script>", "\u202e\U0001f600".encode()):
        body = f"{rest}&{marks}&{field}={quote_from_bytes(rubbish)}"
        answer = ada.post(PAGE, body, content_type=FORM)
        assert answer.status_code in (303, 422), rubbish
        assert "<script>" not in answer.text


@pytest.mark.parametrize("where", BOTH, indirect=True)
def test_a_ticked_customer_who_is_not_here(app: Flask, ada: Visitor) -> None:
    (bob,) = give(app, bob=10)
    for number in ("x", "", "0", "-1", "99", "9" * 30, "1e3", "\0", "٣", "1 OR 1=1"):
        answer = ada.get(PAGE, query_string={"customer": number})
        assert answer.status_code == 422
        assert "1 customer that was ticked is not here, so nothing was recorded." in words(answer.text)
        answer = ada.post(PAGE, filled(ada) | {"customer": [number, str(bob)]})
        assert answer.status_code == 422
        assert "Go on with those named here" in words(answer.text)
        assert fields(answer.text)["customer"] == [str(bob)]
        assert 'value="50"' in answer.text
    assert balances(app) == {"bob": 10}


def test_a_thousand_at_once_and_not_one_more(app: Flask, ada: Visitor) -> None:
    numbers = give(app, **{f"c{number:04}": 1 for number in range(1000)})
    answer = ada.post(PAGE, filled(ada, "", customer=[str(number) for number in numbers]))
    assert "1,000 movements for 1,000 customers, +50,000 points in all" in words(answer.text)
    assert confirm(ada, answer.text).status_code == 303
    assert set(balances(app).values()) == {51}
    answer = ada.post(PAGE, filled(ada, "", customer=[str(number) for number in [*numbers, 5000]]))
    assert answer.status_code == 422
    assert "At most 1,000 customers at once; these are 1,001." in words(answer.text)


def test_a_form_without_its_mark(app: Flask, ada: Visitor) -> None:
    sent = filled(ada)
    del sent["once"]
    for once in ({}, {"once": ""}, {"once": "x"}, {"once": "A" * 32}, {"once": "\0" * 32}):
        answer = ada.post(PAGE, sent | once)
        assert answer.status_code == 422
        assert "This form came without its mark" in words(answer.text)
    assert by_hand(app) == []
    assert ada.post(PAGE, sent | fields(answer.text)).status_code == 303


@pytest.mark.parametrize("where", BOTH, indirect=True)
def test_an_admin_with_the_longest_name(app: Flask, ada: Visitor) -> None:
    def work(session: Session) -> None:
        session.scalars(select(Admin)).one().name = "ä" * 191

    change(app, work)
    sent = filled(ada)
    assert ada.post(PAGE, sent).status_code == 303
    assert ada.post(PAGE, sent).status_code == 303
    assert balances(app) == {"eve": 50}


def test_no_active_reserve(app: Flask, ada: Visitor) -> None:
    change(app, lambda session: reserves.change(session, "default", "Points", False, False))
    answer = ada.post(PAGE, filled(ada))
    assert answer.status_code == 422
    assert "make one active under Points and Rewards" in wrong(answer.text)["reserve"]


def test_balances_that_were_never_shown_are_shown_again(app: Flask, ada: Visitor) -> None:
    numbers = give(app, bob=10, carol=20)
    dry_run = ada.post(PAGE, filled(ada, ticked(numbers), what="set")).text
    for seen in ("", "x", "1", "10,20,30", "9" * 400, ",", "\0"):
        answer = ada.post(PAGE, fields(dry_run) | {"seen": seen})
        assert answer.status_code == 422
        assert "changed meanwhile" in words(answer.text)
    assert balances(app) == {"bob": 10, "carol": 20}


def test_too_large_is_said_so(app: Flask, ada: Visitor) -> None:
    answer = ada.post(PAGE, filled(ada, reason="a" * 2 * 1024 * 1024))
    assert answer.status_code == 413
    assert "Send less at once" in answer.text
    assert by_hand(app) == []


def test_a_stranger_is_sent_to_sign_in(app: Flask, stranger: Visitor) -> None:
    assert stranger.get(PAGE).location.startswith("/sign-in")
    assert stranger.post(PAGE, {"email": "eve@shop.test", "points": "5"}).status_code == 400
    assert by_hand(app) == []


def test_as_many_queries_for_many(app: Flask, ada: Visitor) -> None:
    numbers = give(app, **{f"c{number}": 1 for number in range(40)})
    few, many = (filled(ada, ticked(each)) for each in (numbers[:2], numbers))
    asked = []
    with app.app_context():
        for sent in (few, few, many):  # the first one also finds out who is signed in
            with watched() as found:
                assert ada.post(PAGE, sent).status_code == 200
            asked.append(len(found))
    assert asked[1] == asked[2] < 12
