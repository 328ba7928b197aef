"""The search in the manual."""

import re
import time

import pytest

from pointsync.admin.manual import pages
from pointsync.admin.manual.search import MAX_EXCERPT_LENGTH, MAX_RESULTS, clean_query, search
from tests.admin.page_text import main_text, text_of
from tests.support.panel_client import PanelClient


def found(query: str) -> list[str]:
    """The places that a search finds, in order."""
    return [f"{each.page.name}#{each.anchor}" for each in search(pages.read(), query).items]


@pytest.mark.parametrize(
    ("query", "place"),
    [
        ("restore a backup", "backups#restore-a-backup"),
        ("RESTORE", "backups#restore-a-backup"),
        ("How do I restore a backup?", "backups#restore-a-backup"),
        ("block site", "keys#block-a-site"),
        ("forgotten", "admins#forgotten-password"),
        ("rewards", "points#rewards"),
        ("expiry", "points#expiry"),
        ("clock_skew", "troubleshooting#ping-codes"),
        ("POINTSYNC_SMTP_URL", "settings#mail-and-log"),
        ("nginx", "embedding#nginx"),
    ],
)
def test_the_best_place_comes_first(query: str, place: str) -> None:
    assert place in found(query)[:2]


def test_all_words_must_be_there() -> None:
    assert found("backup zebra") == []
    assert found("") == []
    assert found("   ") == []


def test_a_word_is_found_by_its_beginning_but_not_inside() -> None:
    assert found("troublesh")
    results = search(pages.read(), "red")
    assert results.total
    for each in results.items:
        marked = {part.lower() for part, is_found in (*each.heading, *each.excerpt) if is_found}
        assert marked <= {"red"}
    assert "hundred" not in " ".join(found("undred"))


def test_results_are_few_and_short() -> None:
    results = search(pages.read(), "a")
    assert results.total > len(results.items) == MAX_RESULTS
    for each in results.items:
        assert len("".join(part for part, _ in each.excerpt)) <= MAX_EXCERPT_LENGTH + 4


def test_every_result_leads_to_a_heading() -> None:
    for each in search(pages.read(), "points").items:
        assert not each.anchor or each.anchor in each.page.anchors


def test_the_page_of_results(ada: PanelClient) -> None:
    text = ada.get("/manual?q=restore+a+backup").text
    assert '<a href="/manual/backups#restore-a-backup"><mark>Restore</mark> a <mark>backup</mark></a>' in text
    assert 'value="restore a backup"' in text
    assert re.search(r"\d+ results", main_text(text))
    assert 'role="search"' in text
    one = main_text(ada.get("/manual?q=partitioned+clipboard-write").text)
    assert "1 result" in one or "No results" in one


def test_nothing_found(ada: PanelClient) -> None:
    text = main_text(ada.get("/manual?q=zebra").text)
    assert "No results" in text
    assert "Try fewer words" in text


@pytest.mark.parametrize("query", ["", "?q=", "?q=%20%20", "?other=1"])
def test_without_a_query_the_first_page_is_shown(ada: PanelClient, query: str) -> None:
    assert "PointSync manual" in main_text(ada.get(f"/manual{query}").text)


@pytest.mark.parametrize("query", ["<script>alert(1)</script>", '"><img src=x>', "{{ 7 * 7 }}", "'\"&", "%00%1b[31m"])
def test_markup_is_escaped(ada: PanelClient, query: str) -> None:
    answer = ada.get("/manual", query_string={"q": query})
    assert answer.status_code == 200
    assert query not in answer.text or not set("<>\"&'") & set(query)
    assert "<script>alert" not in answer.text
    assert "<img" not in answer.text
    assert text_of(query) in main_text(answer.text) or "<" in query


def test_a_long_or_odd_query_is_cut_and_quick(ada: PanelClient) -> None:
    start = time.monotonic()
    for query in ("x" * 50_000, "a " * 10_000, "(a+)+$" * 20, "\\", "[", "é" * 200, "a" * 99 + " b"):
        assert len(clean_query(query)) <= 100
        assert ada.get("/manual", query_string={"q": query}).status_code == 200
    assert time.monotonic() - start < 10


def test_the_search_stays_in_the_frame(ada: PanelClient) -> None:
    text = ada.get("/manual?q=backup&embed=1").text
    assert '<input type="hidden" name="embed" value="1">' in text
    assert 'href="/manual/backups?embed=1' in text
    assert '<header class="header">' not in text
