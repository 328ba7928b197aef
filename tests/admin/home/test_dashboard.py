"""The Dashboard: the status of each site, what is waiting, and the movements of the last days."""

import re
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from pointsync import clock
from pointsync.ledger.apply import IncomingMovement, apply
from pointsync.ledger.record import Draft, record
from pointsync.models import Delivery, DeliveryState, Reserve, Site
from tests.admin import sample_remotes
from tests.admin.conftest import ALSO_POSTGRES
from tests.admin.home.dashboard_page import site_texts, table_cells
from tests.admin.page_text import text_of
from tests.support.bulk_rows import insert_rows
from tests.support.moving_clock import MovingClock
from tests.support.panel_client import PanelClient
from tests.support.queries import record_queries
from tests.support.site_template import run_in_transaction

pytestmark = pytest.mark.parametrize("database_settings", ALSO_POSTGRES, indirect=True)

AUTH = "wrk_" + "1" * 16


class TestSites:
    """This site, and each remote with its status."""

    def test_each_tile_has_the_status(self, app: Flask, ada: PanelClient) -> None:
        def change(session: Session) -> None:
            session.get_one(Site, 1).served_url = "http://127.0.0.1:8080"
            sample_remotes.add_remote_of_each_status(session)

        run_in_transaction(app, change)
        local, *tiles = site_texts(ada.get("/").text)
        assert local.startswith("Shop one This site http://127.0.0.1:8080 Sending")
        assert len(tiles) == 4
        for (state, text), tile in zip(sample_remotes.STATUS_TEXTS.items(), tiles, strict=True):
            assert sample_remotes.STATUS_LABELS[state] in tile
            assert state == "green" or text in tile
        assert tiles[0].startswith("https://shop-1.test/points Activity Reserve default here to default there")
        assert tiles[1].startswith("Shop 2 Activity https://shop-2.test/points")

    def test_a_deleted_remote_is_not_shown(self, app: Flask, ada: PanelClient) -> None:
        run_in_transaction(
            app,
            lambda session: setattr(
                sample_remotes.add_remote_of_each_status(session)[1], "deleted_at", sample_remotes.CREATED_AT
            ),
        )
        assert len(site_texts(ada.get("/").text)) == 4

    def test_texts_from_remotes_are_escaped(self, app: Flask, ada: PanelClient) -> None:
        def change(session: Session) -> None:
            remote = sample_remotes.add_remote(session, "https://two.test", AUTH)
            remote.name = remote.status_text = remote.last_error = "<script>alert(1)</script>\u202e"
            remote.last_failure_at, remote.status = sample_remotes.CREATED_AT, "error"
            remote.attempt_code, remote.dialect, remote.check_code = "timeout", "pointsync", "ok"
            remote.facts, remote.clock_offset_seconds = {"lists": ["<script>alert(2)</script>"]}, 1e9
            apply(session, AUTH, session.get_one(Reserve, 1), [IncomingMovement("1", "a@b.test", 5)], clock.now())

        run_in_transaction(app, change)
        text = ada.get("/").text
        assert "<script>alert" not in text
        assert "\u202e" not in text
        assert text.count("&lt;script&gt;alert(1)") > 5

    def test_no_secret_is_shown(self, app: Flask, ada: PanelClient) -> None:
        run_in_transaction(app, sample_remotes.add_remote_of_each_status)
        text = ada.get("/?days=31").text
        assert "wrs_" not in text
        assert "gAAAA" not in text


class TestWaiting:
    """What is not delivered yet, and since when."""

    def test_nothing_is_waiting(self, app: Flask, ada: PanelClient) -> None:
        run_in_transaction(app, sample_remotes.add_remote_of_each_status)
        assert "Everything is delivered." in ada.get("/").text

    def test_total_and_per_remote(self, app: Flask, ada: PanelClient) -> None:
        def change(session: Session) -> None:
            sample_remotes.add_remote(session, "https://two.test", AUTH)
            sample_remotes.record_waiting(session, 2)
            sample_remotes.add_remote_of_each_status(session)
            later = sample_remotes.CREATED_AT + timedelta(days=1)
            record(session, [Draft("a@b.test", 5)], "test", later)
            session.execute(
                update(Delivery)
                .where(Delivery.remote_id == 3)
                .values(state=DeliveryState.DELIVERED, delivered_at=later)
            )
            session.execute(update(Delivery).where(Delivery.remote_id == 4).values(state=DeliveryState.UNKNOWN))
            session.execute(update(Delivery).where(Delivery.remote_id == 5).values(state=DeliveryState.FAILED))

        run_in_transaction(app, change)
        text = ada.get("/").text
        assert text_of(text.partition('id="waiting-count"')[2].partition("</p>")[0].partition(">")[2]) == (
            "4 movements are waiting to be delivered; the oldest since 1 Mar 2026, 12:00 . "
            "1 movement for customers unknown there. 1 movement refused."
        )
        _, first, second, third, fourth, fifth = site_texts(text)
        assert "Waiting 3; the oldest since 1 Mar 2026, 12:00" in first
        assert "Waiting 1; the oldest since 2 Mar 2026, 12:00" in second
        assert "Waiting 0" in third
        assert "oldest" not in third
        assert "Waiting 0 Customers unknown 1 movement" in fourth
        assert "Waiting 0 Refused 1 movement" in fifth

    def test_a_history_has_no_oldest_delivery(self, app: Flask, ada: PanelClient) -> None:
        def change(session: Session) -> None:
            sample_remotes.add_remote(session, "https://two.test", AUTH)
            sample_remotes.record_waiting(session, 2)
            session.execute(update(Delivery).values(is_history=True))

        run_in_transaction(app, change)
        text = ada.get("/").text
        assert "Waiting 2" in site_texts(text)[1]
        assert "oldest" not in text


class TestDays:
    """Movements per day by site: a chart, the same numbers in a table, and points in the period."""

    def test_movements_per_day(self, app: Flask, ada: PanelClient, moving_clock: MovingClock) -> None:
        now = clock.now()

        def change(session: Session) -> None:
            sample_remotes.add_remote(session, "https://tea.test", AUTH).name = "Tea shop"
            for back, points in ((0, [5, 7, -2]), (13, [100]), (14, [1000])):
                drafts = [Draft("a@b.test", each, kind="manual") for each in points]
                record(session, drafts, "test", now - timedelta(days=back))
            apply(session, AUTH, session.get_one(Reserve, 1), [IncomingMovement("1", "a@b.test", 30)], now)

        run_in_transaction(app, change)
        text = ada.get("/").text
        assert table_cells(text, "Points in these 14 days") == [
            ["Shop one This site", "4", "112", "2"],
            ["Tea shop", "1", "30", "0"],
        ]
        cells = table_cells(text, "Movements per day, the last 14 days: the numbers")
        assert len(cells) == 14
        assert cells[0][1:] == ["3", "1", "4"]
        assert cells[1][1:] == ["0", "0", "0"]
        assert cells[13][1:] == ["1", "0", "1"]
        assert text.count('<g class="chart-bar">') == 14
        assert len(re.findall(r'<rect class="chart-segment', text)) == 3
        text = ada.get("/?days=31").text
        assert table_cells(text, "Points in these 31 days")[0] == ["Shop one This site", "5", "1,112", "2"]
        assert text.count('<g class="chart-bar">') == 31

    def test_many_sites_share_the_last_colour(self, app: Flask, ada: PanelClient) -> None:
        def change(session: Session) -> None:
            for number in range(1, 8):
                incoming = [IncomingMovement(str(each), "a@b.test", 5) for each in range(1, number + 1)]
                apply(session, f"wrk_{number:016x}", session.get_one(Reserve, 1), incoming, clock.now())

        run_in_transaction(app, change)
        cells = table_cells(ada.get("/").text, "Points in these 14 days")
        assert [row[:2] for row in cells] == [
            ["Shop one This site", "0"],
            ["wrk_0000000000000004", "4"],
            ["wrk_0000000000000005", "5"],
            ["wrk_0000000000000006", "6"],
            ["wrk_0000000000000007", "7"],
            ["3 others", "6"],
        ]

    @pytest.mark.parametrize("days", ["", "0", "-1", "15", "9" * 400, "x", "%00", "31&days=14", "%ed%a0%80"])
    def test_any_other_number_of_days_becomes_14_or_31(self, ada: PanelClient, days: str) -> None:
        answer = ada.get(f"/?days={days}")
        assert answer.status_code == 200
        assert f"No movements in these {'31' if '31' in days else '14'} days." in answer.text


def test_the_number_of_queries_does_not_grow(app: Flask, ada: PanelClient) -> None:
    def query_count() -> int:
        with app.app_context(), record_queries() as found:
            assert ada.get("/?days=31").status_code == 200
        return len(found)

    def more(session: Session) -> None:
        for number in range(8):
            sample_remotes.add_reserve(session, f"r{number}")
        insert_rows(session, customers=20, movements=2000, remotes=8, now=clock.now())
        assert session.scalars(select(Delivery.id).where(Delivery.state_condition(DeliveryState.FAILED)).limit(1)).one()

    run_in_transaction(app, sample_remotes.add_remote_of_each_status)
    run_in_transaction(app, lambda session: sample_remotes.record_waiting(session, 1))
    few = query_count()
    run_in_transaction(app, more)
    assert query_count() == few
