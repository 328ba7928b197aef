"""The Dashboard: what needs a hand, how each site stands, what waits, and what the last days came to."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from pointsync import clock, db
from pointsync.ledger import reserves
from pointsync.ledger.apply import Incoming, apply
from pointsync.ledger.record import Draft, record
from pointsync.models import Delivery, Movement, Remote, Reserve, Site, State
from pointsync.sync import workers
from tests.admin import remotes_shown
from tests.admin.conftest import BOTH
from tests.admin.visitor import Visitor
from tests.support.frozen import MovingClock
from tests.support.many import fill
from tests.support.queries import watched

pytestmark = pytest.mark.parametrize("where", BOTH, indirect=True)

AUTH = "wrk_" + "1" * 16

Change = Callable[[Callable[[Session], Any]], None]


@pytest.fixture
def change(app: Flask) -> Change:
    """Change the site's database."""

    def run(work: Callable[[Session], Any]) -> None:
        with app.app_context(), db.write() as session:
            work(session)

    return run


@pytest.fixture
def in_step(change: Change) -> None:
    """A site with an address, a process that sends, and one remote that is in step."""

    def work(session: Session) -> None:
        site = session.get_one(Site, 1)
        site.served_url = "http://127.0.0.1:8080"
        workers.beat(session, "w" * 32)
        line = remotes_shown.add(session, "https://tea.test", AUTH)
        line.name, line.dialect, line.status, line.status_text = "Tea shop", "pointsync", "green", "In step."
        line.check_code, line.attempt_code, line.facts = "ok", "ok", {"lists": [site.auth]}

    change(work)


def plain(text: str) -> str:
    """Part of a page as words."""
    return " ".join(re.sub(r"<[^>]+>", " ", text).replace("&#39;", "'").split())


def tasks(text: str) -> list[str]:
    """What needs a hand, as words."""
    return [plain(each) for each in re.findall(r'<li class="task [^>]+>(.*?)</li>', text, re.DOTALL)]


def tiles(text: str) -> list[str]:
    """The sites, as words."""
    inside = text.partition('<ul class="tiles">')[2].partition("</ul>")[0]
    return [plain(each) for each in re.findall(r"<li[ >].*?</li>", inside, re.DOTALL)]


def table(text: str, label: str) -> list[list[str]]:
    """A table's cells, row by row."""
    body = text.partition(f'aria-label="{label}')[2].partition("<tbody")[2].partition("</tbody>")[0]
    found = re.findall(r'<tr role="row">(.*?)</tr>', body, re.DOTALL)
    return [[plain(cell) for cell in re.findall(r"<t[hd] .*?</t[hd]>", row, re.DOTALL)] for row in found]


def refuse(session: Session) -> None:
    """What waits was refused there."""
    session.execute(update(Delivery).values(state=State.FAILED, code="conflict"))


class TestHands:
    """What needs a hand, and where to see to it."""

    def test_a_first_start_says_how_to_begin(self, ada: Visitor) -> None:
        text = ada.get("/").text
        address, begin = tasks(text)
        assert address.startswith("Other sites need an address for this one. Tell its public URL under General")
        assert begin.startswith("No remote sites yet. Ask the admin of another shop for its sharing key")
        assert 'href="/system/general"' in text
        assert 'href="/system/points-sync#remotes"' in text
        assert "No movements in these 14 days." in text

    @pytest.mark.usefixtures("in_step")
    def test_nothing_needs_a_hand(self, ada: Visitor, change: Change) -> None:
        change(lambda session: remotes_shown.let_wait(session, 3))
        assert tasks(ada.get("/").text) == ["Nothing needs a hand."]

    @pytest.mark.usefixtures("in_step")
    def test_what_is_held_is_asked_first(self, ada: Visitor, change: Change) -> None:
        assert "Nothing is sent until" not in ada.get("/").text
        reason = "The marker of this database is missing in /data & more."
        change(lambda session: setattr(session.get_one(Site, 1), "hold", reason))
        text = ada.get("/").text
        assert "Nothing is sent until you say what this database is." in text
        assert "missing in /data &amp; more." in text
        for what in ("moved", "restored", "copy"):
            assert f'href="/system/hold/{what}"' in text
        assert tasks(text) == ["Nothing but what is asked above."]
        assert "Sends Nothing, until you say what this database is." in tiles(text)[0]

    @pytest.mark.usefixtures("in_step")
    def test_refused_movements(self, ada: Visitor, change: Change) -> None:
        change(lambda session: remotes_shown.let_wait(session, 1))
        change(refuse)
        change(lambda session: setattr(session.get_one(Remote, 1), "status", "error"))
        text = ada.get("/").text
        assert tasks(text) == [
            "1 movement was refused by Tea shop . Send it again, set it aside or correct it here, under Activity ."
        ], "that it is red for just that is not told twice"
        assert 'href="/system/activity?state=failed"' in text
        change(lambda session: remotes_shown.let_wait(session, 2))
        change(refuse)
        assert tasks(ada.get("/").text)[0].startswith("3 movements were refused by Tea shop . Send them again")

    @pytest.mark.usefixtures("in_step")
    def test_red_remotes(self, ada: Visitor, change: Change) -> None:
        def work(session: Session) -> None:
            for line in (session.get_one(Remote, 1), *remotes_shown.add_four(session)):
                line.status, line.attempt_code = "error", "timeout"

        change(work)
        assert tasks(ada.get("/").text) == [
            "Tea shop , https://shop-1.test/points , Shop 2 and 2 more are red. What is wrong, and what to do, stands "
            "beside each under Points Sync."
        ]

    @pytest.mark.usefixtures("in_step")
    def test_balances_below_zero(self, ada: Visitor, change: Change) -> None:
        now = clock.now()

        def spent_twice(session: Session) -> None:
            reserve = session.get_one(Reserve, 1)
            apply(session, AUTH, reserve, [Incoming("1", "ada@shop.test", -5, kind="spend")], now)
            allowed = reserves.add(session, "credit", None, now, may_go_below_zero=True)
            apply(session, AUTH, allowed, [Incoming("2", "bob@shop.test", -5, kind="spend")], now)

        change(spent_twice)
        text = ada.get("/").text
        [task] = tasks(text)
        assert task.startswith("1 balance is below zero, where the reserve does not allow it. The movements that took")
        assert 'href="/system/activity/below-zero"' in text
        change(lambda session: session.execute(update(Movement).values(recorded_at=now - timedelta(days=99))))
        assert tasks(ada.get("/").text) == [task], "however long ago"
        change(lambda session: record(session, [Draft("ada@shop.test", 5)], "test", now))
        assert tasks(ada.get("/").text) == ["Nothing needs a hand."], "it was put right"

    @pytest.mark.usefixtures("in_step")
    def test_a_site_that_does_not_list_this_one(self, ada: Visitor, change: Change) -> None:
        def tell(session: Session, lists: list[str], dialect: str = "pointsync") -> None:
            line = session.get_one(Remote, 1)
            line.facts, line.dialect = {"lists": lists}, dialect

        change(lambda session: tell(session, ["wrk_" + "9" * 16]))
        text = ada.get("/").text
        [task] = tasks(text)
        assert task.startswith("Tea shop does not list this site, so points made there stay there.")
        assert '<a href="/system/network">' in text
        change(lambda session: tell(session, [], "woorewards"))
        assert tasks(ada.get("/").text) == ["Nothing needs a hand."], "that dialect tells of no lists"

    @pytest.mark.usefixtures("in_step")
    def test_two_lines_to_one_site_are_told_once(self, ada: Visitor, change: Change) -> None:
        def work(session: Session) -> None:
            remotes_shown.add_reserve(session, "gold")
            first = session.get_one(Remote, 1)
            first.target = "silver"
            session.flush()
            second = remotes_shown.add(session, "https://tea.test", AUTH, "gold")
            second.name, second.dialect, second.check_code = "Tea shop", "pointsync", "ok"
            first.facts = second.facts = {"lists": []}

        change(work)
        assert [task.count("Tea shop") for task in tasks(ada.get("/").text)] == [1]

    @pytest.mark.usefixtures("in_step")
    def test_clocks_that_are_apart(self, ada: Visitor, change: Change) -> None:
        def work(session: Session) -> None:
            line = session.get_one(Remote, 1)
            line.check_code, line.clock_offset_seconds = "clock_skew", -421.0

        change(work)
        [task] = tasks(ada.get("/").text)
        assert task.startswith("The clock of Tea shop and this site's are 7 minutes apart.")

    @pytest.mark.usefixtures("in_step")
    def test_nobody_sends(self, ada: Visitor, change: Change) -> None:
        change(lambda session: workers.leave(session, "w" * 32))
        text = ada.get("/").text
        [task] = tasks(text)
        assert task.startswith("Nothing is sent: no process that sends is running. Start pointsync serve")
        assert "Sends Nothing: no process that sends is running." in tiles(text)[0]


class TestSites:
    """This site, and each remote as it stands."""

    def test_each_says_how_it_stands(self, ada: Visitor, change: Change) -> None:
        def work(session: Session) -> None:
            session.get_one(Site, 1).served_url = "http://127.0.0.1:8080"
            remotes_shown.add_four(session)

        change(work)
        own, *shown = tiles(ada.get("/").text)
        assert own.startswith("Shop one This site http://127.0.0.1:8080 Sends")
        assert len(shown) == 4
        for (state, words), tile in zip(remotes_shown.STATES.items(), shown, strict=True):
            assert remotes_shown.WORDS[state] in tile
            assert state == "green" or words in tile
        assert shown[0].startswith("https://shop-1.test/points Activity Reserve default here to default there")
        assert shown[1].startswith("Shop 2 Activity https://shop-2.test/points")

    def test_a_deleted_line_is_not_shown(self, ada: Visitor, change: Change) -> None:
        change(lambda session: setattr(remotes_shown.add_four(session)[1], "deleted_at", remotes_shown.MADE))
        assert len(tiles(ada.get("/").text)) == 4

    def test_what_remotes_say_is_text(self, ada: Visitor, change: Change) -> None:
        def work(session: Session) -> None:
            line = remotes_shown.add(session, "https://two.test", AUTH)
            line.name = line.status_text = line.last_error = "<script>alert(1)</script>\u202e"
            line.last_failure_at, line.status = remotes_shown.MADE, "error"
            line.attempt_code, line.dialect, line.check_code = "timeout", "pointsync", "ok"
            line.facts, line.clock_offset_seconds = {"lists": ["<script>alert(2)</script>"]}, 1e9
            apply(session, AUTH, session.get_one(Reserve, 1), [Incoming("1", "a@b.test", 5)], clock.now())

        change(work)
        text = ada.get("/").text
        assert "<script>alert" not in text
        assert "\u202e" not in text
        assert text.count("&lt;script&gt;alert(1)") > 5

    def test_no_secret_is_shown(self, ada: Visitor, change: Change) -> None:
        change(remotes_shown.add_four)
        text = ada.get("/?days=31").text
        assert "wrs_" not in text
        assert "gAAAA" not in text


class TestWaiting:
    """What is not delivered yet, and since when."""

    def test_nothing_waits(self, ada: Visitor, change: Change) -> None:
        change(remotes_shown.add_four)
        assert "Nothing waits: all that was made here is delivered." in ada.get("/").text

    def test_in_all_and_for_each(self, ada: Visitor, change: Change) -> None:
        def work(session: Session) -> None:
            remotes_shown.add(session, "https://two.test", AUTH)
            remotes_shown.let_wait(session, 2)
            remotes_shown.add_four(session)
            later = remotes_shown.MADE + timedelta(days=1)
            record(session, [Draft("a@b.test", 5)], "test", later)
            session.execute(
                update(Delivery).where(Delivery.remote_id == 3).values(state=State.DELIVERED, delivered_at=later)
            )
            session.execute(update(Delivery).where(Delivery.remote_id == 4).values(state=State.UNKNOWN))

        change(work)
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

    def test_history_has_no_age(self, ada: Visitor, change: Change) -> None:
        def work(session: Session) -> None:
            remotes_shown.add(session, "https://two.test", AUTH)
            remotes_shown.let_wait(session, 2)
            session.execute(update(Delivery).values(is_history=True))

        change(work)
        text = ada.get("/").text
        assert "Waiting 2" in tiles(text)[1]
        assert "oldest" not in text


class TestDays:
    """Movements per day by origin: a picture, the same figures in a table, and points in the period."""

    def test_movements_stand_at_their_days(self, ada: Visitor, change: Change, moving_clock: MovingClock) -> None:
        now = clock.now()

        def work(session: Session) -> None:
            remotes_shown.add(session, "https://tea.test", AUTH).name = "Tea shop"
            for back, points in ((0, [5, 7, -2]), (13, [100]), (14, [1000])):
                drafts = [Draft("a@b.test", each, kind="manual") for each in points]
                record(session, drafts, "test", now - timedelta(days=back))
            apply(session, AUTH, session.get_one(Reserve, 1), [Incoming("1", "a@b.test", 30)], now)

        change(work)
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

    def test_many_sites_share_the_last_colour(self, ada: Visitor, change: Change) -> None:
        def work(session: Session) -> None:
            for number in range(1, 8):
                incoming = [Incoming(str(each), "a@b.test", 5) for each in range(1, number + 1)]
                apply(session, f"wrk_{number:016x}", session.get_one(Reserve, 1), incoming, clock.now())

        change(work)
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


def test_its_queries_do_not_grow(app: Flask, ada: Visitor, change: Change) -> None:
    def asked() -> int:
        with app.app_context(), watched() as found:
            assert ada.get("/?days=31").status_code == 200
        return len(found)

    def more(session: Session) -> None:
        for number in range(8):
            remotes_shown.add_reserve(session, f"r{number}")
        fill(session, customers=20, movements=2000, remotes=8, now=clock.now())
        assert session.scalars(select(Delivery.id).where(Delivery.is_in(State.FAILED)).limit(1)).one()

    change(remotes_shown.add_four)
    change(lambda session: remotes_shown.let_wait(session, 1))
    few = asked()
    change(more)
    assert asked() == few
