"""Points and Rewards: adding, changing and deactivating rewards and levels."""

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from pointsync import db
from pointsync.ledger import reserves
from pointsync.ledger.rewards import levels, rewards
from tests.admin.conftest import BOTH_DATABASES
from tests.admin.page_text import field_errors, main_text
from tests.admin.sample_remotes import CREATED_AT
from tests.support.panel_client import PanelClient
from tests.support.queries import record_queries
from tests.support.site_template import run_in_transaction

PAGE = "/points-and-rewards/reserves/default/rewards"
ADDS = {"rewards": f"{PAGE}/add", "levels": "/points-and-rewards/reserves/default/levels/add"}
EDITS = {"rewards": f"{PAGE}/1/edit", "levels": "/points-and-rewards/reserves/default/levels/1/edit"}
BOTH_KINDS = pytest.mark.parametrize("what", ["rewards", "levels"])


def stored_rewards(app: Flask, key: str = "default") -> dict[str, list[tuple[str, str, int, bool]]]:
    """The reserve's rewards and levels."""
    with app.app_context():
        session = db.session()
        reserve = reserves.get(session, key)
        return {
            "rewards": [
                (each.title, each.description, each.cost, each.is_active) for each in rewards.list_all(session, reserve)
            ],
            "levels": [
                (each.title, each.description, each.points, each.is_active)
                for each in levels.list_all(session, reserve)
            ],
        }


@pytest.fixture
def reward_and_level(app: Flask) -> Flask:
    """A mug for 50 points, and the level Silver at 1,000."""

    def change(session: Session) -> None:
        reserve = reserves.get(session, "default")
        rewards.create(session, reserve, "Mug", "A blue one", 50, CREATED_AT)
        levels.create(session, reserve, "Silver", "", 1000, CREATED_AT)

    run_in_transaction(app, change)
    return app


def test_nothing_yet(ada: PanelClient) -> None:
    text = main_text(ada.get(PAGE).text)
    assert "No rewards yet." in text
    assert "No levels yet." in text
    assert "not active" not in text


@pytest.mark.parametrize("database_settings", BOTH_DATABASES, indirect=True)
def test_the_list(reward_and_level: Flask, ada: PanelClient) -> None:
    run_in_transaction(
        reward_and_level,
        lambda session: rewards.update(session, reserves.get(session, "default"), 1, "Mug", "", 1500, False),
    )
    run_in_transaction(reward_and_level, lambda session: reserves.update(session, "default", "Points", False, False))
    text = main_text(ada.get(PAGE).text)
    assert "This points reserve is not active." in text
    assert "Mug 1,500 Not active" in text
    assert "Silver 1,000 Active" in text


@BOTH_KINDS
@pytest.mark.parametrize("database_settings", BOTH_DATABASES, indirect=True)
def test_one_is_added(app: Flask, ada: PanelClient, what: str) -> None:
    answer = ada.send(ADDS[what], title=" A <b>thing</b> ", points=" 500 ", description=" & more ")
    assert (answer.status_code, answer.location) == (303, PAGE)
    assert stored_rewards(app)[what] == [("A <b>thing</b>", "& more", 500, True)]
    text = ada.get(PAGE).text
    assert "<b>thing" not in text
    assert "A <b>thing</b>. Add the same one on the other sites." in main_text(text)


@BOTH_KINDS
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
            for points in ("", "0", "-5", "1.5", "3e9", "٣", "2000000001", "9" * 5000, "\0")
        ),
        ({"title": "There"}, "title", "already has one called There;"),
    ],
)
def test_an_error_is_shown_at_its_field(
    reward_and_level: Flask, ada: PanelClient, what: str, typed: dict[str, str], field: str, sentence: str
) -> None:
    ada.send(ADDS[what], title="There", points="5")
    before = stored_rewards(reward_and_level)
    for path in (ADDS[what], EDITS[what]):
        answer = ada.send(path, **({"title": "New", "points": "5"} | typed))
        assert answer.status_code == 422
        errors = field_errors(answer.text)
        assert list(errors) == [field]
        assert sentence in errors[field]
    assert stored_rewards(reward_and_level) == before


def test_all_errors_are_shown_and_typed_values_are_kept(app: Flask, ada: PanelClient) -> None:
    answer = ada.send(ADDS["rewards"], title="a" * 101, points="<many>", description="<b>x</b>")
    assert sorted(field_errors(answer.text)) == ["points", "title"]
    assert 'value="&lt;many&gt;"' in answer.text
    assert 'value="&lt;b&gt;x&lt;/b&gt;"' in answer.text
    assert stored_rewards(app)["rewards"] == []


@BOTH_KINDS
@pytest.mark.parametrize("database_settings", BOTH_DATABASES, indirect=True)
def test_one_is_changed_and_deactivated(reward_and_level: Flask, ada: PanelClient, what: str) -> None:
    text = ada.get(EDITS[what]).text
    assert ('value="Mug"' in text, 'value="50"' in text) == (what == "rewards",) * 2
    assert ('value="Silver"' in text, 'value="1000"' in text) == (what == "levels",) * 2
    answer = ada.send(EDITS[what], title="New", points="70", description="")
    assert (answer.status_code, answer.location) == (303, PAGE)
    assert stored_rewards(reward_and_level)[what] == [("New", "", 70, False)]
    assert "Saved New." in main_text(ada.get(PAGE).text)
    assert ada.send(EDITS[what], title="New", points="70", is_active="y").status_code == 303
    assert stored_rewards(reward_and_level)[what] == [("New", "", 70, True)]


@pytest.mark.parametrize("database_settings", BOTH_DATABASES, indirect=True)
def test_what_does_not_exist(reward_and_level: Flask, ada: PanelClient) -> None:
    run_in_transaction(reward_and_level, lambda session: reserves.create(session, "gold", None, CREATED_AT))
    run_in_transaction(
        reward_and_level,
        lambda session: rewards.create(session, reserves.get(session, "gold"), "Cup", "", 5, CREATED_AT),
    )
    before = stored_rewards(reward_and_level), stored_rewards(reward_and_level, "gold")
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
    assert (stored_rewards(reward_and_level), stored_rewards(reward_and_level, "gold")) == before


def test_visitors_and_forms_without_a_token(reward_and_level: Flask, ada: PanelClient, stranger: PanelClient) -> None:
    before = stored_rewards(reward_and_level)
    for path in (PAGE, *ADDS.values(), *EDITS.values()):
        assert stranger.get(path).location.startswith("/sign-in?next=")
    for path in (*ADDS.values(), *EDITS.values()):
        assert stranger.post(path, {"csrf_token": stranger.token(), "title": "x", "points": "5"}).status_code == 303
        assert ada.post(path, {"title": "x", "points": "5"}).status_code == 400
    assert stored_rewards(reward_and_level) == before


def test_the_number_of_queries_does_not_grow(reward_and_level: Flask, ada: PanelClient) -> None:
    def query_count() -> int:
        with reward_and_level.app_context(), record_queries() as found:
            assert ada.get(PAGE).status_code == 200
        return len(found)

    def more(session: Session) -> None:
        for number in range(30):
            rewards.create(session, reserves.get(session, "default"), f"Mug {number}", "", 5, CREATED_AT)
            levels.create(session, reserves.get(session, "default"), f"Level {number}", "", 5, CREATED_AT)

    few = query_count()
    run_in_transaction(reward_and_level, more)
    assert query_count() == few
