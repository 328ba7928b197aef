"""Points and Rewards: a reserve's rewards and levels, added, changed, made inactive."""

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from pointsync import db
from pointsync.ledger import reserves
from pointsync.ledger.rewards import levels, rewards
from tests.admin.conftest import BOTH
from tests.admin.page_text import words, wrong
from tests.admin.sample_remotes import MADE
from tests.support.panel_client import Visitor
from tests.support.queries import watched
from tests.support.site_template import change

PAGE = "/points-and-rewards/reserves/default/rewards"
ADDS = {"rewards": f"{PAGE}/add", "levels": "/points-and-rewards/reserves/default/levels/add"}
EDITS = {"rewards": f"{PAGE}/1/edit", "levels": "/points-and-rewards/reserves/default/levels/1/edit"}
WHAT = pytest.mark.parametrize("what", ["rewards", "levels"])


def kept(app: Flask, key: str = "default") -> dict[str, list[tuple[str, str, int, bool]]]:
    """The reserve's rewards and levels."""
    with app.app_context():
        session = db.db.session()
        reserve = reserves.get(session, key)
        return {
            "rewards": [
                (each.title, each.description, each.cost, each.is_active) for each in rewards.every(session, reserve)
            ],
            "levels": [
                (each.title, each.description, each.points, each.is_active) for each in levels.every(session, reserve)
            ],
        }


@pytest.fixture
def offered(app: Flask) -> Flask:
    """A mug for 50 points, and Silver at 1,000."""

    def work(session: Session) -> None:
        reserve = reserves.get(session, "default")
        rewards.add(session, reserve, "Mug", "A blue one", 50, MADE)
        levels.add(session, reserve, "Silver", "", 1000, MADE)

    change(app, work)
    return app


def test_nothing_yet(ada: Visitor) -> None:
    text = words(ada.get(PAGE).text)
    assert "No rewards yet." in text
    assert "No levels yet." in text
    assert "not active" not in text


@pytest.mark.parametrize("where", BOTH, indirect=True)
def test_each_is_told(offered: Flask, ada: Visitor) -> None:
    change(
        offered, lambda session: rewards.change(session, reserves.get(session, "default"), 1, "Mug", "", 1500, False)
    )
    change(offered, lambda session: reserves.change(session, "default", "Points", False, False))
    text = words(ada.get(PAGE).text)
    assert "This points reserve is not active." in text
    assert "Mug 1,500 Not active" in text
    assert "Silver 1,000 Active" in text


@WHAT
@pytest.mark.parametrize("where", BOTH, indirect=True)
def test_one_is_added(app: Flask, ada: Visitor, what: str) -> None:
    answer = ada.send(ADDS[what], title=" A <b>thing</b> ", points=" 500 ", description=" & more ")
    assert (answer.status_code, answer.location) == (303, PAGE)
    assert kept(app)[what] == [("A <b>thing</b>", "& more", 500, True)]
    text = ada.get(PAGE).text
    assert "<b>thing" not in text
    assert "A <b>thing</b> is made. The other sites need the same one." in words(text)


@WHAT
@pytest.mark.parametrize(
    ("typed", "field", "sentence"),
    [
        ({"title": ""}, "title", "Type a title"),
        ({"title": "\0"}, "title", "control characters"),
        ({"title": "a" * 101}, "title", "At most 100"),
        ({"description": "a" * 501}, "description", "At most 500"),
        ({"description": "a\nb"}, "description", "control characters"),
        *(
            ({"points": points}, "points", "Type a whole number from 1 to 2,000,000,000")
            for points in ("", "0", "-5", "1.5", "1e3", "٣", "2000000001", "9" * 5000, "\0")
        ),
        ({"title": "There"}, "title", "has one called There already"),
    ],
)
@pytest.mark.parametrize("where", BOTH, indirect=True)
def test_what_cannot_be_is_told_at_its_field(
    offered: Flask, ada: Visitor, what: str, typed: dict[str, str], field: str, sentence: str
) -> None:
    ada.send(ADDS[what], title="There", points="5")
    before = kept(offered)
    for path in (ADDS[what], EDITS[what]):
        answer = ada.send(path, **({"title": "New", "points": "5"} | typed))
        assert answer.status_code == 422
        told = wrong(answer.text)
        assert list(told) == [field]
        assert sentence in told[field]
    assert kept(offered) == before


def test_all_faults_at_once_and_what_was_typed_is_kept(app: Flask, ada: Visitor) -> None:
    answer = ada.send(ADDS["rewards"], title="a" * 101, points="<many>", description="<b>x</b>")
    assert sorted(wrong(answer.text)) == ["points", "title"]
    assert 'value="&lt;many&gt;"' in answer.text
    assert 'value="&lt;b&gt;x&lt;/b&gt;"' in answer.text
    assert kept(app)["rewards"] == []


@WHAT
@pytest.mark.parametrize("where", BOTH, indirect=True)
def test_one_is_changed_and_made_inactive(offered: Flask, ada: Visitor, what: str) -> None:
    text = ada.get(EDITS[what]).text
    assert ('value="Mug"' in text, 'value="50"' in text) == (what == "rewards",) * 2
    assert ('value="Silver"' in text, 'value="1000"' in text) == (what == "levels",) * 2
    answer = ada.send(EDITS[what], title="New", points="70", description="")
    assert (answer.status_code, answer.location) == (303, PAGE)
    assert kept(offered)[what] == [("New", "", 70, False)]
    assert "New is saved." in words(ada.get(PAGE).text)
    assert ada.send(EDITS[what], title="New", points="70", is_active="y").status_code == 303
    assert kept(offered)[what] == [("New", "", 70, True)]


@pytest.mark.parametrize("where", BOTH, indirect=True)
def test_what_is_not_there(offered: Flask, ada: Visitor) -> None:
    change(offered, lambda session: reserves.add(session, "gold", None, MADE))
    change(offered, lambda session: rewards.add(session, reserves.get(session, "gold"), "Cup", "", 5, MADE))
    before = kept(offered), kept(offered, "gold")
    of = "/points-and-rewards/reserves"
    for path in (
        f"{of}/silver/rewards",
        f"{of}/%00/rewards",
        f"{of}/silver/levels/add",
        f"{of}/default/rewards/2/edit",
        f"{of}/gold/levels/1/edit",
        f"{of}/default/rewards/99999999999/edit",
        f"{of}/default/rewards/x/edit",
        f"{of}/default/others/add",
    ):
        assert ada.get(path).status_code == 404, path
        answer = ada.send(path, ADDS["rewards"], title="New", points="5")
        assert answer.status_code in (404, 405), path
    assert (kept(offered), kept(offered, "gold")) == before


def test_strangers_and_forms_without_a_token(offered: Flask, ada: Visitor, stranger: Visitor) -> None:
    before = kept(offered)
    for path in (PAGE, *ADDS.values(), *EDITS.values()):
        assert stranger.get(path).location.startswith("/sign-in?next=")
    for path in (*ADDS.values(), *EDITS.values()):
        assert stranger.post(path, {"csrf_token": stranger.token(), "title": "x", "points": "5"}).status_code == 303
        assert ada.post(path, {"title": "x", "points": "5"}).status_code == 400
    assert kept(offered) == before


def test_its_queries_do_not_grow_with_the_list(offered: Flask, ada: Visitor) -> None:
    def asked() -> int:
        with offered.app_context(), watched() as found:
            assert ada.get(PAGE).status_code == 200
        return len(found)

    def more(session: Session) -> None:
        for number in range(30):
            rewards.add(session, reserves.get(session, "default"), f"Mug {number}", "", 5, MADE)
            levels.add(session, reserves.get(session, "default"), f"Level {number}", "", 5, MADE)

    few = asked()
    change(offered, more)
    assert asked() == few
