"""System › Activity: background tasks are shown and stopped, and their files downloaded."""

from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import update

from pointsync import clock, db, leases
from pointsync.models import Task
from pointsync.runtime import get_runtime
from pointsync.tasks import tasks
from tests.admin.page_text import text_of
from tests.support.moving_clock import MovingClock
from tests.support.panel_client import NAME, PanelClient
from tests.support.queries import record_queries

HOSTILE = "Count <b>sheep</b>\u202e"


def create_task(app: Flask, title: str = "Sheep counted", **values) -> int:
    """Create a task requested by Bob, and set its columns to `values`; its id."""

    def enqueue_task(session) -> int:
        fields = {"kind": "sheep", "title": title, "unit": "sheep", "asked_by": "Bob", "now": clock.now()}
        task = tasks.enqueue(session, get_runtime().config.data, **fields)
        session.execute(update(Task).where(Task.id == task.id).values(values or {"unit": "sheep"}))
        return task.id

    with app.app_context():
        return db.run_in_transaction(enqueue_task)


def add_heartbeat(app: Flask, holder: str = "w") -> None:
    """Add a running worker."""
    with app.app_context(), db.transaction() as session:
        leases.record_heartbeat(session, holder)


def get_task(app: Flask, task_id: int) -> Task:
    """The task as stored."""
    with app.app_context(), db.transaction() as session:
        return tasks.get(session, task_id)


def test_no_tasks_yet(ada: PanelClient) -> None:
    assert "No background tasks in the last 7 days." in ada.get("/system/works").text
    assert ada.get("/system/works/1").status_code == 404
    assert ada.get("/system/works/1/file").status_code == 404
    assert ada.get("/system/works/9223372036854775808").status_code == 404
    assert ada.send("/system/works/1/stop", page="/system/general").status_code == 404
    assert 'id="tasks" data-live=""></div>' in ada.get("/").text


def test_a_running_task_is_shown_on_three_pages(app: Flask, ada: PanelClient, moving_clock: MovingClock) -> None:
    add_heartbeat(app)
    ends_at = clock.now() + timedelta(hours=2)
    task_id = create_task(app, HOSTILE, state="running", holder="w", done=12_000, total=1_000_000, ends_at=ends_at)
    for path in ("/", "/system/works", f"/system/works/{task_id}"):
        text = ada.get(path).text
        assert "12,000 of 1,000,000 sheep" in text
        assert "Count &lt;b&gt;sheep&lt;/b&gt;" in text
        assert "\u202e" not in text
        assert f'href="/system/works/{task_id}' in text or f"/system/works/{task_id}/stop" in text
        assert "No worker is running" not in text
    assert 'max="1000000" value="12000"' in text
    assert f"Estimated finish {ends_at:%-d %b %Y, %H:%M}" in text_of(text)
    assert f'data-refresh-url="/system/works/{task_id}"' in text
    create_task(app, "The next one")
    assert "It starts when the previous task finishes: Count" in text_of(ada.get("/system/works/2").text)


def test_an_unknown_total(app: Flask, ada: PanelClient) -> None:
    text = ada.get(f"/system/works/{create_task(app, state='running', done=5)}").text
    assert "5 sheep</span>" in text
    assert '<progress class="progress-bar" aria-label' in text


def test_stop(app: Flask, ada: PanelClient) -> None:
    waits, runs, ended = (
        create_task(app),
        create_task(app, state="running"),
        create_task(app, state="done", finished_at=clock.now()),
    )
    assert ada.post(f"/system/works/{waits}/stop").status_code == 400
    assert get_task(app, waits).state == "waiting"
    for task_id, state, words in (
        (waits, "stopped", "Stopped."),
        (runs, "stopping", "Stopping after the current step."),
        (ended, "done", "It has already finished."),
    ):
        answer = ada.send(f"/system/works/{task_id}/stop", page="/system/general")
        assert (answer.status_code, answer.location) == (303, f"/system/works/{task_id}")
        assert get_task(app, task_id).state == state
        text = ada.get(answer.location).text
        assert words in text
        assert f"/system/works/{task_id}/stop" not in text
    assert get_task(app, runs).message == f"Stopped by {NAME}."


@pytest.mark.parametrize(
    ("is_alive", "age_minutes", "others", "words"),
    [
        (False, 0, False, "No worker is running, so tasks do not start."),
        (True, 0, False, None),
        (True, 2, False, "No worker has started this task."),
        (True, 2, True, None),
    ],
)
def test_why_it_does_not_start(
    app: Flask, ada: PanelClient, is_alive: bool, age_minutes: int, others: bool, words: str | None
) -> None:
    if is_alive:
        add_heartbeat(app)
    if others:
        create_task(app, "Before", state="running", holder="w")
    task_id = create_task(app, asked_at=clock.now() - timedelta(minutes=age_minutes))
    for path in ("/system/works", f"/system/works/{task_id}"):
        text = ada.get(path).text
        assert ("notice-warning" in text.partition('id="task')[2]) == bool(words)
        assert words is None or words in text


def test_only_admins_download_the_file(app: Flask, ada: PanelClient, stranger: PanelClient) -> None:
    task_id = create_task(app, state="done", finished_at=clock.now(), result={"file": "sheep.csv"})
    path = f"/system/works/{task_id}/file"
    assert ada.get(path).status_code == 404
    assert "The file is missing." in ada.get(f"/system/works/{task_id}").text
    with app.app_context():
        place = tasks.folder_path(get_runtime().config.data, task_id)
    (place / "sheep.csv").write_bytes("name\nDölly\n".encode())
    assert "Download the file (12 bytes)" in ada.get(f"/system/works/{task_id}").text
    answer = ada.get(path)
    assert answer.data == "name\nDölly\n".encode()
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"] == "attachment; filename=sheep.csv"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "no-store"
    assert stranger.get(path).location == f"/sign-in?next={path}"
    with app.app_context():
        db.run_in_transaction(lambda session: tasks.prune(session, clock.now() + timedelta(days=8)))
    assert ada.get(path).status_code == 404


def test_a_failed_task_says_why(app: Flask, ada: PanelClient) -> None:
    task_id = create_task(app, state="failed", finished_at=clock.now(), message="Line 7 has <no> points.\u202e")
    for path in ("/system/works", f"/system/works/{task_id}"):
        assert "<bdi>Line 7 has &lt;no&gt; points.</bdi>" in ada.get(path).text


def test_its_queries_do_not_grow_with_the_list(app: Flask, ada: PanelClient) -> None:
    def count_queries() -> int:
        with app.app_context(), record_queries() as queries:
            assert ada.get("/system/works").status_code == 200
        return len(queries)

    create_task(app)
    query_count = count_queries()
    for _ in range(5):
        create_task(app)
    assert count_queries() == query_count
