"""The customer list: search, order and pages; and what it shows when it is empty or the URL has an error."""

import re
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from pointsync.ledger import reserves
from pointsync.ledger.record import Draft, record
from pointsync.models import Customer
from tests.admin.conftest import BOTH_DATABASES
from tests.admin.page_text import field_errors, main_text
from tests.admin.sample_customers import add_reserves, record_points
from tests.admin.sample_remotes import CREATED_AT
from tests.support.bulk_rows import insert_rows
from tests.support.panel_client import PanelClient
from tests.support.queries import record_queries
from tests.support.site_template import run_in_transaction

PAGE = "/customers"
HOSTILE = "\"'><script>alert(1)</script>"


def create_customers(session: Session) -> None:
    """Create three customers at different times and with different points."""
    for at, (email, points) in enumerate({"carl@shop.test": 5, "anna@shop.test": -7, "bob@shop.test": 1200}.items()):
        record(session, [Draft(email, points, kind="manual")], "test", CREATED_AT + timedelta(days=at))


def listed_names(text: str) -> list[str]:
    """The names before the @, in the list's order."""
    return re.findall(r'<th role="rowheader".*?<bdi dir="ltr">([^<@]+)@', text)


def pager_links(text: str) -> dict[str, str]:
    """The links of the pager above the list."""
    nav = text.partition('aria-label="Pages"')[2].partition("</nav>")[0]
    return {
        name.lower(): href.replace("&amp;", "&") for href, name in re.findall(r'href="([^"]+)" .*?"(\w+) page"', nav)
    }


def test_an_empty_list_says_where_customers_come_from(ada: PanelClient) -> None:
    answer = ada.get(PAGE)
    assert answer.status_code == 200
    assert "No customers yet." in answer.text
    for href in ("/system/woocommerce", "/system/api-keys", "/system/points-sync#remotes", "/customers/points"):
        assert f'href="{href}"' in answer.text
    assert "0 customers" in main_text(answer.text)


@pytest.mark.parametrize("database_settings", BOTH_DATABASES, indirect=True)
@pytest.mark.parametrize(
    ("order", "names"),
    [
        ("email", ["anna", "bob", "carl"]),
        ("-email", ["carl", "bob", "anna"]),
        ("newest", ["bob", "anna", "carl"]),
        ("oldest", ["carl", "anna", "bob"]),
        ("-points", ["bob", "carl", "anna"]),
        ("points", ["anna", "carl", "bob"]),
    ],
)
def test_in_every_order(app: Flask, ada: PanelClient, order: str, names: list[str]) -> None:
    run_in_transaction(app, create_customers)
    answer = ada.get(f"{PAGE}?order={order}&size=80")
    assert answer.status_code == 200
    assert listed_names(answer.text) == names
    assert f'<option selected value="{order}">' in answer.text
    assert "3 customers" in main_text(answer.text)


def test_a_row_has_a_date_and_links_to_the_history(app: Flask, ada: PanelClient) -> None:
    run_in_transaction(app, create_customers)
    text = ada.get(f"{PAGE}?q=bob").text
    assert '<a class="list-text list-name" href="/customers/3"><bdi dir="ltr">bob@shop.test</bdi></a>' in text
    assert "3 Mar 2026, 12:00" in main_text(text)
    assert 'class="balance" href="/customers/3" title="History"' in text
    assert '<span class="balance-points">1,200</span>' in text
    assert 'name="customer" value="3" form="selection-form"' in text
    assert "1 customer " in main_text(text)


def test_a_balance_below_zero_has_a_minus_and_a_colour(app: Flask, ada: PanelClient) -> None:
    run_in_transaction(app, create_customers)
    text = ada.get(f"{PAGE}?q=anna").text
    assert 'class="balance balance-overdrawn"' in text
    assert '<span class="balance-points">−7</span>' in text


def test_the_links_to_adjust_points(app: Flask, ada: PanelClient) -> None:
    run_in_transaction(app, create_customers)
    text = ada.get(PAGE).text
    assert '<form class="selection-bar" id="selection-form" method="get" action="/customers/points"' in text
    assert re.search(r'href="/customers/points" data-dialog>.*Adjust points</a>', text)
    assert re.search(r'href="/customers/points/several">.*Bulk adjust</a>', text)
    assert ada.get("/customers/points?customer=1&customer=2").status_code == 200


@pytest.mark.parametrize("database_settings", BOTH_DATABASES, indirect=True)
def test_each_reserve_by_its_name(app: Flask, ada: PanelClient) -> None:
    run_in_transaction(app, create_customers)
    run_in_transaction(app, add_reserves)
    run_in_transaction(app, lambda session: record_points(session, "carl@shop.test", 900, reserve="gold"))
    text = ada.get(f"{PAGE}?q=carl").text
    assert re.findall(r'class="balance-name">([^<,]+).*?"balance-points">([^<]+)<', text, re.DOTALL) == [
        ("Points", "5"),
        ("Gold points", "900"),
        ("Stamps", "0"),
    ]
    assert 'href="/customers/1?reserve=gold"' in text
    richest = ada.get(f"{PAGE}?order=-points&reserve=gold").text
    assert listed_names(richest) == ["carl"]
    assert "Customers who have or had points in" in main_text(richest)
    assert listed_names(ada.get(f"{PAGE}?order=-points").text) == ["bob", "carl", "anna"]
    assert "No customer has had points in Stamps yet." in main_text(ada.get(f"{PAGE}?order=points&reserve=stamps").text)


def test_an_inactive_reserve_is_shown_only_with_points(app: Flask, ada: PanelClient) -> None:
    run_in_transaction(app, create_customers)
    run_in_transaction(app, add_reserves)
    run_in_transaction(app, lambda session: record_points(session, "carl@shop.test", 900, reserve="gold"))

    def close(session: Session) -> None:
        reserves.update(session, "gold", "Gold points", is_active=False, may_go_below_zero=False)

    run_in_transaction(app, close)
    assert "reserve=gold" in ada.get(f"{PAGE}?q=carl").text
    assert "reserve=gold" not in ada.get(f"{PAGE}?q=bob").text


@pytest.mark.parametrize("database_settings", BOTH_DATABASES, indirect=True)
@pytest.mark.parametrize("search", ["BO", "%20bob@", "Bob@Shop.Test%20"])
def test_a_search_finds_the_beginning_of_an_email(app: Flask, ada: PanelClient, search: str) -> None:
    run_in_transaction(app, create_customers)
    text = ada.get(f"{PAGE}?q={search}").text
    assert listed_names(text) == ["bob"]
    assert "Show all" in text


def test_a_search_without_results(app: Flask, ada: PanelClient) -> None:
    run_in_transaction(app, create_customers)
    answer = ada.get(f"{PAGE}?q=nobody&order=newest&size=40")
    assert answer.status_code == 200
    assert "No results. No e-mail begins with nobody ." in main_text(answer.text)
    assert 'href="/customers?order=newest&amp;size=40"' in answer.text


def test_search_results_are_sorted_by_email(app: Flask, ada: PanelClient) -> None:
    run_in_transaction(app, create_customers)
    text = ada.get(f"{PAGE}?q=b&order=-points").text
    assert "Results are sorted by e-mail." in text
    assert '<option selected value="email">' in text
    assert '<input type="hidden" name="order" value="-points">' in text


@pytest.mark.parametrize("database_settings", BOTH_DATABASES, indirect=True)
@pytest.mark.parametrize("query", ["order=-points&reserve=gold", "order=-email", "q=a", "order=newest"])
def test_search_order_and_size_survive_paging(app: Flask, ada: PanelClient, query: str) -> None:
    def many(session: Session) -> None:
        reserves.create(session, "gold", "Gold", CREATED_AT)
        for number in range(25):
            record_points(session, f"a{number:02}@shop.test", number + 1, reserve="gold")

    run_in_transaction(app, many)
    listed: list[str] = []
    url = f"{PAGE}?{query}&size=10"
    first = listed_names(ada.get(url).text)
    for _ in range(3):
        text = ada.get(url).text
        listed += listed_names(text)
        links = pager_links(text)
        assert all(part in link for link in links.values() for part in [*query.split("&"), "size=10"])
        url = links.get("next", url)
    assert len(listed) == len(set(listed)) == 25
    assert set(links) == {"first", "previous"}
    assert listed_names(ada.get(links["first"]).text) == first
    assert listed_names(ada.get(pager_links(ada.get(links["previous"]).text)["previous"]).text) == first
    assert listed_names(ada.get(pager_links(ada.get(links["first"]).text)["last"]).text) == listed[-10:]


@pytest.mark.parametrize(
    ("query", "sentence", "field"),
    [
        ("q=%00", "control characters", "q"),
        ("q=" + "x" * 255, "At most 254 characters", "q"),
        ("order=silly", "There is no such order", "order"),
        ("order=", "", ""),
        ("reserve=silver", "There is no such points reserve", "reserve"),
        ("reserve=%00", "There is no such points reserve", "reserve"),
        ("cursor=silly", "This address does not lead to a page", ""),
        ("cursor=" + "x" * 5000, "This address does not lead to a page", ""),
        ("size=11", "A page has 10, 20, 40 or 80 rows.", ""),
        ("size=99999999999999999999", "A page has 10, 20, 40 or 80 rows.", ""),
        ("size=%EF%BC%91", "A page has 10, 20, 40 or 80 rows.", ""),
    ],
)
def test_an_error_in_the_url_is_shown_at_its_field(
    app: Flask, ada: PanelClient, query: str, sentence: str, field: str
) -> None:
    run_in_transaction(app, create_customers)
    run_in_transaction(app, add_reserves)
    answer = ada.get(f"{PAGE}?{query}")
    if not sentence:
        assert (answer.status_code, len(listed_names(answer.text))) == (200, 3)
        return
    assert answer.status_code == 422
    assert listed_names(answer.text) == []
    assert "<title>Error: Customers" in answer.text
    if field:
        assert sentence in field_errors(answer.text)[field]
    else:
        assert sentence in answer.text
        assert "Show the first page" in answer.text


def test_with_one_reserve_its_error_is_above_the_list(app: Flask, ada: PanelClient) -> None:
    run_in_transaction(app, create_customers)
    answer = ada.get(f"{PAGE}?order=points&reserve=silver")
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    assert "There is no such points reserve" in answer.text


def test_a_cursor_of_another_order_is_refused(app: Flask, ada: PanelClient) -> None:
    run_in_transaction(app, lambda session: [record_points(session, f"a{number}@shop.test", 1) for number in range(11)])
    cursor = pager_links(ada.get(f"{PAGE}?size=10").text)["next"].partition("cursor=")[2]
    assert ada.get(f"{PAGE}?size=10&order=newest&cursor={cursor}").status_code == 422


def test_hostile_text_is_escaped(app: Flask, ada: PanelClient) -> None:
    def add(session: Session) -> None:
        session.add(Customer(email=f"a{HOSTILE}\u202e@shop.test", created_at=CREATED_AT))
        reserves.create(session, "gold", HOSTILE, CREATED_AT)

    run_in_transaction(app, add)
    for query in ("", "?q=a", f"?q={HOSTILE}", f"?order={HOSTILE}", f"?cursor={HOSTILE}", f"?reserve={HOSTILE}"):
        text = ada.get(PAGE + query).text
        assert "<script>alert" not in text
        assert "\u202e" not in text


def test_a_visitor_sees_nothing(app: Flask, stranger: PanelClient) -> None:
    run_in_transaction(app, create_customers)
    answer = stranger.get(PAGE)
    assert answer.status_code == 303
    assert "shop.test" not in answer.text


@pytest.mark.parametrize("query", ["", "?order=-points&size=80", "?q=b&size=80"])
def test_the_number_of_queries_does_not_grow(app: Flask, ada: PanelClient, query: str) -> None:
    def query_count() -> int:
        with app.app_context(), record_queries() as found:
            assert ada.get(PAGE + query).status_code == 200
        return len(found)

    run_in_transaction(app, create_customers)
    few = query_count()
    run_in_transaction(app, lambda session: insert_rows(session, customers=100, movements=300))
    assert query_count() == few
