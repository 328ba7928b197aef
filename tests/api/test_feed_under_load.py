"""A reader of the feed that is killed and started again under load misses nothing, and nothing comes twice."""

import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select, text

from pointsync import clock, db
from pointsync.ledger.apply import IncomingMovement, apply
from pointsync.ledger.feed import safe_point
from pointsync.ledger.record import Draft, record
from pointsync.models import Movement
from pointsync.runtime import get_runtime
from tests.api.api_clients import ApiClient, create_api_client
from tests.api.feed_reader import read_pages
from tests.support.apps import BOTH_DATABASES, get_reserve
from tests.support.paths import CHECKOUT
from tests.support.process import wait_until
from tests.support.wsgi_server import run_http_server

KILLS, MANY_KILLS = 20, 50
WRITERS = 6
MOST_HELD_SECONDS = 0.005


@contextmanager
def load(app: Flask) -> Iterator[None]:
    """Shops record and other sites send, all at once. Some transactions take a while before they are committed."""
    is_over, commits = threading.Event(), threading.Condition()
    errors: list[BaseException] = []

    def write(number: int) -> None:
        chance, count = random.Random(number), 0
        try:
            while not is_over.is_set():
                count += 1
                with app.app_context():
                    db.run_in_transaction(write_some(number, count, chance, commits))
                with commits:
                    commits.notify_all()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(WRITERS)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        is_over.set()
        for thread in threads:
            thread.join()
    assert errors == []


def write_some(
    number: int, count: int, chance: random.Random, commits: threading.Condition
) -> Callable[[db.WriteSession], None]:
    """A transaction of this site, or of another one; those have movements whose numbers become visible late.

    On PostgreSQL it is committed only after another one, which began later or earlier; or after a moment, since all
    may wait for each other.
    """
    emails = [f"c{number}-{chance.randrange(5)}@example.test" for _ in range(1 + count % 3)]

    def write(session: db.WriteSession) -> None:
        if number % 2:
            record(session, [Draft(email, 1) for email in emails], "test", clock.now())
        else:
            sent = [IncomingMovement(f"{count}{index}", email, 1) for index, email in enumerate(emails)]
            apply(session, f"wrk_{number:016x}", get_reserve(session), sent, clock.now())
        if session.get_bind().dialect.name == "postgresql":
            with commits:
                commits.wait(MOST_HELD_SECONDS)

    return write


def read_size(file: Path) -> int:
    """How many bytes a reader has stored."""
    return file.stat().st_size if file.exists() else 0


def recorded_here(app: Flask) -> list[tuple[str, str, int]]:
    with app.app_context():
        query = select(Movement.origin, Movement.id, Movement.balance).order_by(Movement.seq)
        return [tuple(row) for row in db.session.execute(query)]


def follow_until_killed(client: ApiClient, pages: list[dict], chance: random.Random) -> None:
    """Read some pages, and forget the last answer, as a program that is killed before it has stored it."""
    position = pages[-1]["next"] if pages else None
    for _ in range(chance.randrange(1, 4)):
        after = f"&after={position}" if position else ""
        document = client.get(f"/movements/feed?limit={chance.randrange(1, 9)}{after}").json
        if chance.random() < 0.3:
            return
        position = document["next"]
        pages.append(document)


@pytest.mark.parametrize("kills", [KILLS, pytest.param(MANY_KILLS, marks=pytest.mark.long)])
def test_a_reader_that_breaks_off_everywhere(app_on_each_database: Flask, kills: int) -> None:
    shop, pages, chance = create_api_client(app_on_each_database), [], random.Random(7)
    with load(app_on_each_database):
        for _ in range(kills):
            follow_until_killed(shop, pages, chance)
    while (document := shop.get(f"/movements/feed?limit=1000&after={pages[-1]['next']}").json)["movements"]:
        pages.append(document)
    found = [(each["origin"], each["id"], each["balance"]) for page in pages for each in page["movements"]]
    assert len(found) > kills
    assert found == recorded_here(app_on_each_database)


@pytest.mark.parametrize("app_on_each_database", BOTH_DATABASES[1:], indirect=True)
def test_control_without_the_safe_point_movements_are_missed(
    app_on_each_database: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On PostgreSQL, reading everything above the last number is not enough."""
    monkeypatch.setattr(safe_point, "_FIND_LOWEST", text("SELECT NULL"))
    shop, pages = create_api_client(app_on_each_database), []
    with load(app_on_each_database):
        ends_at, position = time.monotonic() + 60, ""
        while time.monotonic() < ends_at:
            pages.append(shop.get(f"/movements/feed?limit=1000{position}").json)
            position = f"&after={pages[-1]['next']}"
            found = {(each["origin"], each["id"]) for page in pages for each in page["movements"]}
            passed = int(pages[-1]["next"].split("-")[1])
            with app_on_each_database.app_context():
                query = select(Movement.origin, Movement.id).where(Movement.seq <= passed)
                if len({tuple(row) for row in db.session.execute(query)} - found):
                    return
    pytest.fail("nothing was missed in 60 seconds: the load does not show the fault")


@pytest.mark.long
def test_a_process_that_is_killed_fifty_times(app_on_each_database: Flask, tmp_path: Path) -> None:
    app, file, chance = app_on_each_database, tmp_path / "answers", random.Random(5)
    shop = create_api_client(app)
    get_runtime(app).set_thread_count(4)
    with run_http_server(app) as port:
        command = [sys.executable, "-S", "-m", "tests.api.feed_reader", str(port), str(shop.key), str(file)]
        with load(app):
            for _ in range(MANY_KILLS):
                reader = subprocess.Popen(command, cwd=CHECKOUT)
                most = read_size(file) + chance.randrange(1, 5_000)
                wait_until(lambda most=most: read_size(file) > most, 20, "more answers")
                reader.send_signal(signal.SIGKILL)
                reader.wait()
        expected = recorded_here(app)
        reader = subprocess.Popen(command, cwd=CHECKOUT)
        try:
            wait_until(lambda: sum(len(each["movements"]) for each in read_pages(file)) >= len(expected), 60, "read")
        finally:
            reader.kill()
            reader.wait()
    found = [(each["origin"], each["id"], each["balance"]) for page in read_pages(file) for each in page["movements"]]
    assert found == expected
