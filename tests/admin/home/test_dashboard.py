"""The Dashboard: how each site stands, what waits, and what the last days came to."""

import re
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from pointsync import clock
from pointsync.ledger.apply import Incoming, apply
from pointsync.ledger.record import Draft, record
from pointsync.models import Delivery, Reserve, Site, State
from tests.admin import sample_remotes
from tests.admin.conftest import BOTH
from tests.admin.home.dashboard_page import table, tiles
from tests.admin.page_text import plain
from tests.support.bulk_rows import fill
from tests.support.moving_clock import MovingClock
from tests.support.panel_client import Visitor
from tests.support.queries import watched
from tests.support.site_template import change

pytestmark = pytest.mark.parametrize("where", BOTH, indirect=True)

AUTH = "wrk_" + "1" * 16


class TestSites:
    """This site, and each remote as it stands."""

    def test_each_says_how_it_stands(self, app: Flask, ada: Visitor) -> None:
        def work(session: Session) -> None:
            session.get_one(Site, 1).served_url = "http://127.0.0.1:8080"
            sample_remotes.add_four(session)

        change(app, work)
        own, *shown = tiles(ada.get("/").text)
        assert own.startswith("Shop one This site http://127.0.0.1:8080 Sends")
        assert len(shown) == 4
        for (state, words), tile in zip(sample_remotes.STATES.items(), shown, strict=True):
            assert sample_remotes.WORDS[state] in tile
            assert state == "green" or words in tile
        assert shown[0].startswith("https://shop-1.test/points Activity Reserve default here to default there")
        assert shown[1].startswith("Shop 2 Activity https://shop-2.test/points")

    def test_a_deleted_line_is_not_shown(self, app: Flask, ada: Visitor) -> None:
        change(app, lambda session: setattr(sample_remotes.add_four(session)[1], "deleted_at", sample_remotes.MADE))
        assert len(tiles(ada.get("/").text)) == 4

    def test_what_remotes_say_is_text(self, app: Flask, ada: Visitor) -> None:
        def work(session: Session) -> None:
            line = sample_remotes.add(session, "https://two.test", AUTH)
            line.name = line.status_text = line.last_error = "<script>alert(1)</script>\u202e"
            line.last_failure_at, line.status = sample_remotes.MADE, "error"
            line.attempt_code, line.dialect, line.check_code = "timeout", "pointsync", "ok"
            line.facts, line.clock_offset_seconds = {"lists": ["<script>alert(2)</script>"]}, 1e9
            apply(session, AUTH, session.get_one(Reserve, 1), [Incoming("1", "a@b.test", 5)], clock.now())

        change(app, work)
        text = ada.get("/").text
        assert "<script>alert" not in text
        assert "\u202e" not in text
        assert text.count("&lt;script&gt;alert(1)") > 5

    def test_no_secret_is_shown(self, app: Flask, ada: Visitor) -> None:
        change(app, sample_remotes.add_four)
        text = ada.get("/?days=31").text
        assert "wrs_" not in text
        assert "gAAAA" not in text


class TestWaiting:
    """What is not delivered yet, and since when."""

    def test_nothing_waits(self, app: Flask, ada: Visitor) -> None:
        change(app, sample_remotes.add_four)
        assert "Nothing waits: all that was made here is delivered." in ada.get("/").text

    def test_in_all_and_for_each(self, app: Flask, ada: Visitor) -> None:
        def work(session: Session) -> None:
            sample_remotes.add(session, "https://two.test", AUTH)
            sample_remotes.let_wait(session, 2)
            sample_remotes.add_four(session)
            later = sample_remotes.MADE + timedelta(days=1)
            record(session, [Draft("a@b.test", 5)], "test", later)
            session.execute(
                update(Delivery).where(Delivery.remote_id == 3).values(state=State.DELIVERED, delivered_at=later)
            )
            session.execute(update(Delivery).where(Delivery.remote_id == 4).values(state=State.UNKNOWN))

        change(app, work)
        text = ada.get("/").text
        assert plain(text.partition('id="waiting"')[2].partition("</p>")[0].partition(">")[2]) == (
            "6 movements wait to be delivered, the oldest of 1 Mar 2026, 12:00 ."
        )
        _, first, second, third, fourth, _ = tiles(text)
        assert "Waiting 3; the oldest of 1 Mar 2026, 12:00" in first
        assert "Waiting 1; the oldest of 2 Mar 2026, 12:00" in second
        assert "Waiting 0" in third
        assert "oldest" not in third
        assert "Waiting 1; the oldest of 2 Mar 2026, 12:00 Customers unknown 1 movement" in fourth

    def test_history_has_no_age(self, app: Flask, ada: Visitor) -> None:
        def work(session: Session) -> None:
            sample_remotes.add(session, "https://two.test", AUTH)
            sample_remotes.let_wait(session, 2)
            session.execute(update(Delivery).values(is_history=True))

        change(app, work)
        text = ada.get("/").text
        assert "Waiting 2" in tiles(text)[1]
        assert "oldest" not in text


class TestDays:
    """Movements per day by origin: a picture, the same figures in a table, and points in the period."""

    def test_movements_stand_at_their_days(self, app: Flask, ada: Visitor, moving_clock: MovingClock) -> None:
        now = clock.now()

        def work(session: Session) -> None:
            sample_remotes.add(session, "https://tea.test", AUTH).name = "Tea shop"
            for back, points in ((0, [5, 7, -2]), (13, [100]), (14, [1000])):
                drafts = [Draft("a@b.test", each, kind="manual") for each in points]
                record(session, drafts, "test", now - timedelta(days=back))
            apply(session, AUTH, session.get_one(Reserve, 1), [Incoming("1", "a@b.test", 30)], now)

        change(app, work)
        text = ada.get("/").text
        assert table(text, "Points in these 14 days") == [
            ["Shop one This site", "4", "112", "2"],
            ["Tea shop", "1", "30", "0"],
        ]
        figures = table(text, "Movements per day, the last 14 days: the figures")
        assert len(figures) == 14
        assert figures[0][1:] == ["3", "1", "4"]
        assert figures[1][1:] == ["0", "0", "0"]
        assert figures[13][1:] == ["1", "0", "1"]
        assert text.count('<g class="chart-bar">') == 14
        assert len(re.findall(r'<rect class="chart-piece', text)) == 3
        text = ada.get("/?days=31").text
        assert table(text, "Points in these 31 days")[0] == ["Shop one This site", "5", "1,112", "2"]
        assert text.count('<g class="chart-bar">') == 31

    def test_many_sites_share_the_last_colour(self, app: Flask, ada: Visitor) -> None:
        def work(session: Session) -> None:
            for number in range(1, 8):
                incoming = [Incoming(str(each), "a@b.test", 5) for each in range(1, number + 1)]
                apply(session, f"wrk_{number:016x}", session.get_one(Reserve, 1), incoming, clock.now())

        change(app, work)
        shown = table(ada.get("/").text, "Points in these 14 days")
        assert [row[:2] for row in shown] == [
            ["Shop one This site", "0"],
            ["wrk_0000000000000004", "4"],
            ["wrk_0000000000000005", "5"],
            ["wrk_0000000000000006", "6"],
            ["wrk_0000000000000007", "7"],
            ["3 others", "6"],
        ]

    @pytest.mark.parametrize("days", ["", "0", "-1", "15", "9" * 400, "x", "%00", "31&days=14", "%ed%a0%80"])
    def test_any_other_number_of_days_is_one_of_the_two(self, ada: Visitor, days: str) -> None:
        answer = ada.get(f"/?days={days}")
        assert answer.status_code == 200
        assert f"No movements in these {'31' if '31' in days else '14'} days." in answer.text


def test_its_queries_do_not_grow(app: Flask, ada: Visitor) -> None:
    def asked() -> int:
        with app.app_context(), watched() as found:
            assert ada.get("/?days=31").status_code == 200
        return len(found)

    def more(session: Session) -> None:
        for number in range(8):
            sample_remotes.add_reserve(session, f"r{number}")
        fill(session, customers=20, movements=2000, remotes=8, now=clock.now())
        assert session.scalars(select(Delivery.id).where(Delivery.is_in(State.FAILED)).limit(1)).one()

    change(app, sample_remotes.add_four)
    change(app, lambda session: sample_remotes.let_wait(session, 1))
    few = asked()
    change(app, more)
    assert asked() == few
