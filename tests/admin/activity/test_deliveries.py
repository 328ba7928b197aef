"""System › Activity: deliveries by remote, status and customer, page by page."""

from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from flask import Flask
from sqlalchemy import update

from pointsync import clock, db
from pointsync.models import Delivery, Remote, Site
from pointsync.sync.remotes import remotes
from tests.admin import sample_deliveries, sample_remotes
from tests.admin.activity.activity_page import LIST_PAGES, PAGE, empty_text, pager_link, row_texts
from tests.admin.conftest import BOTH_DATABASES
from tests.admin.page_text import field_errors, main_text
from tests.support.bulk_rows import insert_rows
from tests.support.panel_client import PanelClient
from tests.support.queries import record_queries

ON_BOTH = pytest.mark.parametrize("database_settings", BOTH_DATABASES, indirect=True)

EMPTY = {
    PAGE: "No deliveries yet. Movements recorded here are listed once for each remote",
    f"{PAGE}/below-zero": "Nobody went below zero. Movements that take a customer below zero",
    f"{PAGE}/attempts": "No attempts yet. Every attempt to send movements is listed here",
    f"{PAGE}/changes": "No changes yet. When a remote turns green, orange or red, the change is listed here",
}


@pytest.fixture
def deliveries_in_each_state(app: Flask) -> None:
    """Add a delivery in each state."""
    with app.app_context(), db.transaction() as session:
        sample_deliveries.add_all_states(session)


@pytest.mark.parametrize("path", LIST_PAGES)
def test_an_empty_list_says_what_it_will_show(ada: PanelClient, path: str) -> None:
    answer = ada.get(path)
    assert answer.status_code == 200
    assert empty_text(answer.text).startswith(EMPTY[path])


@ON_BOTH
@pytest.mark.usefixtures("deliveries_in_each_state")
def test_the_state_of_each_delivery(ada: PanelClient) -> None:
    pending, aside, unknown, failed, delivered = row_texts(ada.get(PAGE).text)
    assert pending.startswith("−5 ben@shop.test Spent in Points 1 Mar 2026, 12:00 Tea shop Waiting")
    assert pending.endswith("Attempts None yet Next attempt With the next batch")
    assert "Set aside Attempts 1 Reason Given by hand." in aside
    tomorrow = f"{clock.now() + timedelta(days=1):%-d %b %Y}"
    assert f"Customer unknown there Attempts None yet Next attempt {tomorrow}" in unknown
    assert failed.startswith("+2 alice@shop.test Earned in Points Order 12 & more 1 Mar 2026, 12:00 Tea shop Refused")
    assert f"Attempts 3 Their answer {sample_deliveries.REFUSAL}" in failed
    assert failed.endswith("Send again Set aside Correct here")
    assert delivered.endswith("Tea shop Delivered Delivered 1 Mar 2026, 13:00 Attempts 2")


@pytest.mark.usefixtures("deliveries_in_each_state")
def test_when_the_next_attempt_is(app: Flask, ada: PanelClient) -> None:
    soon = clock.now() + timedelta(hours=30)
    for name, value, sentence in (
        ("next_attempt_at", soon, f"{soon:%-d %b %Y, %H:%M}"),
        ("next_attempt_at", sample_remotes.CREATED_AT, "With the next batch"),
        ("is_probing", True, "When the remote answers again"),
        ("paused_at", sample_remotes.CREATED_AT, "When the remote is resumed"),
    ):
        with app.app_context(), db.transaction() as session:
            setattr(session.get_one(Remote, 1), name, value)
        assert row_texts(ada.get(PAGE).text)[0].endswith(f"Next attempt {sentence}")


def test_the_page_asks_why_sending_stopped(app: Flask, ada: PanelClient) -> None:
    with app.app_context(), db.transaction() as session:
        session.get_one(Site, 1).hold = "The marker is missing in /data & more."
    assert "Sending is stopped until you say what this database is." in main_text(ada.get(PAGE).text)


@ON_BOTH
@pytest.mark.parametrize(
    ("query", "points"),
    [
        ("", ["−5", "+4", "+3", "+2", "+1"]),
        ("state=waiting", ["−5", "+3", "+2"]),
        ("state=pending", ["−5"]),
        ("state=unknown", ["+3"]),
        ("state=failed", ["+2"]),
        ("state=delivered", ["+1"]),
        ("state=aside", ["+4"]),
        ("customer=%20ALICE@Shop.test%20", ["+4", "+3", "+2", "+1"]),
        ("customer=ben@shop.test&state=pending&remote=1&size=40", ["−5"]),
        ("customer=ben@shop.test&state=aside", []),
        ("remote=1", ["−5", "+4", "+3", "+2", "+1"]),
        ("remote=2", []),
    ],
)
@pytest.mark.usefixtures("deliveries_in_each_state")
def test_the_filter(app: Flask, ada: PanelClient, query: str, points: list[str]) -> None:
    with app.app_context(), db.transaction() as session:
        sample_deliveries.add_remote(session, "Mug shop", "wrk_" + "2" * 16)
    answer = ada.get(f"{PAGE}?{query}")
    assert answer.status_code == 200
    assert [row.split()[0] for row in row_texts(answer.text)] == points
    if not points:
        assert empty_text(answer.text).startswith("No results.")


@pytest.mark.parametrize(
    ("query", "name", "sentence"),
    [
        ("remote=99", "remote", "There is no such remote. Choose one from the list."),
        ("remote=abc", "remote", "There is no such remote. Choose one from the list."),
        (f"remote={'9' * 400}", "remote", "There is no such remote. Choose one from the list."),
        ("remote=%D9%A1", "remote", "There is no such remote. Choose one from the list."),
        ("remote=1&remote=x&remote=%00", None, None),
        ("state=lost", "state", "There is no such status. Choose one from the list."),
        ("state=FAILED", "state", "There is no such status. Choose one from the list."),
        ("state=%00", "state", "There is no such status. Choose one from the list."),
        ("customer=nobody", "customer", '"nobody" is not a valid e-mail address'),
        ("customer=nobody@shop.test", "customer", "No customer here has the e-mail address nobody@shop.test."),
        (
            "customer=%3Cscript%3Ealert(1)%3C/script%3E",
            "customer",
            '"<script>alert(1)</script>" is not a valid e-mail address',
        ),
        (f"customer={'x' * 3000}", "customer", "An e-mail address has at most 254 characters."),
        ("customer=%ED%A0%80%00@shop.test", "customer", "is not a valid e-mail address"),
    ],
)
@pytest.mark.usefixtures("deliveries_in_each_state")
def test_an_invalid_filter(ada: PanelClient, query: str, name: str | None, sentence: str | None) -> None:
    answer = ada.get(f"{PAGE}?{query}")
    assert "<script>alert" not in answer.text
    if name is None or sentence is None:
        assert answer.status_code == 200
        return
    assert answer.status_code == 422
    [(field, error)] = field_errors(answer.text).items()
    assert field == name
    assert sentence in error
    assert empty_text(answer.text) == "The filter is not valid, so nothing is listed."
    assert "<title>Error: Activity" in answer.text


@pytest.mark.usefixtures("deliveries_in_each_state")
def test_the_form_keeps_its_values(ada: PanelClient) -> None:
    text = ada.get(f"{PAGE}?remote=1&state=failed&customer=nobody").text
    assert '<option selected value="1">Tea shop</option>' in text
    assert '<option selected value="failed">Refused</option>' in text
    assert 'value="nobody"' in text


@pytest.mark.parametrize("path", LIST_PAGES)
@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("cursor=broken", "This address does not lead to a page of this list. Start at the first page."),
        ("cursor=%00", "This address does not lead to a page of this list. Start at the first page."),
        ("cursor=WyJhZnRlciIsInh4Il0=", "This address does not lead to a page of this list. Start at the first page."),
        (f"cursor={'A' * 5000}", "This address does not lead to a page of this list. Start at the first page."),
        ("size=7", "A page has 10, 20, 40 or 80 rows."),
        ("size=x", "A page has 10, 20, 40 or 80 rows."),
        ("size=-20", "A page has 10, 20, 40 or 80 rows."),
        (f"size={'9' * 5000}", "A page has 10, 20, 40 or 80 rows."),
    ],
)
@pytest.mark.usefixtures("deliveries_in_each_state")
def test_an_invalid_address(ada: PanelClient, path: str, query: str, sentence: str) -> None:
    answer = ada.get(f"{path}?{query}")
    assert answer.status_code == 422
    assert f"{sentence} Show the first page" in main_text(answer.text)
    assert "nothing is listed" in empty_text(answer.text)


@ON_BOTH
def test_page_by_page_with_its_filter(app: Flask, ada: PanelClient) -> None:
    with app.app_context(), db.transaction() as session:
        sample_deliveries.add_remote(session)
        sample_deliveries.record_points(session, *range(1, 46))
        sample_deliveries.add_remote(session, "Mug shop", "wrk_" + "2" * 16)
        sample_deliveries.record_points(session, 50)
    first = ada.get(f"{PAGE}?remote=1&state=pending&customer={sample_deliveries.ALICE}").text
    assert [pager_link(first, name) for name in ("First page", "Previous page")] == [None, None]
    pages, path = [first], pager_link(first, "Next page")
    while path:
        parameters = parse_qs(urlsplit(path).query)
        assert (parameters["remote"], parameters["state"], parameters["customer"]) == (
            ["1"],
            ["pending"],
            [sample_deliveries.ALICE],
        )
        pages.append(ada.get(path).text)
        path = pager_link(pages[-1], "Next page")
    assert [int(row.split()[0]) for text in pages for row in row_texts(text)] == [50, *range(45, 0, -1)]
    assert [len(row_texts(text)) for text in pages] == [20, 20, 6]
    last = pager_link(first, "Last page")
    assert last
    assert len(row_texts(ada.get(last).text)) == 20
    back = pager_link(pages[2], "Previous page")
    assert back
    assert row_texts(ada.get(back).text) == row_texts(pages[1])
    assert pager_link(pages[2], "First page") == f"{PAGE}?remote=1&state=pending&customer=alice@shop.test"
    assert len(row_texts(ada.get(f"{PAGE}?size=40").text)) == 40
    assert f'href="{PAGE}?remote=1&amp;state=pending&amp;customer=alice@shop.test&amp;size=80"' in first


@pytest.mark.usefixtures("deliveries_in_each_state")
def test_deliveries_to_a_deleted_remote_are_still_listed(app: Flask, ada: PanelClient) -> None:
    with app.app_context(), db.transaction() as session:
        remotes.delete(session, session.get_one(Remote, 1), clock.now(), expected_drop_count=3)
    text = ada.get(f"{PAGE}?remote=1").text
    assert len(row_texts(text)) == 5
    assert "Tea shop Deleted" in row_texts(text)[0]
    assert ">Tea shop, deleted</option>" in text
    assert "Retry now" not in text


def test_remotes_with_the_same_name_are_distinguished(app: Flask, ada: PanelClient) -> None:
    with app.app_context(), db.transaction() as session:
        sample_deliveries.add_remote(session)
        sample_remotes.add_reserve(session, "gold")
        submitted = sample_remotes.add_remote(session, "https://mug.test", "wrk_" + "2" * 16, "gold")
        submitted.name = "Tea shop"
    text = ada.get(PAGE).text
    assert ">Tea shop (default to default)</option>" in text
    assert ">Tea shop (gold to default)</option>" in text


def test_texts_from_outside_are_escaped(app: Flask, ada: PanelClient) -> None:
    nasty = "<script>alert(1)</script>\u202eevil\u2066"
    with app.app_context(), db.transaction() as session:
        sample_deliveries.add_all_states(session)
        sample_deliveries.overdraw(session, 100)
        sample_deliveries.add_attempts(session)
        sample_deliveries.add_status_changes(session)
        session.get_one(Remote, 1).name = session.get_one(Remote, 1).status_text = nasty
        session.execute(update(Delivery).values(message=nasty))
        sample_deliveries.record_points(session, 7, reason="<img src=x onerror=alert(1)>")
    for path in (*LIST_PAGES, f"{PAGE}?remote=1", f"{PAGE}/deliveries/2/aside", f"{PAGE}/deliveries/2/correct"):
        text = ada.get(path).text
        assert "&lt;script&gt;alert(1)" in text or path.endswith("below-zero"), path
        assert "<script>alert" not in text, path
        assert "<img" not in text, path
        assert not set("\u202e\u2066") & set(text), path
        assert "wrs_" not in text, path
        assert "gAAAA" not in text, path


@ON_BOTH
@pytest.mark.parametrize("path", [*LIST_PAGES, f"{PAGE}?state=waiting", f"{PAGE}/attempts?outcome=failed"])
def test_its_queries_do_not_grow_with_the_list(app: Flask, ada: PanelClient, path: str) -> None:
    with app.app_context(), db.transaction() as session:
        sample_deliveries.add_all_states(session)
        sample_deliveries.overdraw(session, 100)
        sample_deliveries.add_attempts(session)
        sample_deliveries.add_status_changes(session)

    def count_queries() -> int:
        with app.app_context(), record_queries() as recorded_queries:
            answer = ada.get(path)
        assert row_texts(answer.text)
        return len(recorded_queries)

    query_count = count_queries()
    with app.app_context(), db.transaction() as session:
        insert_rows(session, customers=30, movements=400, remotes=4)
        sample_deliveries.overdraw(session, 100, *range(200, 240))
    assert count_queries() == query_count


def test_only_admins_see_it(stranger: PanelClient) -> None:
    for path in (
        *LIST_PAGES,
        f"{PAGE}/deliveries/1/aside",
        f"{PAGE}/deliveries/1/correct",
        f"{PAGE}/below-zero/1/correct",
        f"{PAGE}/below-zero/1/correct-here",
        f"{PAGE}/declared-differences",
    ):
        assert stranger.get(path).status_code == 303, path
