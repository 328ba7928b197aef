"""Several in one go: pasted lines, shown first, recorded all or none, and never twice."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from pointsync import clock, db
from pointsync.ledger import reserves
from pointsync.ledger.record import Draft, record
from pointsync.ledger.verify import differences
from tests.admin import sample_remotes
from tests.admin.conftest import BOTH
from tests.admin.page_text import words, wrong
from tests.admin.points.points_page import balances, by_hand, fields, give
from tests.support.panel_client import Visitor
from tests.support.queries import watched
from tests.support.site_template import change

PAGE = "/customers/points/several"


def filled(ada: Visitor, lines: str, **typed: Any) -> dict[str, Any]:
    """What a browser would send of the form, opened now."""
    return fields(ada.get(PAGE).text) | {"reserve": "default", "lines": lines, "reason": "Thanks"} | typed


def dry_run(ada: Visitor, lines: str, **typed: Any) -> Any:
    """The answer to the form."""
    return ada.post(PAGE, filled(ada, lines, **typed))


def confirm(ada: Visitor, lines: str, text: str) -> Any:
    """Press Confirm on a dry run; a browser sends what the page holds."""
    return ada.post(PAGE, fields(text) | {"lines": lines, "reserve": "default", "reason": "Thanks"})


def faults(ada: Visitor, lines: str) -> str:
    """What a dry run says of lines that cannot be recorded."""
    answer = dry_run(ada, lines)
    assert answer.status_code == 422, lines
    assert "Back to the lines" in answer.text
    assert "Confirm<" not in answer.text
    return words(answer.text)


@pytest.mark.parametrize("where", BOTH, indirect=True)
def test_lines_are_shown_and_then_recorded(app: Flask, ada: Visitor) -> None:
    change(app, lambda session: [sample_remotes.add(session, "https://two.test", "wrk_" + "2" * 16)])
    give(app, bob=10, carol=5)
    lines = "Bob@shop.test, 50, Welcome, and thanks\r\n\r\n  \r\neve@shop.test;+200\r\ncarol@shop.test\t−7\tA slip\r\n"
    answer = dry_run(ada, lines)
    assert answer.status_code == 200
    told = words(answer.text)
    assert "3 movements for 3 customers, +243 points in all, in the points reserve Points ." in told
    assert "1 bob@shop.test Welcome, and thanks +50 10 60" in told
    assert "4 eve@shop.test New customer Thanks +200 0 200" in told
    assert "5 carol@shop.test A slip −7 5 −2 Below zero" in told
    assert "All together +243 15 258" in told
    assert "1 balance would be below zero." in told
    assert by_hand(app) == []
    assert fields(answer.text)["lines"][0].splitlines() == lines.splitlines()

    answer = confirm(ada, lines, answer.text)
    assert (answer.status_code, answer.location) == (303, "/customers")
    assert balances(app) == {"bob": 60, "carol": -2, "eve": 200}
    made = by_hand(app)
    assert [each.reason for each in made] == ["Welcome, and thanks", "Thanks", "A slip"]
    assert {(each.kind, each.source) for each in made} == {("manual", "admin:Ada")}
    told = words(ada.get(PAGE).text)
    assert "Recorded: 3 movements, +243 points. They are sent to 1 remote." in told
    assert "carol@shop.test has −2 points now, fewer than 0." in told
    with app.app_context():
        assert differences(db.db.session()) == []


@pytest.mark.parametrize("where", BOTH, indirect=True)
def test_the_same_customer_twice_counts_twice(app: Flask, ada: Visitor) -> None:
    (bob,) = give(app, bob=10)
    lines = "bob@shop.test, 50\nBOB@shop.test, -60\nbob@shop.test, 50"
    answer = dry_run(ada, lines)
    told = words(answer.text)
    assert "3 movements for 1 customer, +40 points in all" in told
    assert "+50 10 60" in told
    assert "−60 60 0" in told
    assert "+50 0 50 All together +40 10 50" in told
    answer = confirm(ada, lines, answer.text)
    assert answer.location == f"/customers/{bob}"
    assert [each.balance for each in by_hand(app)] == [60, 0, 50]
    assert "No remote observes this reserve: they stay here." in words(ada.get(PAGE).text)


def test_what_a_spreadsheet_has_quoted(app: Flask, ada: Visitor) -> None:
    lines = (
        '"bob@shop.test","50","2 mugs, and ""thanks"""\n'
        'eve@shop.test;"20";Welcome; and thanks\n'
        'zoe@shop.test\t5\t5" ruler\n'
        'tom@shop.test,"1,000"\n'
        '"tim@shop.test,5\n'
        'pat@shop.test,"5"0'
    )
    told = words(dry_run(ada, lines).text)
    assert 'bob@shop.test New customer 2 mugs, and "thanks" +50' in told
    assert "eve@shop.test New customer Welcome; and thanks +20" in told
    assert 'zoe@shop.test New customer 5" ruler +5' in told
    assert "Type whole points behind the e-mail" in told
    assert told.count("The quotes do not match") == 2
    assert by_hand(app) == []


@pytest.mark.parametrize("where", BOTH, indirect=True)
def test_confirming_again_records_nothing(app: Flask, ada: Visitor) -> None:
    lines = "bob@shop.test, 50\neve@shop.test, 5"
    shown = dry_run(ada, lines).text
    for _ in range(3):
        assert confirm(ada, lines, shown).status_code == 303
    told = words(ada.get(PAGE).text)
    assert "Recorded: 2 movements, +55 points." in told
    assert told.count("This was recorded already; nothing was recorded twice.") == 2
    assert balances(app) == {"bob": 50, "eve": 5}


@pytest.mark.parametrize("where", BOTH, indirect=True)
def test_a_double_click(app: Flask, ada: Visitor) -> None:
    lines = "\n".join(f"c{number}@shop.test, 5" for number in range(20))
    shown = dry_run(ada, lines).text
    others = [Visitor(app) for _ in range(4)]
    for other in others:
        other.client.set_cookie("pointsync_session", ada.cookie())
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda other: confirm(other, lines, shown).status_code, others))
    assert answers == [303] * 4
    assert len(by_hand(app)) == 20
    assert set(balances(app).values()) == {5}


@pytest.mark.parametrize("other", ["bob@shop.test, 51", "bob@shop.test, 50\neve@shop.test, 5", "eve@shop.test, 50"])
def test_back_and_other_lines_are_asked_once_more(app: Flask, ada: Visitor, other: str) -> None:
    sent = filled(ada, "bob@shop.test, 50")
    shown = ada.post(PAGE, sent).text
    confirm(ada, "bob@shop.test, 50", shown)
    shown = ada.post(PAGE, sent | {"lines": other}).text
    answer = confirm(ada, other, shown)
    assert answer.status_code == 422
    assert "This form has recorded something already" in words(answer.text)
    assert len(by_hand(app)) == 1
    assert confirm(ada, other, answer.text).status_code == 303
    assert len(by_hand(app)) == 2 + other.count("\n")


FAULTS = [
    ("bob@shop.test", "Type the e-mail, a comma and the points"),
    ("bob@shop.test 50", "Type the e-mail, a comma and the points"),
    ("e-mail, points", "is no e-mail address"),
    (", 50", "The e-mail address is empty"),
    ("no such, 50", "is no e-mail address"),
    ("a" * 2000 + ", 50", "at most 254 characters"),
    ("b\0b@shop.test, 50", "is no e-mail address"),
    *(
        (f"bob@shop.test; {points}", "Type whole points behind the e-mail")
        for points in ("", "x", "1.5", "1,5", "1e9", "٣", "５", "+-5", "+", "5\0", "1_0", "²")
    ),
    ("bob@shop.test, 0", "0 points change nothing"),
    ("bob@shop.test, -0", "0 points change nothing"),
    ("bob@shop.test, 2000000001", "within ±2,000,000,000"),
    ("bob@shop.test, -" + "9" * 5000, "within ±2,000,000,000"),
    ("bob@shop.test,1,000", "without a comma in them"),
    ("bob@shop.test, 1, 000", "without a comma in them"),
    ("bob@shop.test, 1,5", "without a comma in them"),
    ("bob@shop.test, 50, " + "a" * 501, "At most 500 characters"),
    ("bob@shop.test, 50, a\0b", "control characters"),
    ("bob@shop.test, 50, a\tb", "control characters"),
    ("big@shop.test, 1", "The balance would be 2,000,000,001"),
]


@pytest.mark.parametrize("where", BOTH, indirect=True)
def test_a_line_that_cannot_be_is_told_by_its_number(app: Flask, ada: Visitor) -> None:
    give(app, big=2_000_000_000)
    for line, sentence in FAULTS:
        told = faults(ada, f"eve@shop.test, 5\r\n\r\n{line}\r\ncarol@shop.test, 6")
        assert "1 line cannot be recorded, so none is." in told
        mend = told.partition("What to mend")[2]
        assert mend.startswith(" 3 ")
        assert sentence in mend
        assert "The other 2 lines would do this:" in mend
        assert "4 carol@shop.test New customer Thanks +6 0 6" in mend
    assert by_hand(app) == []


def test_with_faults_nothing_can_be_confirmed(app: Flask, ada: Visitor) -> None:
    lines = "eve@shop.test, 5\n<b>x</b>, 5"
    answer = ada.post(PAGE, filled(ada, lines, confirmed="1"))
    assert answer.status_code == 422
    assert "<b>x</b>" not in answer.text
    assert by_hand(app) == []
    answer = ada.post(PAGE, fields(answer.text) | {"lines": lines})
    assert answer.status_code == 200
    assert "eve@shop.test, 5\n&lt;b&gt;x&lt;/b&gt;, 5</textarea>" in answer.text.replace("\r", "")
    assert 'value="Thanks"' in answer.text


def test_points_within_bounds_by_turns(app: Flask, ada: Visitor) -> None:
    give(app, big=2_000_000_000)
    assert "within" in faults(ada, "big@shop.test, 1\nbig@shop.test, -1")
    lines = "big@shop.test, -1\nbig@shop.test, 1"
    assert confirm(ada, lines, dry_run(ada, lines).text).status_code == 303
    assert balances(app) == {"big": 2_000_000_000}


def test_a_balance_that_leaves_the_bounds_meanwhile(app: Flask, ada: Visitor) -> None:
    lines = "big@shop.test, 5\neve@shop.test, 5"
    shown = dry_run(ada, lines).text
    give(app, big=1_999_999_999)
    answer = confirm(ada, lines, shown)
    assert answer.status_code == 422
    assert "1 line cannot be recorded" in words(answer.text)
    assert by_hand(app) == []


@pytest.mark.parametrize(
    ("typed", "field", "sentence"),
    [
        ({"lines": ""}, "lines", "Paste at least one line"),
        ({"lines": " \r\n \r\n"}, "lines", "Paste at least one line"),
        ({"lines": "\n".join(["eve@shop.test, 1"] * 1001)}, "lines", "At most 1,000 lines in one go; these are 1,001."),
        ({"reserve": "old"}, "reserve", "Choose one of these"),
        ({"reserve": ""}, "reserve", "Choose one of these"),
        ({"reserve": "\0"}, "reserve", "Choose one of these"),
        ({"reason": "a" * 501}, "reason", "At most 500 characters"),
        ({"reason": "a\0b"}, "reason", "control characters"),
    ],
)
def test_what_concerns_all_lines_is_told_at_its_field(
    app: Flask, ada: Visitor, typed: dict[str, str], field: str, sentence: str
) -> None:
    change(app, lambda session: reserves.add(session, "old", None, clock.now(), is_active=False))
    answer = ada.post(PAGE, filled(ada, "eve@shop.test, 5", confirmed="1") | typed)
    assert answer.status_code == 422
    told = wrong(answer.text)
    assert list(told) == [field]
    assert sentence in told[field]
    assert field == "lines" or "eve@shop.test, 5</textarea>" in answer.text
    assert by_hand(app) == []


def test_what_is_missing_altogether(app: Flask, ada: Visitor) -> None:
    sent = filled(ada, "eve@shop.test, 5")
    for name in ("lines", "reserve", "once"):
        answer = ada.post(PAGE, {key: value for key, value in sent.items() if key != name} | {"confirmed": "1"})
        assert answer.status_code == 422
    assert ada.post(PAGE, {"csrf_token": sent["csrf_token"]}).status_code == 422
    assert by_hand(app) == []


def test_a_reserve_made_inactive_meanwhile(app: Flask, ada: Visitor) -> None:
    shown = dry_run(ada, "eve@shop.test, 5").text
    change(app, lambda session: reserves.change(session, "default", "Points", False, False))
    answer = confirm(ada, "eve@shop.test, 5", shown)
    assert answer.status_code == 422
    assert "make one active" in wrong(answer.text)["reserve"]
    assert by_hand(app) == []


@pytest.mark.parametrize("where", BOTH, indirect=True)
def test_a_thousand_lines(app: Flask, ada: Visitor) -> None:
    lines = "\r\n".join(f"c{number:04}@shop.test, 5" for number in range(1000))
    answer = dry_run(ada, lines)
    assert "1,000 movements for 1,000 customers, +5,000 points in all" in words(answer.text)
    assert confirm(ada, lines, answer.text).status_code == 303
    assert len(by_hand(app)) == 1000


def test_too_large_is_said_so(app: Flask, ada: Visitor) -> None:
    answer = dry_run(ada, "a" * 2 * 1024 * 1024)
    assert answer.status_code == 413
    assert "Send less at once" in answer.text


def test_a_stranger_is_sent_to_sign_in(app: Flask, stranger: Visitor) -> None:
    assert stranger.get(PAGE).location.startswith("/sign-in")
    assert stranger.post(PAGE, {"lines": "eve@shop.test, 5"}).status_code == 400
    assert by_hand(app) == []


def test_as_many_queries_for_many(app: Flask, ada: Visitor) -> None:
    def work(session: Session) -> None:
        record(session, [Draft(f"c{number}@shop.test", points=1) for number in range(40)], "test", clock.now())

    change(app, work)
    asked = []
    with app.app_context():
        for many in (1, 1, 40):  # the first one also finds out who is signed in
            sent = filled(ada, "\n".join(f"c{number}@shop.test, 5" for number in range(many)))
            with watched() as found:
                assert ada.post(PAGE, sent).status_code == 200
            asked.append(len(found))
    assert asked[1] == asked[2] < 12
