"""Adjust points of selected customers: a dry run first, then all or none, and only once."""

import re
from concurrent.futures import ThreadPoolExecutor
from html import unescape
from urllib.parse import urlencode

import pytest
from flask import Flask

from pointsync import clock, db
from pointsync.ledger import reserves
from pointsync.ledger.integrity.verify import find_balance_differences
from pointsync.ledger.record import Draft, record
from tests.admin import sample_remotes
from tests.admin.conftest import BOTH_DATABASES
from tests.admin.page_text import field_errors, main_text
from tests.admin.points.points_page import (
    PAGE,
    balances,
    confirm_dry_run,
    create_customers,
    filled_form,
    hidden_fields,
    manual_movements,
    selection_query,
)
from tests.support.panel_client import PanelClient
from tests.support.queries import record_queries
from tests.support.site_template import run_in_transaction


@pytest.mark.parametrize("database_settings", BOTH_DATABASES, indirect=True)
def test_a_dry_run_comes_first(app: Flask, ada: PanelClient) -> None:
    run_in_transaction(app, sample_remotes.add_remote_of_each_status)
    numbers = create_customers(app, bob=10, carol=200, dave=3000)
    page = ada.get(PAGE + selection_query(numbers)).text
    assert "3 customers bob@shop.test carol@shop.test dave@shop.test" in main_text(page)
    answer = ada.post(PAGE, filled_form(ada, selection_query(numbers), what="subtract"))
    assert answer.status_code == 200
    page_text = main_text(answer.text)
    assert "3 movements for 3 customers, −150 points in total," in page_text
    assert "1 balance would be below zero." in page_text
    assert "bob@shop.test −50 10 −40 Below zero" in page_text
    assert "dave@shop.test −50 3,000 2,950 Total −150 3,210 3,060" in page_text
    assert manual_movements(app) == []

    answer = confirm_dry_run(ada, answer.text)
    assert (answer.status_code, answer.location) == (303, "/customers")
    assert balances(app) == {"bob": -40, "carol": 150, "dave": 2950}
    assert [each.below_zero for each in manual_movements(app)] == [True, False, False]
    page_text = main_text(ada.get(PAGE).text)
    assert "Recorded: 3 movements, −150 points. They are sent to 4 remotes." in page_text
    assert "The balance of bob@shop.test is −40, which is below zero." in page_text
    with app.app_context():
        assert find_balance_differences(db.session()) == []


@pytest.mark.parametrize("database_settings", BOTH_DATABASES, indirect=True)
@pytest.mark.parametrize("what", ["add", "set"])
def test_a_double_click_on_confirm(app: Flask, ada: PanelClient, what: str) -> None:
    numbers = create_customers(app, bob=10, carol=20)
    dry_run = ada.post(PAGE, filled_form(ada, selection_query(numbers), what=what)).text
    others = [PanelClient(app) for _ in range(4)]
    for other in others:
        other.client.set_cookie("pointsync_session", ada.cookie())
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda other: confirm_dry_run(other, dry_run).status_code, others))
    assert answers == [303] * 4
    assert balances(app) == ({"bob": 60, "carol": 70} if what == "add" else {"bob": 50, "carol": 50})
    assert len(manual_movements(app)) == 2


@pytest.mark.parametrize("database_settings", BOTH_DATABASES, indirect=True)
def test_a_set_must_be_confirmed_again_if_a_balance_changed(app: Flask, ada: PanelClient) -> None:
    numbers = create_customers(app, bob=10, carol=20)
    dry_run = ada.post(PAGE, filled_form(ada, selection_query(numbers), what="set")).text
    run_in_transaction(app, lambda session: record(session, [Draft("bob@shop.test", points=5)], "test", clock.now()))
    answer = confirm_dry_run(ada, dry_run)
    assert answer.status_code == 422
    assert "1 balance has changed in the meantime, so nothing was recorded." in main_text(answer.text)
    assert "bob@shop.test +35 15 50" in main_text(answer.text)
    assert balances(app) == {"bob": 15, "carol": 20}
    assert confirm_dry_run(ada, answer.text).status_code == 303
    assert balances(app) == {"bob": 50, "carol": 50}
    assert confirm_dry_run(ada, answer.text).status_code == 303
    assert "Nothing was recorded twice" in ada.get(PAGE).text


def test_a_set_with_other_expected_balances_must_be_confirmed_again(app: Flask, ada: PanelClient) -> None:
    numbers = create_customers(app, bob=10, carol=20)
    dry_run = ada.post(PAGE, filled_form(ada, selection_query(numbers), what="set")).text
    for expected_balances in ("", "x", "1", "10,20,30", "9" * 400, ",", "\0"):
        answer = ada.post(PAGE, hidden_fields(dry_run) | {"expected_balances": expected_balances})
        assert answer.status_code == 422
        assert "changed in the meantime" in main_text(answer.text)
    assert balances(app) == {"bob": 10, "carol": 20}


def test_adding_needs_no_expected_balances(app: Flask, ada: PanelClient) -> None:
    numbers = create_customers(app, bob=10, carol=20)
    dry_run = ada.post(PAGE, filled_form(ada, selection_query(numbers))).text
    run_in_transaction(app, lambda session: record(session, [Draft("bob@shop.test", points=5)], "test", clock.now()))
    assert confirm_dry_run(ada, dry_run).status_code == 303
    assert balances(app) == {"bob": 65, "carol": 70}


def test_adding_to_a_balance_below_zero_is_no_warning(app: Flask, ada: PanelClient) -> None:
    numbers = create_customers(app, bob=10, carol=20)
    confirm_dry_run(ada, ada.post(PAGE, filled_form(ada, selection_query(numbers), what="set", points="-100")).text)
    ada.get(PAGE)
    page_text = main_text(ada.post(PAGE, filled_form(ada, selection_query(numbers))).text)
    assert "bob@shop.test +50 −100 −50 Below zero" in page_text
    assert "would be below zero" not in page_text


def test_a_reserve_that_allows_it(app: Flask, ada: PanelClient) -> None:
    numbers = create_customers(app, bob=10, carol=20)
    run_in_transaction(app, lambda session: reserves.update(session, "default", "Points", True, True))
    answer = ada.post(PAGE, filled_form(ada, selection_query(numbers), what="subtract"))
    assert "2 balances would be below zero. This reserve allows it." in main_text(answer.text)
    confirm_dry_run(ada, answer.text)
    assert "which is below zero" not in main_text(ada.get(PAGE).text)


def test_nothing_is_recorded_if_one_movement_is_invalid(app: Flask, ada: PanelClient) -> None:
    numbers = create_customers(app, bob=10, carol=2_000_000_000)
    answer = ada.post(PAGE, filled_form(ada, selection_query(numbers)))
    page_text = main_text(answer.text)
    assert "1 of 2 movements cannot be recorded, so nothing can be." in page_text
    assert "Confirm" not in page_text
    assert "The balance would be 2,000,000,050; it must stay within" in page_text
    again = ada.post(PAGE, hidden_fields(answer.text))
    assert again.status_code == 200
    assert 'value="50"' in again.text
    answer = ada.post(PAGE, hidden_fields(answer.text) | {"confirmed": "1"} | {"back_to_form": []})
    assert answer.status_code == 422
    assert manual_movements(app) == []
    assert field_errors(ada.post(PAGE, filled_form(ada, f"?customer={numbers[1]}")).text)["points"].startswith(
        "The balance would"
    )
    assert balances(app) == {"bob": 10, "carol": 2_000_000_000}


def test_back_to_the_form_keeps_its_values(app: Flask, ada: PanelClient) -> None:
    numbers = create_customers(app, bob=10, carol=20)
    dry_run = ada.post(PAGE, filled_form(ada, selection_query(numbers), what="subtract", reason="<b>no</b>")).text
    assert "<b>no</b>" not in dry_run
    text = ada.post(PAGE, hidden_fields(dry_run) | {"back_to_form": "1", "reason": "<b>no</b>"}).text
    assert 'value="50"' in text
    assert 'value="&lt;b&gt;no&lt;/b&gt;"' in text
    assert re.search(r'<input[^>]* checked[^>]* value="subtract"', text)
    assert hidden_fields(text)["customer"] == [str(number) for number in numbers]


def test_the_form_leads_back_to_the_list_as_it_was(app: Flask, ada: PanelClient) -> None:
    numbers = create_customers(app, bob=10, bea=20)
    form = (
        ada.get("/customers?q=b&order=-email&size=40").text.partition('id="selection-form"')[2].partition("</form>")[0]
    )
    params = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', form))
    assert params == {"q": "b", "order": "-email", "size": "40"}
    query = f"{selection_query(numbers)}&{urlencode(params)}"
    dry_run = ada.post(form_action(ada.get(PAGE + query).text), filled_form(ada, query)).text
    answer = ada.post(form_action(dry_run), hidden_fields(dry_run))
    assert answer.location == f"/customers?{urlencode(params)}"
    assert "/customers?q=b&amp;order=-email&amp;size=40" in dry_run


def form_action(text: str) -> str:
    """The URL that the page's form is sent to."""
    found = re.search(r'<form[^>]* action="(/customers/points[^"]*)"', text)
    assert found
    return unescape(found[1])


@pytest.mark.parametrize("database_settings", BOTH_DATABASES, indirect=True)
def test_a_selected_customer_who_does_not_exist(app: Flask, ada: PanelClient) -> None:
    (bob,) = create_customers(app, bob=10)
    for number in ("x", "", "0", "-1", "99", "9" * 30, "1e3", "\0", "٣", "1 OR 1=1"):
        answer = ada.get(PAGE, query_string={"customer": number})
        assert answer.status_code == 422
        assert "1 selected customer does not exist on this site, so nothing was recorded." in main_text(answer.text)
        answer = ada.post(PAGE, filled_form(ada) | {"customer": [number, str(bob)]})
        assert answer.status_code == 422
        assert "Continue with the customers below" in main_text(answer.text)
        assert hidden_fields(answer.text)["customer"] == [str(bob)]
        assert 'value="50"' in answer.text
    assert balances(app) == {"bob": 10}


def test_at_most_a_thousand_customers(app: Flask, ada: PanelClient) -> None:
    numbers = create_customers(app, **{f"c{number:04}": 1 for number in range(1000)})
    answer = ada.post(PAGE, filled_form(ada, "", customer=[str(number) for number in numbers]))
    assert "1,000 movements for 1,000 customers, +50,000 points in total" in main_text(answer.text)
    assert confirm_dry_run(ada, answer.text).status_code == 303
    assert set(balances(app).values()) == {51}
    answer = ada.post(PAGE, filled_form(ada, "", customer=[str(number) for number in [*numbers, 5000]]))
    assert answer.status_code == 422
    assert "You selected 1,001 customers, but at most 1,000 can be adjusted at once." in main_text(answer.text)


def test_the_number_of_queries_does_not_grow(app: Flask, ada: PanelClient) -> None:
    numbers = create_customers(app, **{f"c{number}": 1 for number in range(40)})
    few, many = (filled_form(ada, selection_query(each)) for each in (numbers[:2], numbers))
    query_counts = []
    with app.app_context():
        for sent in (few, few, many):  # The first request also loads the signed-in admin.
            with record_queries() as found:
                assert ada.post(PAGE, sent).status_code == 200
            query_counts.append(len(found))
    assert query_counts[1] == query_counts[2] < 12
