"""Points and Rewards: the points reserves, their ids, and deactivating one."""

import re

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from pointsync import db
from pointsync.errors import DomainError
from pointsync.ledger import reserves
from pointsync.ledger.rewards import levels, rewards
from pointsync.models import Remote, Reserve
from tests.admin import sample_remotes
from tests.admin.conftest import BOTH_DATABASES
from tests.admin.page_text import field_errors, main_text
from tests.support.panel_client import PanelClient
from tests.support.queries import record_queries
from tests.support.site_template import run_in_transaction

PAGE = "/points-and-rewards"
ADD = f"{PAGE}/reserves/add"
EDIT = f"{PAGE}/reserves/default/edit"


def stored_reserves(app: Flask) -> dict[str, tuple[str, bool, bool]]:
    """The reserves by key: name, whether active, whether they may go below zero."""
    with app.app_context():
        rows = db.session.scalars(select(Reserve))
        return {each.key: (each.name, each.is_active, each.may_go_below_zero) for each in rows}


@pytest.mark.parametrize("database_settings", BOTH_DATABASES, indirect=True)
def test_the_list_has_ids_and_observers(app: Flask, ada: PanelClient) -> None:
    def change(session: Session) -> None:
        sample_remotes.add_remote_of_each_status(session)
        session.get_one(Remote, 3).deleted_at = sample_remotes.CREATED_AT
        gold = reserves.create(session, "gold", "Gold points", sample_remotes.CREATED_AT, may_go_below_zero=True)
        old = reserves.create(session, "old", None, sample_remotes.CREATED_AT, is_active=False)
        rewards.create(session, gold, "Mug", "", 500, sample_remotes.CREATED_AT)
        for reserve, title in ((gold, "Silver"), (gold, "Gold"), (old, "Silver")):
            levels.create(session, reserve, title, "", 1000, sample_remotes.CREATED_AT)
        sample_remotes.add_remote(session, "https://five.test", "wrk_" + "5" * 16, "gold")

    run_in_transaction(app, change)
    text = main_text(ada.get(PAGE).text)
    assert "Target Point Reserve" in text
    of_points = "Points default Active Not allowed Never None yet of Points 3 remotes"
    assert f"{of_points} https://shop-1.test/points , Shop 2 and Shop 4" in text
    assert "Gold points gold Active Allowed Never 1 reward, 2 levels of Gold points 1 remote https://five.test" in text
    assert "old old Not active Not allowed Never 1 level of old No remote" in text


@pytest.mark.parametrize("database_settings", BOTH_DATABASES, indirect=True)
def test_a_reserve_is_added(app: Flask, ada: PanelClient) -> None:
    answer = ada.send(ADD, key=" gold-points ", name="Gold", is_active="y", may_go_below_zero="y")
    assert (answer.status_code, answer.location) == (303, PAGE)
    assert stored_reserves(app)["gold-points"] == ("Gold", True, True)
    assert "Created the points reserve Gold." in ada.get(PAGE).text
    assert ada.send(ADD, key="x", name="  ").status_code == 303
    assert stored_reserves(app)["x"] == ("x", False, False)


@pytest.mark.parametrize(
    ("typed", "field", "sentence"),
    [
        ({}, "key", "Type letters, digits"),
        ({"key": "no such!"}, "key", "Type letters, digits"),
        ({"key": "a" * 65}, "key", "at most 64"),
        ({"key": "gold\0"}, "key", "Type letters, digits"),
        ({"key": "\ud800"}, "key", "Type letters, digits"),
        ({"key": "default"}, "key", "default is taken; type another one"),
        ({"key": "gold", "name": "a" * 192}, "name", "At most 191 characters"),
        ({"key": "gold", "name": "a\nb"}, "name", "control characters"),
        ({"key": "gold", "name": "\0"}, "name", "control characters"),
    ],
)
def test_an_error_is_shown_at_its_field(
    app: Flask, ada: PanelClient, typed: dict[str, str], field: str, sentence: str
) -> None:
    before = stored_reserves(app)
    token = ada.token(ADD)
    body = "&".join(
        f"{name}={''.join(f'%{byte:02X}' for byte in value.encode('utf-8', 'surrogatepass'))}"
        for name, value in (typed | {"csrf_token": token}).items()
    )
    answer = ada.post(ADD, body, content_type="application/x-www-form-urlencoded")
    assert answer.status_code == 422
    errors = field_errors(answer.text)
    assert list(errors) == [field]
    assert sentence in errors[field]
    assert stored_reserves(app) == before


def test_typed_values_are_kept(ada: PanelClient) -> None:
    text = ada.send(ADD, key="no such!", name="<b>Gold</b>", may_go_below_zero="y").text
    assert 'value="no such!"' in text
    assert 'value="&lt;b&gt;Gold&lt;/b&gt;"' in text
    assert re.search(r'<input[^>]* checked[^>]* id="may_go_below_zero"', text)
    assert not re.search(r'<input[^>]* checked[^>]* id="is_active"', text)


@pytest.mark.parametrize("database_settings", BOTH_DATABASES, indirect=True)
def test_everything_but_the_id_can_change(app: Flask, ada: PanelClient) -> None:
    text = ada.get(EDIT).text
    assert 'name="key"' not in text
    assert re.search(r'<code id="reserve-id">default</code>', text)
    answer = ada.send(EDIT, name=" Stars ", is_active="y", may_go_below_zero="y", key="other")
    assert answer.status_code == 303
    assert stored_reserves(app) == {"default": ("Stars", True, True)}
    assert "Saved Stars." in ada.get(PAGE).text


@pytest.mark.parametrize(
    ("name", "sentence"), [("", "Type a name"), ("   ", "Type a name"), ("a" * 192, "At most 191"), ("\0", "control")]
)
def test_an_invalid_name_changes_nothing(app: Flask, ada: PanelClient, name: str, sentence: str) -> None:
    before = stored_reserves(app)
    answer = ada.send(EDIT, name=name, is_active="y", may_go_below_zero="y")
    assert answer.status_code == 422
    assert sentence in field_errors(answer.text)["name"]
    assert stored_reserves(app) == before


@pytest.mark.parametrize("database_settings", BOTH_DATABASES, indirect=True)
def test_a_reserve_without_remotes_is_deactivated_at_once(app: Flask, ada: PanelClient) -> None:
    assert ada.send(EDIT, name="Points").status_code == 303
    assert stored_reserves(app)["default"] == ("Points", False, False)
    assert "Points is not active now" in ada.get(PAGE).text
    with app.app_context(), pytest.raises(DomainError, match="not active"), db.transaction() as session:
        sample_remotes.record_waiting(session, 1)
    assert ada.send(EDIT, name="Points", is_active="y").status_code == 303
    run_in_transaction(app, lambda session: sample_remotes.record_waiting(session, 1))


@pytest.mark.parametrize("database_settings", BOTH_DATABASES, indirect=True)
def test_deactivating_an_observed_reserve_needs_a_confirmation(app: Flask, ada: PanelClient) -> None:
    run_in_transaction(app, sample_remotes.add_remote_of_each_status)
    answer = ada.send(EDIT, name="Points of old")
    assert answer.status_code == 422
    text = main_text(answer.text)
    assert "https://shop-1.test/points , Shop 2 , Shop 3 and 1 more observe this reserve." in text
    assert "their remote for this site turns red" in text
    assert 'value="Points of old"' in answer.text
    assert stored_reserves(app)["default"] == ("Points", True, False)
    answer = ada.send(EDIT, name="", confirmed="1")
    assert answer.status_code == 422
    assert 'name="confirmed"' in answer.text
    assert stored_reserves(app)["default"] == ("Points", True, False)
    assert ada.send(EDIT, name="Points of old", confirmed="1").status_code == 303
    assert stored_reserves(app)["default"] == ("Points of old", False, False)
    assert ada.send(EDIT, name="Points").status_code == 303, "it is inactive already"


def test_hostile_names_are_text(app: Flask, ada: PanelClient) -> None:
    def change(session: Session) -> None:
        session.get_one(Reserve, 1).name = "<script>alert(1)</script>\u202e"
        sample_remotes.add_remote(
            session, "https://two.test", "wrk_" + "2" * 16
        ).name = "<script>alert(2)</script>\u202e"

    run_in_transaction(app, change)
    for text in (ada.get(PAGE).text, ada.get(EDIT).text, ada.send(EDIT, name="<script>alert(3)</script>").text):
        assert "<script>alert" not in text
        assert "\u202e" not in re.sub(r'value="[^"]*"', "", text)


@pytest.mark.parametrize("key", ["gold", "%00", "%ff", "a" * 3000, "default%0a", "1", "..%2fdefault"])
def test_a_reserve_that_does_not_exist(ada: PanelClient, key: str) -> None:
    path = f"{PAGE}/reserves/{key}/edit"
    assert ada.get(path).status_code == 404
    assert ada.send(path, ADD, name="x", is_active="y").status_code in (404, 405)


def test_visitors_see_and_change_nothing(app: Flask, stranger: PanelClient) -> None:
    before = stored_reserves(app)
    for path in (PAGE, ADD, EDIT):
        assert stranger.get(path).location.startswith("/sign-in?next=")
    for path in (ADD, EDIT):
        token = stranger.token()
        assert stranger.post(path, {"csrf_token": token, "key": "gold", "name": "x"}).status_code == 303
    assert stored_reserves(app) == before


def test_a_form_needs_its_token(app: Flask, ada: PanelClient) -> None:
    before = stored_reserves(app)
    assert ada.post(ADD, {"key": "gold"}).status_code == 400
    assert ada.post(EDIT, {"name": "x"}).status_code == 400
    assert stored_reserves(app) == before


def test_the_number_of_queries_does_not_grow(app: Flask, ada: PanelClient) -> None:
    def query_count() -> int:
        with app.app_context(), record_queries() as found:
            assert ada.get(PAGE).status_code == 200
        return len(found)

    def more(session: Session) -> None:
        for number in range(8):
            sample_remotes.add_reserve(session, f"r{number}")
            sample_remotes.add_remote(session, f"https://more-{number}.test", f"wrk_{number + 100:016x}", f"r{number}")

    run_in_transaction(app, sample_remotes.add_remote_of_each_status)
    few = query_count()
    run_in_transaction(app, more)
    assert query_count() == few
