"""Customers › Import: uploading a file, its dry run, and recording it after a confirmation."""

import io
from threading import Event

import pytest
from flask import Flask
from sqlalchemy import func, select
from werkzeug.wrappers import Request

from pointsync import db
from pointsync.imports import import_task
from pointsync.models import Delivery, Movement, Task
from pointsync.runtime import get_runtime
from pointsync.schedule.task_kinds import TASK_FUNCTIONS
from pointsync.tasks import runner
from pointsync.web.upload_limits import MAX_BODY_BYTES
from tests.admin import sample_remotes
from tests.admin.page_text import text_of
from tests.support.panel_client import PanelClient

FILE = "email;points\nanna@x.example;300\nbob@x.example;-5\n"
FORM = "/customers/import"


@pytest.fixture(autouse=True)
def without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tasks do not pause between two parts."""
    monkeypatch.setattr(runner, "PAUSE_SECONDS", 0.0)


def upload(ada: PanelClient, content: str | bytes = FILE, name: str = "points.csv", **fields):
    """Send the form with a file."""
    raw = content.encode() if isinstance(content, str) else content
    return ada.send(FORM, file=(io.BytesIO(raw), name), **({"kind": "opening", "reserve": "default"} | fields))


def run_waiting_task(app: Flask) -> None:
    """Run the next background task."""
    with app.app_context():
        assert runner.run_next(TASK_FUNCTIONS, get_runtime().config.data, "w", Event())


def row_count(app: Flask, model: type = Movement) -> int:
    """How many there are."""
    with app.app_context(), db.transaction() as session:
        return session.scalar(select(func.count()).select_from(model))


@pytest.mark.parametrize(
    "database_settings", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)], indirect=True
)
def test_a_dry_run_and_then_the_import(app: Flask, ada: PanelClient) -> None:
    answer = upload(ada)
    assert (answer.status_code, answer.location) == (303, "/system/works/1")
    run_waiting_task(app)
    assert row_count(app) == 0
    text = text_of(ada.get("/system/works/1").text)
    for words in (
        "Dry run of points.csv",
        "2 lines as opening balances: 2 new",
        "Opening balances are not sent",
        "default 0 +295 295",
    ):
        assert words in text
    assert "Import everything (2) as opening balances" in text
    answer = ada.send(f"{FORM}/1/points", page="/system/works/1", lines="all")
    assert (answer.status_code, answer.location) == (303, "/system/works/2")
    run_waiting_task(app)
    assert "2 lines recorded as opening balances." in text_of(ada.get("/system/works/2").text)
    assert row_count(app) == 2
    upload(ada, kind="new")
    run_waiting_task(app)
    text = text_of(ada.get("/system/works/3").text)
    assert "2 lines were recorded before as opening balances" in text
    assert "There is nothing new to import." in text


def test_invalid_lines_are_listed_and_the_valid_ones_can_be_imported(app: Flask, ada: PanelClient) -> None:
    with app.app_context(), db.transaction() as session:
        sample_remotes.add_remote_of_each_status(session)
    assert "all 5 shops import their own file" in text_of(ada.get(FORM).text)
    upload(ada, FILE + "<b>no address;5\n", "<i>my</i>\u202e\x01 points.csv", kind="new")
    run_waiting_task(app)
    answer = ada.get("/system/works/1").text
    assert "&#34;&lt;b&gt;no address&#34; is not a valid e-mail address" in answer
    assert "<b>no" not in answer
    assert "\u202e" not in answer
    text = text_of(answer)
    assert "will be sent to 4 sites" in text
    assert "Import only the valid lines (2) as new points" in text
    assert "Download all errors (" in text
    assert ada.get("/system/works/1/file").data.decode().splitlines()[0] == "line,message"
    ada.send(f"{FORM}/1/points", page="/system/works/1", lines="all")
    run_waiting_task(app)
    assert "Nothing was recorded" in text_of(ada.get("/system/works/2").text)
    assert row_count(app) == 0
    ada.send(f"{FORM}/1/points", page="/system/works/1", lines="good")
    run_waiting_task(app)
    assert (row_count(app), row_count(app, Delivery)) == (2, 8)
    assert "These points are sent to 4 sites" in text_of(ada.get("/system/works/3").text)


BAD_UPLOADS = [
    ({"content": ""}, "The file is empty"),
    ({"content": b"PK\x03\x04"}, "Excel"),
    ({"content": "name,points\n"}, "no column has the customers"),
    ({"name": ""}, "Choose a file."),
    ({"kind": "both"}, "Choose what the file contains."),
    ({"file_format": "xlsx"}, "Choose a format from the list."),
    ({"reserve": "silver"}, "does not exist or is not active"),
]


def test_an_error_is_shown_at_its_field_and_nothing_is_stored(app: Flask, ada: PanelClient) -> None:
    for fields, words in BAD_UPLOADS:
        answer = upload(ada, **fields)
        assert answer.status_code == 422, fields
        assert words in text_of(answer.text), fields
    assert ada.send(FORM, kind="opening").status_code == 422
    assert ada.send(f"{FORM}/7/points", page=FORM).status_code == 404
    assert row_count(app, Task) == 0
    with app.app_context():
        assert list((get_runtime().config.data / "files").iterdir()) == []


def test_an_unfinished_dry_run_or_a_missing_file_is_not_imported(app: Flask, ada: PanelClient) -> None:
    upload(ada)
    assert ada.send(f"{FORM}/1/points", page=FORM).status_code == 409
    run_waiting_task(app)
    with app.app_context():
        (get_runtime().config.data / "files" / "1" / import_task.INPUT_FILE).unlink()
    assert ada.send(f"{FORM}/1/points", page=FORM).status_code == 409
    assert row_count(app, Task) == 1


def test_only_this_form_accepts_large_files_and_only_from_admins(
    app: Flask, ada: PanelClient, stranger: PanelClient
) -> None:
    large = FILE + "carl@x.example;1\n" * (MAX_BODY_BYTES // 10)
    fields = {"csrf_token": ada.token(FORM), "kind": "opening", "reserve": "default"}
    parts = [f'name="{name}"\r\n\r\n{value}\r\n' for name, value in fields.items()]
    parts.append(f'name="file"; filename="large.csv"\r\nContent-Type: text/csv\r\n\r\n{large}\r\n')
    body = "".join(f"--x\r\nContent-Disposition: form-data; {part}" for part in parts) + "--x--\r\n"
    sent = {"data": body.encode(), "content_type": "multipart/form-data; boundary=x"}
    assert stranger.post(FORM, **sent).status_code == 413
    assert ada.post("/customers/points", **sent).status_code == 413
    assert row_count(app, Task) == 0
    assert ada.post(FORM, **sent).status_code == 303
    assert row_count(app, Task) == 1


def test_a_full_disk(app: Flask, ada: PanelClient, monkeypatch: pytest.MonkeyPatch) -> None:
    with open("/dev/full", "w+b", buffering=0) as full:
        monkeypatch.setattr(Request, "_get_file_stream", lambda *_, **__: full)
        answer = upload(ada)
    assert answer.status_code == 507
    assert "the disk of this site’s server is full." in answer.text
    assert row_count(app, Task) == 0
