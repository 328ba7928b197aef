"""The tests' own support: what stands in for the world must itself be right."""

import base64
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from datetime import timedelta
from http.client import RemoteDisconnected
from pathlib import Path

import psycopg
import pytest

from pointsync import clock
from tests.support.moving_clock import START, MovingClock
from tests.support.paths import CHECKOUT
from tests.support.postgres import Cluster
from tests.support.process import SiteProcess, call, wait_until
from tests.support.woorewards_shop import ROUTE, WooRewardsSite

ANNA = "anna@shop.example"


@pytest.fixture
def sender() -> WooRewardsSite:
    """Another shop, that only sends."""
    return WooRewardsSite()


@pytest.fixture
def shop(woorewards: WooRewardsSite) -> Iterator[WooRewardsSite]:
    """A shop with one customer."""
    woorewards.add_customer(ANNA, 100)
    return woorewards


def push_movement(
    sender: WooRewardsSite, shop: WooRewardsSite, email: str = ANNA, points: int | str = 5, **more: object
):
    """A movement from `sender` to `shop`: status, answer."""
    return sender.push(shop.url, shop.auth, shop.password, more.pop("reserve", "default"), email, points, **more)


@pytest.mark.parametrize("escape", [False, True])
@pytest.mark.parametrize("email", ["anna+news@shop.example", "o'neil@shop.example", "jürgen@müller.example"])
def test_every_email_arrives_as_it_left(sender, woorewards, email, escape):
    woorewards.add_customer(email)
    status, answer = push_movement(sender, woorewards, email, 25, transaction_id=7, reason="Süß & co", escape=escape)
    assert (status, answer["status"], answer["status_code"]) == (200, "success", "s200")
    assert (answer["transaction_id"], answer["points"]) == (7, 25)
    assert woorewards.balance(email) == 25
    [received] = woorewards.requests
    assert (received.kind, received.method) == ("sync", "POST")
    assert received.form == {"source": sender.auth, "transaction_id": "7", "reason": "Süß & co"}
    assert ("%" in received.path) == (escape or "ü" in email)


@pytest.mark.parametrize(("points", "action", "balance"), [(30, "add", 130), (150, "sub", -50), (7, "set", 7)])
def test_it_adds_subtracts_and_sets(sender, shop, points, action, balance):
    assert push_movement(sender, shop, points=points, action=action)[1]["points"] == balance
    assert shop.balance(ANNA) == balance


def test_the_same_movement_is_applied_once(sender, shop):
    codes = [push_movement(sender, shop, transaction_id=1)[1]["status_code"] for _ in range(2)]
    assert codes == ["s200", "s208"]
    assert push_movement(sender, shop, transaction_id=1, source="wrk_0000000000000000")[1]["status_code"] == "s200"
    assert shop.balance(ANNA) == 110


def test_a_stranger_and_an_inactive_reserve(sender, shop):
    unknown = push_movement(sender, shop, "nobody@shop.example", transaction_id=3)[1]
    assert (unknown["status"], unknown["status_code"], unknown["transaction_id"]) == ("error", "e404", 3)
    assert "points" not in unknown
    assert push_movement(sender, shop, reserve="other")[1]["status_code"] == "e410"
    shop.inactive.add("default")
    assert push_movement(sender, shop)[1]["status_code"] == "e410"
    assert shop.applied == {}


def test_ping_tells_who_is_known(sender, shop):
    assert sender.ping(shop.url, shop.auth, shop.password, "default") == (
        200,
        {"sync": "yes", "auth": "yes", "pool": "Points"},
    )
    assert sender.ping(shop.url, shop.auth, "wrong", "default")[1]["auth"] == "no"
    assert sender.ping(shop.url, shop.auth, shop.password, "other")[1]["pool"] == ""


def test_wrong_credentials_and_wrong_paths_get_wordpress_errors(sender, shop):
    status, answer = sender.push(shop.url, shop.auth, "wrong", "default", ANNA, 5)
    assert (status, answer["code"], answer["data"]) == (401, "rest_forbidden", {"status": 401})
    for points, action in [("-5", "add"), ("5", "take")]:
        status, answer = push_movement(sender, shop, points=points, action=action)
        assert (status, answer["code"], answer["data"]) == (404, "rest_no_route", {"status": 404})
    shop.addon_installed = False
    assert sender.ping(shop.url, shop.auth, shop.password, "default")[1]["code"] == "rest_no_route"
    assert shop.balance(ANNA) == 100


def test_it_is_no_pointsync(shop):
    answer = call("POST", f"{shop.url}/pointsync/v1/ping", "{}", {"Content-Type": "application/json"})
    assert (answer.status, answer.headers.get_content_type()) == (404, "text/html")


def test_it_takes_only_forms(shop):
    basic = base64.b64encode(f"{shop.auth}:{shop.password}".encode()).decode()
    headers = {"Authorization": f"Basic {basic}", "Content-Type": "application/json"}
    answer = call("POST", f"{shop.url}{ROUTE}sync/default/{ANNA}/5/add", '{"transaction_id": 1}', headers)
    assert (answer.status, answer.body["code"]) == (400, "rest_missing_callback_param")


def test_faults_come_as_ordered(sender, shop):
    shop.fail_next(1, 503)
    assert push_movement(sender, shop, transaction_id=1)[0] == 503
    assert shop.balance(ANNA) == 100
    shop.drop_answer_next(1)
    with pytest.raises(RemoteDisconnected):
        push_movement(sender, shop, transaction_id=1)
    assert shop.balance(ANNA) == 105
    shop.wrong_transaction_id = True
    answer = push_movement(sender, shop, transaction_id=1)[1]
    assert (answer["status_code"], answer["transaction_id"]) == ("s208", 2)


def test_a_shop_that_comes_back_knows_all_it_knew(sender):
    shop = WooRewardsSite(customers=[ANNA])
    with shop:
        push_movement(sender, shop)
    with pytest.raises(ConnectionRefusedError):
        push_movement(sender, shop)
    with shop:
        assert push_movement(sender, shop)[1]["points"] == 10


def test_a_shop_stands_alone(sender):
    auth, password = "wrk_0123456789abcdef", "wrs_AbCdEf0123456789"
    command = [sys.executable, "-m", "tests.support.woorewards_shop", "--auth", auth, "--pass", password]
    with subprocess.Popen([*command, "--customer", ANNA], cwd=CHECKOUT, stdout=subprocess.PIPE, text=True) as shop:
        try:
            url, key = shop.stdout.readline().split()
            assert key == f"{url.removeprefix('http://')}|{auth}:{password}"
            assert sender.push(url, auth, password, "default", ANNA, 5)[1]["points"] == 5
            shop.send_signal(signal.SIGTERM)
            assert shop.wait(10) == 0
        finally:
            shop.kill()


@pytest.mark.postgres
def test_a_database_of_its_own(postgres_cluster: Cluster):
    url = postgres_cluster.create_database()
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
        assert connection.execute("SHOW server_encoding").fetchone() == ("UTF8",)
        postgres_cluster.drop(url)
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")


@pytest.mark.postgres
@pytest.mark.usefixtures("postgres_cluster")  # skips where there is no PostgreSQL; other tests use that one meanwhile
def test_what_was_committed_survives_a_crash():
    with Cluster() as cluster:
        url = cluster.create_database()
        with psycopg.connect(url) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 1")
        cluster.restart("immediate")
        with psycopg.connect(url) as connection:
            assert connection.execute("SELECT * FROM kept").fetchall() == [(1,)]


def test_each_kind_of_database(database_url, request):
    assert database_url.split(":")[0] == request.node.callspec.params["database_url"]
    assert (request.node.get_closest_marker("postgres") is not None) == database_url.startswith("postgresql")
    assert request.node.get_closest_marker("unit")


def test_waiting_ends_with_what_was_seen():
    assert wait_until(iter([0, 0, 3]).__next__, 5, "a number") == 3
    with pytest.raises(AssertionError, match=r"a third row; last value: \[\]"):
        wait_until(list, 0.05, "a third row")


def test_the_clock_moves_only_when_told(moving_clock: MovingClock):
    assert clock.now() == START
    moving_clock.advance(timedelta(seconds=180))
    assert clock.now() - START == timedelta(seconds=180)


class FakeSiteProcess(SiteProcess):
    """A process handled like a site, before and apart from the application."""

    source = """
        import http.server, json, os, subprocess, sys
        if sys.argv[1] != "serve":
            told = {"args": sys.argv[1:], "input": sys.stdin.read(), "data": os.environ["POINTSYNC_DATA"]}
            print(json.dumps(told))
            sys.exit(1 if sys.argv[1] == "refuse" else 0)
        if "BROKEN" in os.environ:
            sys.exit("no such database")
        child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.end_headers()
                self.wfile.write(f"{os.getpid()} {child.pid} {self.headers['Authorization']}".encode())
        http.server.HTTPServer(("127.0.0.1", int(sys.argv[3])), Handler).serve_forever()
    """
    command = (sys.executable, "-c", textwrap.dedent(source))


def test_a_process_starts_dies_and_comes_back(tmp_path: Path, monkeypatch):
    monkeypatch.setenv("POINTSYNC_SITE_NAME", "the developer's own")
    with FakeSiteProcess(tmp_path) as site:
        assert "POINTSYNC_SITE_NAME" not in site.env
        first, child, key = site.api("GET", "/healthz", key="k").body.split(" ", 2)
        assert key == "Bearer k"
        site.restart()
        assert site.api("GET", "/healthz").body.split()[0] != first
        wait_until(lambda: not _is_running(child), 5, "the killed site's child is gone too")
        assert site.terminate() == -signal.SIGTERM
        assert "GET /healthz" in site.log_tail()
    assert site.cli("balance", ANNA, input="x") == {
        "args": ["balance", ANNA, "--json"],
        "input": "x",
        "data": str(tmp_path),
    }
    assert site.cli("refuse", expect=1)
    with pytest.raises(AssertionError, match="refuse gave 1"):
        site.cli("refuse")


def test_a_process_that_cannot_start_says_why(tmp_path: Path):
    with pytest.raises(AssertionError, match=r"ended with 1[\s\S]*no such database"):
        FakeSiteProcess(tmp_path, env={"BROKEN": "1"}).start()


def _is_running(pid: str) -> bool:
    """Whether that process exists and is more than an entry waiting for its parent."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False
