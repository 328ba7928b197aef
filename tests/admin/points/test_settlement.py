"""Points and Rewards › Settlement: by month and site, as a page and as a file."""

import csv
import io
import re
from datetime import UTC, datetime

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from pointsync.ledger import reserves
from pointsync.ledger.apply import IncomingMovement, apply
from pointsync.ledger.record import Draft, record
from pointsync.models import Remote, Site
from pointsync.sync.site import general
from tests.admin.conftest import BOTH_DATABASES
from tests.admin.page_text import text_of
from tests.admin.sample_remotes import CREATED_AT, add_remote, add_reserve
from tests.support.panel_client import PanelClient
from tests.support.queries import record_queries
from tests.support.site_template import run_in_transaction

PAGE = "/points-and-rewards/settlement"
TEA, STRANGER = "wrk_" + "1" * 16, "wrk_" + "f" * 16
RANGE = "from=2026-01&to=2026-03"
ROW = re.compile(r'data-label="([^"]+)"[^>]*>(.*?)</t[hd]>', re.DOTALL)


def record_months(session: Session) -> str:
    """Record two months of three sites, and local movements. Returns this site's Auth."""
    add_remote(session, "https://tea.test", TEA).name = "=Tea <b>shop</b>"
    add_reserve(session, "gold")
    then = datetime(2026, 1, 5, tzinfo=UTC)
    for number, (auth, points) in enumerate(((TEA, 100), (TEA, -20), (STRANGER, 7))):
        apply(
            session,
            auth,
            reserves.get(session, "default"),
            [IncomingMovement(str(number), "a@x.test", points, at=then)],
            CREATED_AT,
        )
    drafts = [Draft("a@x.test", 30), Draft("a@x.test", 1000, kind="opening"), Draft("a@x.test", -4, kind="expire")]
    record(session, [*drafts, Draft("a@x.test", 5, reserve="gold")], "test", CREATED_AT)
    return session.scalars(select(Site.auth)).one()


def table_rows(text: str) -> dict[str, list[list[str]]]:
    """The rows of each table, by its name."""
    found = re.findall(r'<table class="list[^>]*aria-label(?:ledby)?="([^":]+)[^>]*>(.*?)</table>', text, re.DOTALL)
    return {
        name: [[text_of(cell) for _, cell in ROW.findall(row)] for row in body.split('<tr role="row"')[2:]]
        for name, body in found
    }


@pytest.mark.parametrize("database_settings", BOTH_DATABASES, indirect=True)
def test_months_by_site_with_sums(app: Flask, ada: PanelClient) -> None:
    own = run_in_transaction(app, record_months)
    answer = ada.get(f"{PAGE}?{RANGE}")
    assert answer.status_code == 200
    tea = [f"=Tea <b>shop</b> {TEA}", "2", "100", "20", "+80"]
    stranger = [STRANGER, "1", "7", "0", "+7"]
    local = [f"Shop one This site {own}", "1", "30", "0", "+30"]
    found = table_rows(answer.text)
    assert found["January 2026 to March 2026"] == [tea, local, stranger, ["All sites", "4", "137", "20", "+117"]]
    assert found["January 2026"] == [tea, stranger, ["All sites", "3", "107", "20", "+87"]]
    assert found["March 2026"] == [local, ["All sites", "1", "30", "0", "+30"]]
    assert "February 2026" not in found
    assert found["local-points"] == [["March 2026", "+1,000", "0", "−4"]]
    assert "<b>shop" not in answer.text
    assert "owes the others" in answer.text
    assert answer.text.count('class="chart-svg"') == 2
    assert "full hour" not in answer.text
    gold = ada.get(f"{PAGE}?{RANGE}&reserve=gold")
    assert table_rows(gold.text)["January 2026 to March 2026"][-1] == ["All sites", "1", "5", "0", "+5"]


def test_the_file(app: Flask, ada: PanelClient) -> None:
    own = run_in_transaction(app, record_months)
    link = re.search(r'href="([^"]+settlement\.csv[^"]*)"', ada.get(f"{PAGE}?{RANGE}").text)
    assert link
    answer = ada.get(link[1].replace("&amp;", "&"))
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="settlement-default-2026-01-2026-03.csv"'
    assert list(csv.reader(io.StringIO(answer.text))) == [
        ["month", "reserve", "site", "auth", "movements", "given", "taken", "difference"],
        ["2026-01", "default", "'=Tea <b>shop</b>", TEA, "2", "100", "20", "80"],
        ["2026-01", "default", STRANGER, STRANGER, "1", "7", "0", "7"],
        ["2026-03", "default", "Shop one", own, "1", "30", "0", "30"],
    ]


def test_an_error_is_shown_at_its_field(app: Flask, ada: PanelClient) -> None:
    run_in_transaction(app, record_months)
    errors = {
        "from=2026-13": ("from", "such as 2026-01"),
        "from=%00": ("from", "such as 2026-01"),
        "to=tomorrow": ("to", "such as 2026-01"),
        "from=2026-03&to=2026-01": ("to", "lies before"),
        "from=2000-01&to=2026-01": ("from", "at most 36"),
        "reserve=silver": ("reserve", "no such points reserve"),
        "reserve=%ff%00&from[]=1": ("reserve", "no such points reserve"),
    }
    for query, (field, words) in errors.items():
        for page in (PAGE, f"{PAGE}.csv"):
            answer = ada.get(f"{page}?{query}")
            assert answer.status_code == 422, query
            assert re.search(rf'id="{field}-error">[^<]*{words}', answer.text), query
            assert "No results" in answer.text
    assert 'value="tomorrow"' in ada.get(f"{PAGE}?to=tomorrow").text
    assert ada.get(f"{PAGE}?from=&to=&reserve=&from=x&silly=1").status_code == 200


def test_a_new_site_and_a_time_zone_with_half_hours(app: Flask, ada: PanelClient) -> None:
    text = ada.get(PAGE).text
    assert "No movements in these months." in text
    assert "settlement.csv" not in text
    run_in_transaction(app, lambda session: general.set_time_zone(session, "Asia/Kolkata"))
    assert "A month therefore begins at the next full hour" in ada.get(PAGE).text


def test_the_number_of_queries_does_not_grow(app: Flask, ada: PanelClient) -> None:
    def queries(query: str) -> int:
        with app.app_context(), record_queries() as found:
            assert ada.get(f"{PAGE}?{query}").status_code == 200
        return len(found)

    few = queries("from=2026-03&to=2026-03")
    run_in_transaction(app, record_months)
    assert queries("from=2023-04&to=2026-03") == few
    assert run_in_transaction(app, lambda session: len(session.scalars(select(Remote)).all())) == 1


def test_a_visitor_sees_nothing(app: Flask, stranger: PanelClient) -> None:
    for page in (PAGE, f"{PAGE}.csv"):
        assert stranger.get(page).status_code == 303
