"""Bulk adjust: pasted lines, shown as a dry run, then recorded all or none, and only once."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from pointsync import clock, db
from pointsync.ledger import reserves
from pointsync.ledger.integrity.verify import find_balance_differences
from pointsync.ledger.record import Draft, record
from tests.admin import sample_remotes
from tests.admin.conftest import BOTH_DATABASES
from tests.admin.page_text import field_errors, main_text
from tests.admin.points.points_page import balances, create_customers, hidden_fields, manual_movements
from tests.support.panel_client import PanelClient
from tests.support.queries import record_queries
from tests.support.site_template import run_in_transaction

PAGE = "/customers/points/several"


def filled_form(ada: PanelClient, lines: str, **typed: Any) -> dict[str, Any]:
    """The form's fields as a browser would send them."""
    return hidden_fields(ada.get(PAGE).text) | {"reserve": "default", "lines": lines, "reason": "Thanks"} | typed


def post_dry_run(ada: PanelClient, lines: str, **typed: Any) -> Any:
    """The response to the form."""
    return ada.post(PAGE, filled_form(ada, lines, **typed))


def confirm_dry_run(ada: PanelClient, lines: str, text: str) -> Any:
    """Press Confirm on a dry run. The page has the form's values in hidden fields."""
    return ada.post(PAGE, hidden_fields(text) | {"lines": lines, "reserve": "default", "reason": "Thanks"})


def line_errors(ada: PanelClient, lines: str) -> str:
    """The text of a dry run with lines that cannot be recorded."""
    answer = post_dry_run(ada, lines)
    assert answer.status_code == 422, lines
    assert "Back to the lines" in answer.text
    assert "Confirm<" not in answer.text
    return main_text(answer.text)


@pytest.mark.parametrize("database_settings", BOTH_DATABASES, indirect=True)
def test_a_dry_run_and_then_the_movements(app: Flask, ada: PanelClient) -> None:
    run_in_transaction(app, lambda session: [sample_remotes.add_remote(session, "https://two.test", "wrk_" + "2" * 16)])
    create_customers(app, bob=10, carol=5)
    lines = "Bob@shop.test, 50, Welcome, and thanks\r\n\r\n  \r\neve@shop.test;+200\r\ncarol@shop.test\t−7\tA slip\r\n"
    answer = post_dry_run(ada, lines)
    assert answer.status_code == 200
    page_text = main_text(answer.text)
    assert "3 movements for 3 customers, +243 points in total, in the points reserve Points ." in page_text
    assert "1 bob@shop.test Welcome, and thanks +50 10 60" in page_text
    assert "4 eve@shop.test New customer Thanks +200 0 200" in page_text
    assert "5 carol@shop.test A slip −7 5 −2 Below zero" in page_text
    assert "Total +243 15 258" in page_text
    assert "1 balance would be below zero." in page_text
    assert manual_movements(app) == []
    assert hidden_fields(answer.text)["lines"][0].splitlines() == lines.splitlines()

    answer = confirm_dry_run(ada, lines, answer.text)
    assert (answer.status_code, answer.location) == (303, "/customers")
    assert balances(app) == {"bob": 60, "carol": -2, "eve": 200}
    recorded = manual_movements(app)
    assert [each.reason for each in recorded] == ["Welcome, and thanks", "Thanks", "A slip"]
    assert {(each.kind, each.source) for each in recorded} == {("manual", "admin:Ada")}
    page_text = main_text(ada.get(PAGE).text)
    assert "Recorded: 3 movements, +243 points. They are sent to 1 remote." in page_text
    assert "The balance of carol@shop.test is −2, which is below zero." in page_text
    with app.app_context():
        assert find_balance_differences(db.session()) == []


@pytest.mark.parametrize("database_settings", BOTH_DATABASES, indirect=True)
def test_the_same_customer_twice_counts_twice(app: Flask, ada: PanelClient) -> None:
    (bob,) = create_customers(app, bob=10)
    lines = "bob@shop.test, 50\nBOB@shop.test, -60\nbob@shop.test, 50"
    answer = post_dry_run(ada, lines)
    page_text = main_text(answer.text)
    assert "3 movements for 1 customer, +40 points in total" in page_text
    assert "+50 10 60" in page_text
    assert "−60 60 0" in page_text
    assert "+50 0 50 Total +40 10 50" in page_text
    answer = confirm_dry_run(ada, lines, answer.text)
    assert answer.location == f"/customers/{bob}"
    assert [each.balance for each in manual_movements(app)] == [60, 0, 50]
    assert "No remote observes this reserve, so they stay on this site." in main_text(ada.get(PAGE).text)


def test_quoted_parts_from_a_spreadsheet(app: Flask, ada: PanelClient) -> None:
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
    assert "Type whole points after the e-mail" in page_text
    assert page_text.count("The quotation marks do not match") == 2
    assert manual_movements(app) == []


@pytest.mark.parametrize("database_settings", BOTH_DATABASES, indirect=True)
def test_confirming_again_records_nothing(app: Flask, ada: PanelClient) -> None:
    lines = "bob@shop.test, 50\neve@shop.test, 5"
    shown = post_dry_run(ada, lines).text
    for _ in range(3):
        assert confirm_dry_run(ada, lines, shown).status_code == 303
    page_text = main_text(ada.get(PAGE).text)
    assert "Recorded: 2 movements, +55 points." in page_text
    assert page_text.count("This was already recorded. Nothing was recorded twice.") == 2
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
def test_the_same_form_with_other_lines_must_be_confirmed_again(app: Flask, ada: PanelClient, other: str) -> None:
    sent = filled_form(ada, "bob@shop.test, 50")
    shown = ada.post(PAGE, sent).text
    confirm_dry_run(ada, "bob@shop.test, 50", shown)
    shown = ada.post(PAGE, sent | {"lines": other}).text
    answer = confirm_dry_run(ada, other, shown)
    assert answer.status_code == 422
    assert "This form was already used to record something else" in main_text(answer.text)
    assert len(manual_movements(app)) == 1
    assert confirm_dry_run(ada, other, answer.text).status_code == 303
    assert len(manual_movements(app)) == 2 + other.count("\n")


ERRORS = [
    ("bob@shop.test", "Type the e-mail, a comma and the points"),
    ("bob@shop.test 50", "Type the e-mail, a comma and the points"),
    ("e-mail, points", "is not a valid e-mail address"),
    (", 50", "The e-mail address is empty"),
    ("no such, 50", "is not a valid e-mail address"),
    ("a" * 2000 + ", 50", "at most 254 characters"),
    ("b\0b@shop.test, 50", "is not a valid e-mail address"),
    *(
        (f"bob@shop.test; {points}", "Type whole points after the e-mail")
        for points in ("", "x", "1.5", "1,5", "1.5e0", "٣", "５", "+-5", "+", "5\0", "1_0", "²")
    ),
    ("bob@shop.test, 0", "0 points change nothing"),
    ("bob@shop.test, -0", "0 points change nothing"),
    *(
        (f"bob@shop.test, {points}", "from −2,000,000,000 to 2,000,000,000")
        for points in ("2000000001", "3e9", "-" + "9" * 5000)
    ),
    ("bob@shop.test,1,000", "without a comma, such as 1000"),
    ("bob@shop.test, 1, 000", "without a comma, such as 1000"),
    ("bob@shop.test, 1,5", "without a comma, such as 1000"),
    ("bob@shop.test, 50, " + "a" * 501, "At most 500 characters"),
    ("bob@shop.test, 50, a\0b", "control characters"),
    ("bob@shop.test, 50, a\tb", "control characters"),
    ("big@shop.test, 1", "The balance would be 2,000,000,001"),
]


@pytest.mark.parametrize("database_settings", BOTH_DATABASES, indirect=True)
def test_an_invalid_line_is_shown_with_its_number(app: Flask, ada: PanelClient) -> None:
    create_customers(app, big=2_000_000_000)
    for line, sentence in ERRORS:
        page_text = line_errors(ada, f"eve@shop.test, 5\r\n\r\n{line}\r\ncarol@shop.test, 6")
        assert "1 line cannot be recorded, so nothing can be." in page_text
        errors = page_text.partition("Line Text Error")[2]
        assert errors.startswith(" 3 ")
        assert sentence in errors
        assert "The other 2 lines would be recorded like this:" in errors
        assert "4 carol@shop.test New customer Thanks +6 0 6" in errors
    assert manual_movements(app) == []


def test_nothing_can_be_confirmed_with_invalid_lines(app: Flask, ada: PanelClient) -> None:
    lines = "eve@shop.test, 5\n<b>x</b>, 5"
    answer = ada.post(PAGE, filled_form(ada, lines, confirmed="1"))
    assert answer.status_code == 422
    assert "<b>x</b>" not in answer.text
    assert manual_movements(app) == []
    answer = ada.post(PAGE, hidden_fields(answer.text) | {"lines": lines})
    assert answer.status_code == 200
    assert "eve@shop.test, 5\n&lt;b&gt;x&lt;/b&gt;, 5</textarea>" in answer.text.replace("\r", "")
    assert 'value="Thanks"' in answer.text


def test_the_order_of_the_lines_counts_for_the_bounds(app: Flask, ada: PanelClient) -> None:
    create_customers(app, big=2_000_000_000)
    assert "within" in line_errors(ada, "big@shop.test, 1\nbig@shop.test, -1")
    lines = "big@shop.test, -1\nbig@shop.test, 1"
    assert confirm_dry_run(ada, lines, post_dry_run(ada, lines).text).status_code == 303
    assert balances(app) == {"big": 2_000_000_000}


def test_a_balance_that_leaves_the_bounds_after_the_dry_run(app: Flask, ada: PanelClient) -> None:
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
        ({"lines": "\n".join(["eve@shop.test, 1"] * 1001)}, "lines", "You pasted 1,001 lines, but at most 1,000"),
        ({"reserve": "old"}, "reserve", "does not exist or is not active"),
        ({"reserve": ""}, "reserve", "does not exist or is not active"),
        ({"reserve": "\0"}, "reserve", "does not exist or is not active"),
        ({"reason": "a" * 501}, "reason", "At most 500 characters"),
        ({"reason": "a\0b"}, "reason", "control characters"),
    ],
)
def test_an_error_of_all_lines_is_shown_at_its_field(
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


def test_missing_fields(app: Flask, ada: PanelClient) -> None:
    sent = filled_form(ada, "eve@shop.test, 5")
    for name in ("lines", "reserve", "idempotency_key"):
        answer = ada.post(PAGE, {key: value for key, value in sent.items() if key != name} | {"confirmed": "1"})
        assert answer.status_code == 422
    assert ada.post(PAGE, {"csrf_token": sent["csrf_token"]}).status_code == 422
    assert manual_movements(app) == []


def test_a_reserve_that_is_deactivated_after_the_dry_run(app: Flask, ada: PanelClient) -> None:
    shown = post_dry_run(ada, "eve@shop.test, 5").text
    run_in_transaction(app, lambda session: reserves.update(session, "default", "Points", False, False))
    answer = confirm_dry_run(ada, "eve@shop.test, 5", shown)
    assert answer.status_code == 422
    assert "Activate one under" in field_errors(answer.text)["reserve"]
    assert manual_movements(app) == []


@pytest.mark.parametrize("database_settings", BOTH_DATABASES, indirect=True)
def test_a_thousand_lines(app: Flask, ada: PanelClient) -> None:
    lines = "\r\n".join(f"c{number:04}@shop.test, 5" for number in range(1000))
    answer = post_dry_run(ada, lines)
    assert "1,000 movements for 1,000 customers, +5,000 points in total" in main_text(answer.text)
    assert confirm_dry_run(ada, lines, answer.text).status_code == 303
    assert len(manual_movements(app)) == 1000


def test_a_request_that_is_too_large(app: Flask, ada: PanelClient) -> None:
    answer = post_dry_run(ada, "a" * 2 * 1024 * 1024)
    assert answer.status_code == 413
    assert "Send less data at once" in answer.text


def test_a_visitor_is_redirected_to_sign_in(app: Flask, stranger: PanelClient) -> None:
    assert stranger.get(PAGE).location.startswith("/sign-in")
    assert stranger.post(PAGE, {"lines": "eve@shop.test, 5"}).status_code == 400
    assert manual_movements(app) == []


def test_the_number_of_queries_does_not_grow(app: Flask, ada: PanelClient) -> None:
    def change(session: Session) -> None:
        record(session, [Draft(f"c{number}@shop.test", points=1) for number in range(40)], "test", clock.now())

    run_in_transaction(app, change)
    query_counts = []
    with app.app_context():
        for many in (1, 1, 40):  # The first request also loads the signed-in admin.
            sent = filled_form(ada, "\n".join(f"c{number}@shop.test, 5" for number in range(many)))
            with record_queries() as found:
                assert ada.post(PAGE, sent).status_code == 200
            query_counts.append(len(found))
    assert query_counts[1] == query_counts[2] < 12
