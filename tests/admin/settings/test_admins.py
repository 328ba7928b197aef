"""System › Admins: who may sign in, and one's own password."""

import re

import pytest
from flask import Flask

from pointsync import clock, db
from pointsync.accounts import admins
from pointsync.admin.auth import rate_limit
from tests.admin.conftest import BOTH
from tests.admin.page_text import words, wrong
from tests.support.panel_client import NAME, PASSWORD, Visitor
from tests.support.queries import watched

PAGE = "/system/admins"
ADD = f"{PAGE}/add"
CHANGE = f"{PAGE}/password"
NEW = "staple of another horse"


def names(app: Flask) -> list[str]:
    """All admins."""
    with app.app_context():
        return [each.name for each in admins.every(db.db.session())]


def can_sign_in(app: Flask, name: str, password: str) -> bool:
    """Whether that name and password are somebody's."""
    with app.app_context():
        return admins.by_credentials(db.db.session(), name, password) is not None


def made(app: Flask, name: str = "Bob") -> int:
    """Another admin; their id."""
    with app.app_context():
        return db.in_write(lambda session: admins.create(session, name, PASSWORD, clock.now())).id


def removal(number: int | str) -> str:
    """Where an admin is removed."""
    return f"{PAGE}/{number}/remove"


def changed(visitor: Visitor, old: str = PASSWORD, new: str = NEW, again: str | None = None) -> int:
    """Send the form for another password; the status of the answer."""
    answer = visitor.send(CHANGE, old=old, password=new, again=new if again is None else again)
    return answer.status_code


def test_the_list_says_who_you_are(app: Flask, ada: Visitor) -> None:
    made(app)
    text = words(ada.get(PAGE).text)
    assert re.search(r"Ada You \d+ \w+ \d+, \d\d:\d\d Change password Sign out elsewhere Disable Remove Bob \d+", text)
    assert "Bob You" not in text


@pytest.mark.parametrize("where", BOTH, indirect=True)
def test_an_admin_is_added_and_signs_in(app: Flask, ada: Visitor) -> None:
    answer = ada.send(ADD, name=" Zoë ", password=NEW, again=NEW)
    assert (answer.status_code, answer.location) == (303, PAGE)
    assert names(app) == ["Ada", "Zoë"]
    assert "Zoë may sign in now" in words(ada.get(PAGE).text)
    assert NEW not in ada.get(PAGE).text
    visitor = Visitor(app)
    assert visitor.sign_in("Zoë", NEW).status_code == 303
    assert visitor.is_in()


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ({}, {"name": "Choose a name", "password": "Choose a password", "again": "once more"}),
        ({"name": "Bob", "password": "short", "again": "short"}, {"password": "at least 10 characters"}),
        ({"name": "Bob", "password": NEW, "again": NEW + "r"}, {"again": "The two passwords differ"}),
        ({"name": "Bob", "password": "x" * 1001, "again": "x" * 1001}, {"password": "at most 1,000"}),
        ({"name": "Bob", "password": NEW + "\0", "again": NEW + "\0"}, {"password": "no NUL"}),
        ({"name": "  ", "password": NEW, "again": NEW}, {"name": "1 to 191 characters"}),
        ({"name": "x" * 192, "password": NEW, "again": NEW}, {"name": "1 to 191 characters"}),
        ({"name": "B\0b", "password": NEW, "again": NEW}, {"name": "on one line"}),
        ({"name": "B\u202eb", "password": NEW, "again": NEW}, {"name": "on one line"}),
        ({"name": " Ada", "password": NEW, "again": NEW}, {"name": "There is an admin Ada already"}),
    ],
)
def test_what_cannot_be_added(app: Flask, ada: Visitor, typed: dict[str, str], told: dict[str, str]) -> None:
    answer = ada.send(ADD, **typed)
    assert answer.status_code == 422
    found = wrong(answer.text)
    assert list(found) == list(told)
    for name, sentence in told.items():
        assert sentence in found[name]
    assert names(app) == ["Ada"]
    assert NEW not in answer.text


def test_the_name_that_was_typed_is_kept_and_the_passwords_are_not(ada: Visitor) -> None:
    text = ada.send(ADD, name='<b>"', password="tooshort", again="tooshort").text
    assert 'value="&lt;b&gt;&#34;"' in text
    assert "tooshort" not in text


@pytest.mark.parametrize("where", BOTH, indirect=True)
def test_another_one_is_removed_after_a_question(app: Flask, ada: Visitor) -> None:
    bob, path = Visitor(app), removal(made(app))
    bob.sign_in("Bob")
    text = words(ada.get(path).text)
    assert "Remove this admin?" in text
    assert "Bob is signed out at once, in every browser" in text
    assert bob.is_in(), "asking changes nothing"
    answer = ada.send(path)
    assert (answer.status_code, answer.location) == (303, PAGE)
    assert "Bob cannot sign in any more." in words(ada.get(PAGE).text)
    assert names(app) == ["Ada"]
    assert not bob.is_in()
    assert ada.is_in()
    assert ada.send(path, ADD).status_code == 404, "sent again from a page left open"


@pytest.mark.parametrize("where", BOTH, indirect=True)
def test_who_removes_themselves_is_signed_out(app: Flask, ada: Visitor) -> None:
    made(app)
    kept = ada.cookie()
    assert "This is you : you are signed out at once" in words(ada.get(removal(1)).text)
    assert ada.send(removal(1)).location == "/sign-in"
    assert "Ada cannot sign in any more." in ada.get("/sign-in").text
    assert names(app) == ["Bob"]
    assert not ada.is_in()
    ada.client.set_cookie("pointsync_session", kept)
    assert not ada.is_in(), "nor with a copy of the cookie"


@pytest.mark.parametrize("where", BOTH, indirect=True)
def test_the_last_one_stays(app: Flask, ada: Visitor) -> None:
    asked = ada.get(removal(1))
    assert asked.status_code == 200
    sent = ada.send(removal(1), ADD)
    assert sent.status_code == 422
    for answer in (asked, sent):
        assert "Ada is the only admin who may sign in, and cannot be removed: nobody could sign in" in words(
            answer.text
        )
        assert "Add another admin first, or enable one." in words(answer.text)
        assert "button-danger" not in answer.text
        assert "data-sheet" in answer.text
    assert names(app) == ["Ada"]
    assert ada.is_in()


@pytest.mark.parametrize("number", ["0", "7", "2147483647", "2147483648", "9" * 40, "-1", "x", "%00", "Ada"])
def test_an_admin_who_is_not_there(app: Flask, ada: Visitor, number: str) -> None:
    made(app)
    assert ada.get(removal(number)).status_code == 404
    assert ada.send(removal(number), ADD).status_code in (404, 405)
    assert names(app) == ["Ada", "Bob"]


@pytest.mark.parametrize("where", BOTH, indirect=True)
def test_ones_own_password_is_changed_and_other_sign_ins_end(app: Flask, ada: Visitor) -> None:
    elsewhere = Visitor(app)
    elsewhere.sign_in()
    before = ada.cookie()
    assert changed(ada) == 303
    assert "Your password is changed." in words(ada.get(PAGE).text)
    assert ada.is_in(), "this sign-in goes on"
    assert not elsewhere.is_in()
    assert (can_sign_in(app, NAME, PASSWORD), can_sign_in(app, NAME, NEW)) == (False, True)
    thief = Visitor(app)
    thief.client.set_cookie("pointsync_session", before)
    assert not thief.is_in(), "a copy of the cookie from before is worth nothing"
    assert changed(ada, NEW, PASSWORD) == 303, "the form's token goes on, too"


def test_others_are_not_touched(app: Flask, ada: Visitor) -> None:
    made(app)
    bob = Visitor(app)
    bob.sign_in("Bob")
    assert changed(ada) == 303
    assert bob.is_in()
    assert can_sign_in(app, "Bob", PASSWORD)


@pytest.mark.parametrize(
    ("old", "new", "again", "told"),
    [
        ("", "", "", {"old": "sign in with now", "password": "Choose a new", "again": "once more"}),
        (NEW, NEW, NEW, {"old": "This is not your present password"}),
        (PASSWORD + "\0", NEW, NEW, {"old": "This is not your present password"}),
        ("x" * 100_000, NEW, NEW, {"old": "This is not your present password"}),
        (PASSWORD, NEW, NEW + "r", {"again": "The two passwords differ"}),
        (PASSWORD, "short", "short", {"password": "at least 10 characters"}),
        (PASSWORD, "x" * 1001, "x" * 1001, {"password": "at most 1,000"}),
        (PASSWORD, NEW + "\0", NEW + "\0", {"password": "no NUL"}),
    ],
)
def test_a_change_that_cannot_be(
    app: Flask, ada: Visitor, old: str, new: str, again: str, told: dict[str, str]
) -> None:
    answer = ada.send(CHANGE, old=old, password=new, again=again)
    assert answer.status_code == 422
    found = wrong(answer.text)
    assert list(found) == list(told)
    for name, sentence in told.items():
        assert sentence in found[name]
    for typed in filter(None, (old, new, again)):
        assert typed not in answer.text
    assert can_sign_in(app, NAME, PASSWORD)


@pytest.mark.usefixtures("still_clock")
def test_guessing_the_present_password_is_slowed(app: Flask, ada: Visitor) -> None:
    tries = [changed(ada, f"wrong horse {number}") for number in range(rate_limit.PER_NAME.per_minute + 1)]
    assert tries == [422] * rate_limit.PER_NAME.per_minute + [429]
    answer = ada.send(CHANGE, old=PASSWORD, password=NEW, again=NEW)
    assert answer.status_code == 429, "the right one is not looked at either"
    assert 1 <= int(answer.headers["Retry-After"]) <= 60
    assert can_sign_in(app, NAME, PASSWORD)
    assert ada.is_in()


@pytest.mark.usefixtures("still_clock")
def test_tries_at_the_door_and_here_are_counted_together(app: Flask, ada: Visitor) -> None:
    for number in range(rate_limit.PER_NAME.per_minute):
        assert changed(ada, f"wrong horse {number}") == 422
    ada.send("/sign-out", page="/")
    assert ada.sign_in().status_code == 429


def test_good_changes_and_slips_of_the_pen_use_up_nothing(ada: Visitor) -> None:
    for _ in range(rate_limit.PER_NAME.per_minute):
        assert changed(ada, "wrong horse", NEW, "something else") == 422
    for old, new in [(PASSWORD, NEW), (NEW, PASSWORD)] * rate_limit.PER_NAME.per_minute:
        assert changed(ada, old, new) == 303


def test_hostile_names_are_text(app: Flask, ada: Visitor) -> None:
    number = made(app, "<script>alert(1)</script>")
    for path in (PAGE, removal(number)):
        assert "<script>alert" not in ada.get(path).text
        assert "&lt;script&gt;alert" in ada.get(path).text
    ada.send(removal(number))
    assert "<script>alert" not in ada.get(PAGE).text


def test_no_page_holds_a_password_or_its_hash(app: Flask, ada: Visitor) -> None:
    number = made(app)
    for path in (PAGE, ADD, CHANGE, removal(number), removal(1)):
        text = ada.get(path).text
        assert PASSWORD not in text
        assert "scrypt" not in text


def test_strangers_see_and_change_nothing(app: Flask, stranger: Visitor) -> None:
    number = made(app)
    for path in (PAGE, ADD, CHANGE, removal(number)):
        answer = stranger.get(path)
        assert answer.location.startswith("/sign-in?next=")
        assert NAME not in answer.text
    typed = {"name": "Eve", "old": PASSWORD, "password": NEW, "again": NEW}
    for path in (ADD, CHANGE, removal(number)):
        assert stranger.post(path, typed | {"csrf_token": stranger.token()}).location == "/sign-in"
    assert names(app) == ["Ada", "Bob"]
    assert can_sign_in(app, NAME, PASSWORD)


def test_forms_need_their_token(app: Flask, ada: Visitor) -> None:
    number = made(app)
    typed = {"name": "Eve", "old": PASSWORD, "password": NEW, "again": NEW}
    for path in (ADD, CHANGE, removal(number)):
        assert ada.post(path, typed).status_code == 400
    assert names(app) == ["Ada", "Bob"]
    assert can_sign_in(app, NAME, PASSWORD)


def test_its_queries_do_not_grow_with_the_list(app: Flask, ada: Visitor) -> None:
    def asked() -> int:
        with app.app_context(), watched() as found:
            assert ada.get(PAGE).status_code == 200
        return len(found)

    few = asked()
    for number in range(9):
        made(app, f"Admin {number}")
    assert asked() == few
