"""System › Admins: add and remove admins, and change one's own password."""

import re

import pytest
from flask import Flask

from pointsync import clock, db
from pointsync.accounts import admins
from pointsync.admin.auth import rate_limit
from tests.admin.conftest import BOTH_DATABASES
from tests.admin.page_text import field_errors, main_text
from tests.support.panel_client import NAME, PASSWORD, PanelClient
from tests.support.queries import record_queries

PAGE = "/system/admins"
ADD = f"{PAGE}/add"
CHANGE = f"{PAGE}/password"
NEW = "staple of another horse"


def names(app: Flask) -> list[str]:
    """The names of all admins."""
    with app.app_context():
        return [each.name for each in admins.list_all(db.session())]


def can_sign_in(app: Flask, name: str, password: str) -> bool:
    """Whether an admin has this name and password."""
    with app.app_context():
        return admins.authenticate(db.session(), name, password) is not None


def create_admin(app: Flask, name: str = "Bob") -> int:
    """Create another admin; their id."""
    with app.app_context():
        return db.run_in_transaction(lambda session: admins.create(session, name, PASSWORD, clock.now())).id


def removal_path(number: int | str) -> str:
    """The path that removes an admin."""
    return f"{PAGE}/{number}/remove"


def change_password(visitor: PanelClient, old: str = PASSWORD, new: str = NEW, again: str | None = None) -> int:
    """Send the form for a new password; the status of the answer."""
    answer = visitor.send(CHANGE, old=old, password=new, again=new if again is None else again)
    return answer.status_code


def test_the_list_says_who_you_are(app: Flask, ada: PanelClient) -> None:
    create_admin(app)
    text = main_text(ada.get(PAGE).text)
    assert re.search(r"Ada You \d+ \w+ \d+, \d\d:\d\d Change password Sign out elsewhere Disable Remove Bob \d+", text)
    assert "Bob You" not in text


@pytest.mark.parametrize("database_settings", BOTH_DATABASES, indirect=True)
def test_an_admin_is_added_and_signs_in(app: Flask, ada: PanelClient) -> None:
    answer = ada.send(ADD, name=" Zoë ", password=NEW, again=NEW)
    assert (answer.status_code, answer.location) == (303, PAGE)
    assert names(app) == ["Ada", "Zoë"]
    assert "Zoë can now sign in" in main_text(ada.get(PAGE).text)
    assert NEW not in ada.get(PAGE).text
    visitor = PanelClient(app)
    assert visitor.sign_in("Zoë", NEW).status_code == 303
    assert visitor.is_in()


@pytest.mark.parametrize(
    ("submitted", "errors"),
    [
        ({}, {"name": "Choose a name", "password": "Choose a password", "again": "again"}),
        ({"name": "Bob", "password": "short", "again": "short"}, {"password": "at least 10 characters"}),
        ({"name": "Bob", "password": NEW, "again": NEW + "r"}, {"again": "The two passwords differ"}),
        ({"name": "Bob", "password": "x" * 1001, "again": "x" * 1001}, {"password": "at most 1,000"}),
        ({"name": "Bob", "password": NEW + "\0", "again": NEW + "\0"}, {"password": "cannot contain NUL"}),
        ({"name": "  ", "password": NEW, "again": NEW}, {"name": "1 to 191 characters"}),
        ({"name": "x" * 192, "password": NEW, "again": NEW}, {"name": "1 to 191 characters"}),
        ({"name": "B\0b", "password": NEW, "again": NEW}, {"name": "on one line"}),
        ({"name": "B\u202eb", "password": NEW, "again": NEW}, {"name": "on one line"}),
        ({"name": " Ada", "password": NEW, "again": NEW}, {"name": "An admin named Ada already exists"}),
    ],
)
def test_invalid_admins(app: Flask, ada: PanelClient, submitted: dict[str, str], errors: dict[str, str]) -> None:
    answer = ada.send(ADD, **submitted)
    assert answer.status_code == 422
    found = field_errors(answer.text)
    assert list(found) == list(errors)
    for name, sentence in errors.items():
        assert sentence in found[name]
    assert names(app) == ["Ada"]
    assert NEW not in answer.text


def test_the_form_keeps_the_name_but_no_passwords(ada: PanelClient) -> None:
    text = ada.send(ADD, name='<b>"', password="tooshort", again="tooshort").text
    assert 'value="&lt;b&gt;&#34;"' in text
    assert "tooshort" not in text


@pytest.mark.parametrize("database_settings", BOTH_DATABASES, indirect=True)
def test_another_admin_is_removed_after_confirmation(app: Flask, ada: PanelClient) -> None:
    bob, path = PanelClient(app), removal_path(create_admin(app))
    bob.sign_in("Bob")
    text = main_text(ada.get(path).text)
    assert "Remove this admin?" in text
    assert "Bob will be signed out at once in every browser" in text
    assert bob.is_in(), "the confirmation page changes nothing"
    answer = ada.send(path)
    assert (answer.status_code, answer.location) == (303, PAGE)
    assert "Bob can no longer sign in." in main_text(ada.get(PAGE).text)
    assert names(app) == ["Ada"]
    assert not bob.is_in()
    assert ada.is_in()
    assert ada.send(path, ADD).status_code == 404, "sent again from a page left open"


@pytest.mark.parametrize("database_settings", BOTH_DATABASES, indirect=True)
def test_admins_who_remove_themselves_are_signed_out(app: Flask, ada: PanelClient) -> None:
    create_admin(app)
    kept = ada.cookie()
    assert "This is you . You will be signed out at once" in main_text(ada.get(removal_path(1)).text)
    assert ada.send(removal_path(1)).location == "/sign-in"
    assert "Ada can no longer sign in." in ada.get("/sign-in").text
    assert names(app) == ["Bob"]
    assert not ada.is_in()
    ada.client.set_cookie("pointsync_session", kept)
    assert not ada.is_in(), "not even with a copy of the cookie"


@pytest.mark.parametrize("database_settings", BOTH_DATABASES, indirect=True)
def test_the_last_admin_stays(app: Flask, ada: PanelClient) -> None:
    asked = ada.get(removal_path(1))
    assert asked.status_code == 200
    sent = ada.send(removal_path(1), ADD)
    assert sent.status_code == 422
    for answer in (asked, sent):
        assert (
            "Ada is the only admin who can sign in, and cannot be removed: otherwise nobody could sign in"
            in main_text(answer.text)
        )
        assert "Add or enable another admin first." in main_text(answer.text)
        assert "button-danger" not in answer.text
        assert "data-sheet" in answer.text
    assert names(app) == ["Ada"]
    assert ada.is_in()


@pytest.mark.parametrize("number", ["0", "7", "2147483647", "2147483648", "9" * 40, "-1", "x", "%00", "Ada"])
def test_unknown_admins(app: Flask, ada: PanelClient, number: str) -> None:
    create_admin(app)
    assert ada.get(removal_path(number)).status_code == 404
    assert ada.send(removal_path(number), ADD).status_code in (404, 405)
    assert names(app) == ["Ada", "Bob"]


@pytest.mark.parametrize("database_settings", BOTH_DATABASES, indirect=True)
def test_ones_own_password_is_changed_and_other_sign_ins_end(app: Flask, ada: PanelClient) -> None:
    elsewhere = PanelClient(app)
    elsewhere.sign_in()
    before = ada.cookie()
    assert change_password(ada) == 303
    assert "Your password is changed." in main_text(ada.get(PAGE).text)
    assert ada.is_in(), "this sign-in stays valid"
    assert not elsewhere.is_in()
    assert (can_sign_in(app, NAME, PASSWORD), can_sign_in(app, NAME, NEW)) == (False, True)
    thief = PanelClient(app)
    thief.client.set_cookie("pointsync_session", before)
    assert not thief.is_in(), "a copy of the earlier cookie is invalid"
    assert change_password(ada, NEW, PASSWORD) == 303, "the form's token stays valid too"


def test_others_are_not_touched(app: Flask, ada: PanelClient) -> None:
    create_admin(app)
    bob = PanelClient(app)
    bob.sign_in("Bob")
    assert change_password(ada) == 303
    assert bob.is_in()
    assert can_sign_in(app, "Bob", PASSWORD)


@pytest.mark.parametrize(
    ("old", "new", "again", "errors"),
    [
        ("", "", "", {"old": "Type your current password", "password": "Choose a new", "again": "again"}),
        (NEW, NEW, NEW, {"old": "This is not your current password"}),
        (PASSWORD + "\0", NEW, NEW, {"old": "This is not your current password"}),
        ("x" * 100_000, NEW, NEW, {"old": "This is not your current password"}),
        (PASSWORD, NEW, NEW + "r", {"again": "The two passwords differ"}),
        (PASSWORD, "short", "short", {"password": "at least 10 characters"}),
        (PASSWORD, "x" * 1001, "x" * 1001, {"password": "at most 1,000"}),
        (PASSWORD, NEW + "\0", NEW + "\0", {"password": "cannot contain NUL"}),
    ],
)
def test_an_invalid_change(
    app: Flask, ada: PanelClient, old: str, new: str, again: str, errors: dict[str, str]
) -> None:
    answer = ada.send(CHANGE, old=old, password=new, again=again)
    assert answer.status_code == 422
    found = field_errors(answer.text)
    assert list(found) == list(errors)
    for name, sentence in errors.items():
        assert sentence in found[name]
    for submitted in filter(None, (old, new, again)):
        assert submitted not in answer.text
    assert can_sign_in(app, NAME, PASSWORD)


@pytest.mark.usefixtures("stopped_clock")
def test_guessing_the_current_password_is_limited(app: Flask, ada: PanelClient) -> None:
    tries = [change_password(ada, f"wrong horse {number}") for number in range(rate_limit.RATE_PER_NAME.per_minute + 1)]
    assert tries == [422] * rate_limit.RATE_PER_NAME.per_minute + [429]
    answer = ada.send(CHANGE, old=PASSWORD, password=NEW, again=NEW)
    assert answer.status_code == 429, "not even the right one is accepted"
    assert 1 <= int(answer.headers["Retry-After"]) <= 60
    assert can_sign_in(app, NAME, PASSWORD)
    assert ada.is_in()


@pytest.mark.usefixtures("stopped_clock")
def test_attempts_here_and_at_sign_in_are_counted_together(app: Flask, ada: PanelClient) -> None:
    for number in range(rate_limit.RATE_PER_NAME.per_minute):
        assert change_password(ada, f"wrong horse {number}") == 422
    ada.send("/sign-out", page="/")
    assert ada.sign_in().status_code == 429


def test_good_changes_and_typing_errors_are_not_counted(ada: PanelClient) -> None:
    for _ in range(rate_limit.RATE_PER_NAME.per_minute):
        assert change_password(ada, "wrong horse", NEW, "something else") == 422
    for old, new in [(PASSWORD, NEW), (NEW, PASSWORD)] * rate_limit.RATE_PER_NAME.per_minute:
        assert change_password(ada, old, new) == 303


def test_names_are_escaped(app: Flask, ada: PanelClient) -> None:
    number = create_admin(app, "<script>alert(1)</script>")
    for path in (PAGE, removal_path(number)):
        assert "<script>alert" not in ada.get(path).text
        assert "&lt;script&gt;alert" in ada.get(path).text
    ada.send(removal_path(number))
    assert "<script>alert" not in ada.get(PAGE).text


def test_no_page_holds_a_password_or_its_hash(app: Flask, ada: PanelClient) -> None:
    number = create_admin(app)
    for path in (PAGE, ADD, CHANGE, removal_path(number), removal_path(1)):
        text = ada.get(path).text
        assert PASSWORD not in text
        assert "scrypt" not in text


def test_strangers_see_and_change_nothing(app: Flask, stranger: PanelClient) -> None:
    number = create_admin(app)
    for path in (PAGE, ADD, CHANGE, removal_path(number)):
        answer = stranger.get(path)
        assert answer.location.startswith("/sign-in?next=")
        assert NAME not in answer.text
    submitted = {"name": "Eve", "old": PASSWORD, "password": NEW, "again": NEW}
    for path in (ADD, CHANGE, removal_path(number)):
        assert stranger.post(path, submitted | {"csrf_token": stranger.token()}).location == "/sign-in"
    assert names(app) == ["Ada", "Bob"]
    assert can_sign_in(app, NAME, PASSWORD)


def test_forms_need_their_token(app: Flask, ada: PanelClient) -> None:
    number = create_admin(app)
    submitted = {"name": "Eve", "old": PASSWORD, "password": NEW, "again": NEW}
    for path in (ADD, CHANGE, removal_path(number)):
        assert ada.post(path, submitted).status_code == 400
    assert names(app) == ["Ada", "Bob"]
    assert can_sign_in(app, NAME, PASSWORD)


def test_its_queries_do_not_grow_with_the_list(app: Flask, ada: PanelClient) -> None:
    def count_queries() -> int:
        with app.app_context(), record_queries() as found:
            assert ada.get(PAGE).status_code == 200
        return len(found)

    query_count = count_queries()
    for number in range(9):
        create_admin(app, f"Admin {number}")
    assert count_queries() == query_count
