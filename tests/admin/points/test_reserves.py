"""Points and Rewards: the points reserves, their ids, and what making one inactive comes to."""

import re

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from pointsync import db
from pointsync.errors import Refused
from pointsync.ledger import reserves
from pointsync.ledger.rewards import levels, rewards
from pointsync.models import Remote, Reserve
from tests.admin import sample_remotes
from tests.admin.conftest import BOTH
from tests.admin.page_text import words, wrong
from tests.support.panel_client import Visitor
from tests.support.queries import watched
from tests.support.site_template import change

PAGE = "/points-and-rewards"
ADD = f"{PAGE}/reserves/add"
EDIT = f"{PAGE}/reserves/default/edit"


def kept(app: Flask) -> dict[str, tuple[str, bool, bool]]:
    """The reserves by key: name, active or not, whether they may go below zero."""
    with app.app_context():
        rows = db.db.session.scalars(select(Reserve))
        return {each.key: (each.name, each.is_active, each.may_go_below_zero) for each in rows}


@pytest.mark.parametrize("where", BOTH, indirect=True)
def test_each_reserve_is_told_with_its_id_and_its_observers(app: Flask, ada: Visitor) -> None:
    def work(session: Session) -> None:
        sample_remotes.add_four(session)
        session.get_one(Remote, 3).deleted_at = sample_remotes.MADE
        gold = reserves.add(session, "gold", "Gold points", sample_remotes.MADE, may_go_below_zero=True)
        old = reserves.add(session, "old", None, sample_remotes.MADE, is_active=False)
        rewards.add(session, gold, "Mug", "", 500, sample_remotes.MADE)
        for reserve, title in ((gold, "Silver"), (gold, "Gold"), (old, "Silver")):
            levels.add(session, reserve, title, "", 1000, sample_remotes.MADE)
        sample_remotes.add(session, "https://five.test", "wrk_" + "5" * 16, "gold")

    change(app, work)
    text = words(ada.get(PAGE).text)
    assert "Target Point Reserve" in text
    of_points = "Points default Active Not allowed Never None yet of Points 3 remotes"
    assert f"{of_points} https://shop-1.test/points , Shop 2 and Shop 4" in text
    assert "Gold points gold Active Allowed Never 1 reward, 2 levels of Gold points 1 remote https://five.test" in text
    assert "old old Not active Not allowed Never 1 level of old No remote" in text


@pytest.mark.parametrize("where", BOTH, indirect=True)
def test_a_reserve_is_added(app: Flask, ada: Visitor) -> None:
    answer = ada.send(ADD, key=" gold-points ", name="Gold", is_active="y", may_go_below_zero="y")
    assert (answer.status_code, answer.location) == (303, PAGE)
    assert kept(app)["gold-points"] == ("Gold", True, True)
    assert "The points reserve Gold is made." in ada.get(PAGE).text
    assert ada.send(ADD, key="x", name="  ").status_code == 303
    assert kept(app)["x"] == ("x", False, False)


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
@pytest.mark.parametrize("where", BOTH, indirect=True)
def test_what_cannot_be_added_is_told_at_its_field(
    app: Flask, ada: Visitor, typed: dict[str, str], field: str, sentence: str
) -> None:
    before = kept(app)
    token = ada.token(ADD)
    body = "&".join(
        f"{name}={''.join(f'%{byte:02X}' for byte in value.encode('utf-8', 'surrogatepass'))}"
        for name, value in (typed | {"csrf_token": token}).items()
    )
    answer = ada.post(ADD, body, content_type="application/x-www-form-urlencoded")
    assert answer.status_code == 422
    told = wrong(answer.text)
    assert list(told) == [field]
    assert sentence in told[field]
    assert kept(app) == before


def test_what_was_typed_is_kept(ada: Visitor) -> None:
    text = ada.send(ADD, key="no such!", name="<b>Gold</b>", may_go_below_zero="y").text
    assert 'value="no such!"' in text
    assert 'value="&lt;b&gt;Gold&lt;/b&gt;"' in text
    assert re.search(r'<input[^>]* checked[^>]* id="may_go_below_zero"', text)
    assert not re.search(r'<input[^>]* checked[^>]* id="is_active"', text)


@pytest.mark.parametrize("where", BOTH, indirect=True)
def test_all_but_its_id_is_changed(app: Flask, ada: Visitor) -> None:
    text = ada.get(EDIT).text
    assert 'name="key"' not in text
    assert re.search(r'<code id="reserve-id">default</code>', text)
    answer = ada.send(EDIT, name=" Stars ", is_active="y", may_go_below_zero="y", key="other")
    assert answer.status_code == 303
    assert kept(app) == {"default": ("Stars", True, True)}
    assert "Stars is saved." in ada.get(PAGE).text


@pytest.mark.parametrize(
    ("name", "sentence"), [("", "Type a name"), ("   ", "Type a name"), ("a" * 192, "At most 191"), ("\0", "control")]
)
def test_a_name_that_cannot_be_changes_nothing(app: Flask, ada: Visitor, name: str, sentence: str) -> None:
    before = kept(app)
    answer = ada.send(EDIT, name=name, is_active="y", may_go_below_zero="y")
    assert answer.status_code == 422
    assert sentence in wrong(answer.text)["name"]
    assert kept(app) == before


@pytest.mark.parametrize("where", BOTH, indirect=True)
def test_one_that_nobody_observes_is_made_inactive_at_once(app: Flask, ada: Visitor) -> None:
    assert ada.send(EDIT, name="Points").status_code == 303
    assert kept(app)["default"] == ("Points", False, False)
    assert "Points takes no points now" in ada.get(PAGE).text
    with app.app_context(), pytest.raises(Refused, match="not active"), db.write() as session:
        sample_remotes.let_wait(session, 1)
    assert ada.send(EDIT, name="Points", is_active="y").status_code == 303
    change(app, lambda session: sample_remotes.let_wait(session, 1))


@pytest.mark.parametrize("where", BOTH, indirect=True)
def test_one_that_remotes_observe_is_asked_about_once_more(app: Flask, ada: Visitor) -> None:
    change(app, sample_remotes.add_four)
    answer = ada.send(EDIT, name="Points of old")
    assert answer.status_code == 422
    text = words(answer.text)
    assert "https://shop-1.test/points , Shop 2 , Shop 3 and 1 more observe this reserve." in text
    assert "their line for this site turns red" in text
    assert 'value="Points of old"' in answer.text
    assert kept(app)["default"] == ("Points", True, False)
    answer = ada.send(EDIT, name="", told="1")
    assert answer.status_code == 422
    assert 'name="told"' in answer.text
    assert kept(app)["default"] == ("Points", True, False)
    assert ada.send(EDIT, name="Points of old", told="1").status_code == 303
    assert kept(app)["default"] == ("Points of old", False, False)
    assert ada.send(EDIT, name="Points").status_code == 303, "it is inactive already"


def test_hostile_names_are_text(app: Flask, ada: Visitor) -> None:
    def work(session: Session) -> None:
        session.get_one(Reserve, 1).name = "<script>alert(1)</script>\u202e"
        sample_remotes.add(session, "https://two.test", "wrk_" + "2" * 16).name = "<script>alert(2)</script>\u202e"

    change(app, work)
    for text in (ada.get(PAGE).text, ada.get(EDIT).text, ada.send(EDIT, name="<script>alert(3)</script>").text):
        assert "<script>alert" not in text
        assert "\u202e" not in re.sub(r'value="[^"]*"', "", text)


@pytest.mark.parametrize("key", ["gold", "%00", "%ff", "a" * 3000, "default%0a", "1", "..%2fdefault"])
def test_a_reserve_that_is_not_there(ada: Visitor, key: str) -> None:
    path = f"{PAGE}/reserves/{key}/edit"
    assert ada.get(path).status_code == 404
    assert ada.send(path, ADD, name="x", is_active="y").status_code in (404, 405)


def test_strangers_see_and_change_nothing(app: Flask, stranger: Visitor) -> None:
    before = kept(app)
    for path in (PAGE, ADD, EDIT):
        assert stranger.get(path).location.startswith("/sign-in?next=")
    for path in (ADD, EDIT):
        token = stranger.token()
        assert stranger.post(path, {"csrf_token": token, "key": "gold", "name": "x"}).status_code == 303
    assert kept(app) == before


def test_a_form_needs_its_token(app: Flask, ada: Visitor) -> None:
    before = kept(app)
    assert ada.post(ADD, {"key": "gold"}).status_code == 400
    assert ada.post(EDIT, {"name": "x"}).status_code == 400
    assert kept(app) == before


def test_its_queries_do_not_grow_with_the_list(app: Flask, ada: Visitor) -> None:
    def asked() -> int:
        with app.app_context(), watched() as found:
            assert ada.get(PAGE).status_code == 200
        return len(found)

    def more(session: Session) -> None:
        for number in range(8):
            sample_remotes.add_reserve(session, f"r{number}")
            sample_remotes.add(session, f"https://more-{number}.test", f"wrk_{number + 100:016x}", f"r{number}")

    change(app, sample_remotes.add_four)
    few = asked()
    change(app, more)
    assert asked() == few
