"""The one-time setup link."""

import pytest
from flask import Flask

from pointsync import clock, db
from pointsync.accounts import admins
from pointsync.models import Admin, Site
from tests.admin.conftest import BOTH_DATABASES
from tests.support.panel_client import NAME, PASSWORD, PanelClient

ON_BOTH = pytest.mark.parametrize("database_settings", BOTH_DATABASES, indirect=True)

TYPED = {"name": NAME, "password": PASSWORD, "again": PASSWORD}


def names(app: Flask) -> list[str]:
    with app.app_context():
        return [admin.name for admin in db.session.query(Admin)]


@pytest.mark.parametrize("token", ["x", "0" * 32, "0123456789abcdef0123456789abcdeF", "%00", "é", "a" * 5000])
def test_another_token_is_invalid(app_without_admin: Flask, setup_link: str, token: str) -> None:
    visitor = PanelClient(app_without_admin)
    assert visitor.get(f"/setup/{token}").status_code == 404
    answer = visitor.post(f"/setup/{token}", TYPED | {"csrf_token": visitor.token(setup_link)})
    assert answer.status_code == 404
    assert names(app_without_admin) == []


def test_no_link_exists_by_default(app_without_admin: Flask) -> None:
    visitor = PanelClient(app_without_admin)
    assert visitor.get("/setup/").status_code == 404
    assert visitor.get("/setup/None").status_code == 404


@ON_BOTH
def test_the_link_creates_the_first_admin_and_signs_in(app_without_admin: Flask, setup_link: str) -> None:
    visitor = PanelClient(app_without_admin)
    answer = visitor.send(setup_link, **TYPED)
    assert (answer.status_code, answer.location) == (303, "/")
    home = visitor.get("/").text
    assert "Shop one" in home
    assert NAME in home
    assert names(app_without_admin) == [NAME]


@ON_BOTH
def test_the_link_works_once(app_without_admin: Flask, setup_link: str) -> None:
    late = PanelClient(app_without_admin)
    token = late.token(setup_link)
    PanelClient(app_without_admin).send(setup_link, **TYPED)
    assert late.get(setup_link).status_code == 404
    assert late.post(setup_link, TYPED | {"csrf_token": token, "name": "Eve"}).status_code == 404
    assert names(app_without_admin) == [NAME]
    with app_without_admin.app_context():
        assert db.session.get_one(Site, 1).setup_digest is None


def test_an_admin_created_otherwise_invalidates_the_link(app_without_admin: Flask, setup_link: str) -> None:
    with app_without_admin.app_context():
        db.run_in_transaction(lambda session: admins.create(session, "Bob", PASSWORD, clock.now()))
    assert PanelClient(app_without_admin).get(setup_link).status_code == 404


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({"name": ""}, "Choose a name"),
        ({"name": " \t "}, "A name needs 1 to 191 characters"),
        ({"name": "a\0b"}, "A name needs 1 to 191 characters"),
        ({"name": "a" * 192}, "A name needs 1 to 191 characters"),
        ({"name": "a\u202eb"}, "A name needs 1 to 191 characters"),
        ({"password": "", "again": ""}, "Choose a password"),
        ({"password": "nine char", "again": "nine char"}, "at least 10 characters"),
        ({"password": "x" * 1001, "again": "x" * 1001}, "at most 1,000 characters"),
        ({"password": "nul at the end\0", "again": "nul at the end\0"}, "cannot contain NUL characters"),
        ({"again": "another one"}, "The two passwords differ"),
        ({"again": ""}, "Type the password again"),
    ],
)
def test_an_error_is_shown_at_its_field_and_changes_nothing(
    app_without_admin: Flask, setup_link: str, typed: dict[str, str], words: str
) -> None:
    visitor = PanelClient(app_without_admin)
    answer = visitor.send(setup_link, **(TYPED | typed))
    assert answer.status_code == 422
    assert words in answer.text
    assert 'aria-invalid="true"' in answer.text
    assert PASSWORD not in answer.text
    assert names(app_without_admin) == []
    assert visitor.get(setup_link).status_code == 200


def test_ten_characters_are_enough(app_without_admin: Flask, setup_link: str) -> None:
    assert (
        PanelClient(app_without_admin)
        .send(setup_link, name=NAME, password="ten chars!", again="ten chars!")
        .status_code
        == 303
    )
