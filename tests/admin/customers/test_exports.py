"""Export as CSV from the lists: with the list's filters, downloaded from the page of the task."""

import csv
import re

import pytest
from flask import Flask

from pointsync import clock, db
from pointsync.ledger import reserves
from pointsync.ledger.record import Draft, record
from pointsync.models import Task
from pointsync.schedule import ticks
from pointsync.tasks import tasks
from tests.admin import sample_remotes
from tests.support.panel_client import NAME, PanelClient
from tests.support.site_template import run_in_transaction

ANNA, BOB = "anna@shop.example", "bob@shop.example"
FORM = re.compile(r'<form method="post" action="([^"]+/export)">(.*?)</form>', re.DOTALL)
FIELD = re.compile(r'<input type="hidden" name="(\w+)" value="([^"]*)">')


@pytest.fixture
def two_of_everything(app: Flask) -> Flask:
    """Two reserves, two customers, two remotes."""

    def fill(session) -> None:
        reserves.create(session, "gold", "Gold", clock.now())
        sample_remotes.add_remote(session, "https://tea.test", "wrk_" + "1" * 16)
        drafts = [Draft(ANNA, 5), Draft(BOB, 7), Draft(ANNA, 9, reserve="gold"), Draft(ANNA, -2)]
        record(session, drafts, "test", clock.now())

    run_in_transaction(app, fill)
    return app


def press_export(visitor: PanelClient, path: str) -> str:
    """Press Export as CSV on the page at `path`. Returns the URL of the task."""
    action, inside = FORM.findall(visitor.get(path).text)[0]
    answer = visitor.post(action, dict(FIELD.findall(inside)))
    assert answer.status_code == 303, answer.text
    return answer.location


@pytest.mark.parametrize(
    ("path", "title", "exported"),
    [
        ("/customers", "Customers as CSV", [(ANNA, "3"), (ANNA, "9"), (BOB, "7")]),
        ("/customers?q=B", "Customers as CSV: e-mail beginning with B", [(BOB, "7")]),
        ("/customers?order=-points&reserve=gold", "Customers as CSV: points in Gold", [(ANNA, "9")]),
        ("/customers?order=newest&reserve=gold", "Customers as CSV", [(ANNA, "3"), (ANNA, "9"), (BOB, "7")]),
        ("/customers/1", f"Movements as CSV: of {ANNA}", [(ANNA, "5"), (ANNA, "9"), (ANNA, "-2")]),
        ("/customers/1?reserve=gold", f"Movements as CSV: of {ANNA}, points in Gold", [(ANNA, "9")]),
        ("/system/activity", "Deliveries as CSV", [(ANNA, "5"), (BOB, "7"), (ANNA, "-2")]),
        (
            f"/system/activity?state=pending&remote=1&customer={BOB.upper()}",
            f"Deliveries as CSV: pending, to https://tea.test, of {BOB}",
            [(BOB, "7")],
        ),
    ],
)
def test_the_list_is_exported_with_its_filters(
    two_of_everything: Flask, ada: PanelClient, path: str, title: str, exported: list
) -> None:
    task_url = press_export(ada, path)
    assert f"<title>{title} · PointSync" in ada.get(task_url).text
    with two_of_everything.app_context():
        ticks.run_tasks()
        task = tasks.get(db.session(), 1)
        assert (task.asked_by, task.state) == (NAME, "done")
    text = ada.get(task_url).text
    assert f"{len(exported)} of {len(exported)} lines" in text
    answer = ada.get(f"{task_url}/file")
    assert re.fullmatch(r"attachment; filename=[a-z]+-\d{4}-\d\d-\d\d\.csv", answer.headers["Content-Disposition"])
    lines = csv.DictReader(answer.data.decode().splitlines())
    assert [(line["customer"], line["points"]) for line in lines] == exported


def test_no_button_below_an_empty_list(app: Flask, ada: PanelClient) -> None:
    for path in ("/customers", "/system/activity", "/customers?order=wrong", "/system/activity?remote=99"):
        assert "Export as CSV</button>" not in ada.get(path).text


def test_an_invalid_request_starts_no_task(two_of_everything: Flask, ada: PanelClient, stranger: PanelClient) -> None:
    refused = {
        ("/customers/export", "q", "a\0"): 409,
        ("/customers/export", "reserve", "silver"): 404,
        ("/customers/1/export", "reserve", "\0" * 500): 404,
        ("/customers/99/export", "reserve", ""): 404,
        ("/system/activity/export", "remote", "9" * 40): 404,
        ("/system/activity/export", "state", "lost"): 409,
        ("/system/activity/export", "customer", "nobody@shop.example"): 404,
        ("/system/activity/export", "customer", "nobody"): 409,
    }
    for (path, name, value), code in refused.items():
        answer = ada.send(path, page="/system/general", **{name: value})
        assert answer.status_code == code, (path, name, answer.text)
        assert ada.post(path, {name: value}).status_code == 400
        assert stranger.post(path).status_code == 400
    run_in_transaction(
        two_of_everything, lambda session: session.query(Task).count() == 0 or pytest.fail("a task was started")
    )


def test_too_many_tasks_at_once(two_of_everything: Flask, ada: PanelClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "MAX_UNFINISHED", 1)
    press_export(ada, "/customers")
    answer = ada.send("/customers/export", page="/system/general")
    assert answer.status_code == 409
    assert "Wait until one is done, or stop one" in answer.text
