"""Several in one go: pasted lines, shown first, recorded all or none, and never twice."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from pointsync import clock, db
from pointsync.ledger import reserves
from pointsync.ledger.record import Draft, record
from pointsync.ledger.verify import find_balance_differences
from tests.admin import sample_remotes
from tests.admin.conftest import BOTH_DATABASES
from tests.admin.page_text import field_errors, main_text
from tests.admin.points.points_page import balances, create_customers, hidden_fields, manual_movements
from tests.support.panel_client import PanelClient
from tests.support.queries import record_queries
from tests.support.site_template import run_in_transaction

PAGE = "/customers/points/several"


def filled_form(ada: PanelClient, lines: str, **typed: Any) -> dict[str, Any]:
    """What a browser would send of the form, opened now."""
    return hidden_fields(ada.get(PAGE).text) | {"reserve": "default", "lines": lines, "reason": "Thanks"} | typed


def post_dry_run(ada: PanelClient, lines: str, **typed: Any) -> Any:
    """The answer to the form."""
    return ada.post(PAGE, filled_form(ada, lines, **typed))


def confirm_dry_run(ada: PanelClient, lines: str, text: str) -> Any:
    """Press Confirm on a dry run; a browser sends what the page holds."""
    return ada.post(PAGE, hidden_fields(text) | {"lines": lines, "reserve": "default", "reason": "Thanks"})


def line_faults(ada: PanelClient, lines: str) -> str:
    """What a dry run says of lines that cannot be recorded."""
    answer = post_dry_run(ada, lines)
    assert answer.status_code == 422, lines
    assert "Back to the lines" in answer.text
    assert "Confirm<" not in answer.text
    return main_text(answer.text)


@pytest.mark.parametrize("database_settings", BOTH_DATABASES, indirect=True)
def test_lines_are_shown_and_then_recorded(app: Flask, ada: PanelClient) -> None:
    run_in_transaction(app, lambda session: [sample_remotes.add_remote(session, "https://two.test", "wrk_" + "2" * 16)])
    create_customers(app, bob=10, carol=5)
    lines = "Bob@shop.test, 50, Welcome, and thanks\r\n\r\n  \r\neve@shop.test;+200\r\ncarol@shop.test\t−7\tA slip\r\n"
    answer = post_dry_run(ada, lines)
    assert answer.status_code == 200
    page_text = main_text(answer.text)
    assert "3 movements for 3 customers, +243 points in all, in the points reserve Points ." in page_text
    assert "1 bob@shop.test Welcome, and thanks +50 10 60" in page_text
    assert "4 eve@shop.test New customer Thanks +200 0 200" in page_text
    assert "5 carol@shop.test A slip −7 5 −2 Below zero" in page_text
    assert "All together +243 15 258" in page_text
    assert "1 balance would be below zero." in page_text
    assert manual_movements(app) == []
    assert hidden_fields(answer.text)["lines"][0].splitlines() == lines.splitlines()

    answer = confirm_dry_run(ada, lines, answer.text)
    assert (answer.status_code, answer.location) == (303, "/customers")
    assert balances(app) == {"bob": 60, "carol": -2, "eve": 200}
    made = manual_movements(app)
    assert [each.reason for each in made] == ["Welcome, and thanks", "Thanks", "A slip"]
    assert {(each.kind, each.source) for each in made} == {("manual", "admin:Ada")}
    page_text = main_text(ada.get(PAGE).text)
    assert "Recorded: 3 movements, +243 points. They are sent to 1 remote." in page_text
    assert "carol@shop.test has −2 points now, fewer than 0." in page_text
    with app.app_context():
        assert find_balance_differences(db.session()) == []


@pytest.mark.parametrize("database_settings", BOTH_DATABASES, indirect=True)
def test_the_same_customer_twice_counts_twice(app: Flask, ada: PanelClient) -> None:
    (bob,) = create_customers(app, bob=10)
    lines = "bob@shop.test, 50\nBOB@shop.test, -60\nbob@shop.test, 50"
    answer = post_dry_run(ada, lines)
    page_text = main_text(answer.text)
    assert "3 movements for 1 customer, +40 points in all" in page_text
    assert "+50 10 60" in page_text
    assert "−60 60 0" in page_text
    assert "+50 0 50 All together +40 10 50" in page_text
    answer = confirm_dry_run(ada, lines, answer.text)
    assert answer.location == f"/customers/{bob}"
    assert [each.balance for each in manual_movements(app)] == [60, 0, 50]
    assert "No remote observes this reserve: they stay here." in main_text(ada.get(PAGE).text)


def test_what_a_spreadsheet_has_quoted(app: Flask, ada: PanelClient) -> None:
    lines = (
        '"bob@shop.test","50","2 mugs, and ""thanks"""\n'
        'eve@shop.test;"20";Welcome; and thanks\n'
        'zoe@shop.test\t5\t5" ruler\n'
        'tom@shop.test,"1,000"\n'
        '"tim@shop.test,5\n'
        'pat@shop.test,"5"0'
    )
    page_text = main_text(post_dry_run(ada, lines).text)
    assert 'bob@shop.test New customer 2 mugs, and "thanks" +50' in page_text
    assert "eve@shop.test New customer Welcome; and thanks +20" in page_text
    assert 'zoe@shop.test New customer 5" ruler +5' in page_text
    assert "Type whole points behind the e-mail" in page_text
    assert page_text.count("The quotes do not match") == 2
    assert manual_movements(app) == []


@pytest.mark.parametrize("database_settings", BOTH_DATABASES, indirect=True)
def test_confirming_again_records_nothing(app: Flask, ada: PanelClient) -> None:
    lines = "bob@shop.test, 50\neve@shop.test, 5"
    shown = post_dry_run(ada, lines).text
    for _ in range(3):
        assert confirm_dry_run(ada, lines, shown).status_code == 303
    page_text = main_text(ada.get(PAGE).text)
    assert "Recorded: 2 movements, +55 points." in page_text
    assert page_text.count("This was recorded already; nothing was recorded twice.") == 2
    assert balances(app) == {"bob": 50, "eve": 5}


@pytest.mark.parametrize("database_settings", BOTH_DATABASES, indirect=True)
def test_a_double_click(app: Flask, ada: PanelClient) -> None:
    lines = "\n".join(f"c{number}@shop.test, 5" for number in range(20))
    shown = post_dry_run(ada, lines).text
    others = [PanelClient(app) for _ in range(4)]
    for other in others:
        other.client.set_cookie("pointsync_session", ada.cookie())
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda other: confirm_dry_run(other, lines, shown).status_code, others))
    assert answers == [303] * 4
    assert len(manual_movements(app)) == 20
    assert set(balances(app).values()) == {5}


@pytest.mark.parametrize("other", ["bob@shop.test, 51", "bob@shop.test, 50\neve@shop.test, 5", "eve@shop.test, 50"])
def test_back_and_other_lines_are_asked_once_more(app: Flask, ada: PanelClient, other: str) -> None:
    sent = filled_form(ada, "bob@shop.test, 50")
    shown = ada.post(PAGE, sent).text
    confirm_dry_run(ada, "bob@shop.test, 50", shown)
    shown = ada.post(PAGE, sent | {"lines": other}).text
    answer = confirm_dry_run(ada, other, shown)
    assert answer.status_code == 422
    assert "This form has recorded something already" in main_text(answer.text)
    assert len(manual_movements(app)) == 1
    assert confirm_dry_run(ada, other, answer.text).status_code == 303
    assert len(manual_movements(app)) == 2 + other.count("\n")


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


@pytest.mark.parametrize("database_settings", BOTH_DATABASES, indirect=True)
def test_a_line_that_cannot_be_is_told_by_its_number(app: Flask, ada: PanelClient) -> None:
    create_customers(app, big=2_000_000_000)
    for line, sentence in FAULTS:
        page_text = line_faults(ada, f"eve@shop.test, 5\r\n\r\n{line}\r\ncarol@shop.test, 6")
        assert "1 line cannot be recorded, so none is." in page_text
        mend = page_text.partition("What to mend")[2]
        assert mend.startswith(" 3 ")
        assert sentence in mend
        assert "The other 2 lines would do this:" in mend
        assert "4 carol@shop.test New customer Thanks +6 0 6" in mend
    assert manual_movements(app) == []


def test_with_faults_nothing_can_be_confirmed(app: Flask, ada: PanelClient) -> None:
    lines = "eve@shop.test, 5\n<b>x</b>, 5"
    answer = ada.post(PAGE, filled_form(ada, lines, confirmed="1"))
    assert answer.status_code == 422
    assert "<b>x</b>" not in answer.text
    assert manual_movements(app) == []
    answer = ada.post(PAGE, hidden_fields(answer.text) | {"lines": lines})
    assert answer.status_code == 200
    assert "eve@shop.test, 5\n&lt;b&gt;x&lt;/b&gt;, 5</textarea>" in answer.text.replace("\r", "")
    assert 'value="Thanks"' in answer.text


def test_points_within_bounds_by_turns(app: Flask, ada: PanelClient) -> None:
    create_customers(app, big=2_000_000_000)
    assert "within" in line_faults(ada, "big@shop.test, 1\nbig@shop.test, -1")
    lines = "big@shop.test, -1\nbig@shop.test, 1"
    assert confirm_dry_run(ada, lines, post_dry_run(ada, lines).text).status_code == 303
    assert balances(app) == {"big": 2_000_000_000}


def test_a_balance_that_leaves_the_bounds_meanwhile(app: Flask, ada: PanelClient) -> None:
    lines = "big@shop.test, 5\neve@shop.test, 5"
    shown = post_dry_run(ada, lines).text
    create_customers(app, big=1_999_999_999)
    answer = confirm_dry_run(ada, lines, shown)
    assert answer.status_code == 422
    assert "1 line cannot be recorded" in main_text(answer.text)
    assert manual_movements(app) == []


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
    app: Flask, ada: PanelClient, typed: dict[str, str], field: str, sentence: str
) -> None:
    run_in_transaction(app, lambda session: reserves.create(session, "old", None, clock.now(), is_active=False))
    answer = ada.post(PAGE, filled_form(ada, "eve@shop.test, 5", confirmed="1") | typed)
    assert answer.status_code == 422
    errors = field_errors(answer.text)
    assert list(errors) == [field]
    assert sentence in errors[field]
    assert field == "lines" or "eve@shop.test, 5</textarea>" in answer.text
    assert manual_movements(app) == []


def test_what_is_missing_altogether(app: Flask, ada: PanelClient) -> None:
    sent = filled_form(ada, "eve@shop.test, 5")
    for name in ("lines", "reserve", "idempotency_key"):
        answer = ada.post(PAGE, {key: value for key, value in sent.items() if key != name} | {"confirmed": "1"})
        assert answer.status_code == 422
    assert ada.post(PAGE, {"csrf_token": sent["csrf_token"]}).status_code == 422
    assert manual_movements(app) == []


def test_a_reserve_made_inactive_meanwhile(app: Flask, ada: PanelClient) -> None:
    shown = post_dry_run(ada, "eve@shop.test, 5").text
    run_in_transaction(app, lambda session: reserves.update(session, "default", "Points", False, False))
    answer = confirm_dry_run(ada, "eve@shop.test, 5", shown)
    assert answer.status_code == 422
    assert "make one active" in field_errors(answer.text)["reserve"]
    assert manual_movements(app) == []


@pytest.mark.parametrize("database_settings", BOTH_DATABASES, indirect=True)
def test_a_thousand_lines(app: Flask, ada: PanelClient) -> None:
    lines = "\r\n".join(f"c{number:04}@shop.test, 5" for number in range(1000))
    answer = post_dry_run(ada, lines)
    assert "1,000 movements for 1,000 customers, +5,000 points in all" in main_text(answer.text)
    assert confirm_dry_run(ada, lines, answer.text).status_code == 303
    assert len(manual_movements(app)) == 1000


def test_too_large_is_said_so(app: Flask, ada: PanelClient) -> None:
    answer = post_dry_run(ada, "a" * 2 * 1024 * 1024)
    assert answer.status_code == 413
    assert "Send less at once" in answer.text


def test_a_stranger_is_sent_to_sign_in(app: Flask, stranger: PanelClient) -> None:
    assert stranger.get(PAGE).location.startswith("/sign-in")
    assert stranger.post(PAGE, {"lines": "eve@shop.test, 5"}).status_code == 400
    assert manual_movements(app) == []


def test_as_many_queries_for_many(app: Flask, ada: PanelClient) -> None:
    def change(session: Session) -> None:
        record(session, [Draft(f"c{number}@shop.test", points=1) for number in range(40)], "test", clock.now())

    run_in_transaction(app, change)
    asked = []
    with app.app_context():
        for many in (1, 1, 40):  # the first one also finds out who is signed in
            sent = filled_form(ada, "\n".join(f"c{number}@shop.test, 5" for number in range(many)))
            with record_queries() as found:
                assert ada.post(PAGE, sent).status_code == 200
            asked.append(len(found))
    assert asked[1] == asked[2] < 12
