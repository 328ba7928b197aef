"""Remote sites: a site answers with a different key than the pinned one, and the admin accepts or refuses it."""

import pytest
from flask import Flask

from pointsync import db
from pointsync.crypto import format_fingerprint, new_signing_key
from pointsync.models import Origin, Remote
from tests.admin import sample_remotes
from tests.admin.conftest import BOTH_DATABASES
from tests.support.panel_client import PanelClient

PAGE = "/system/points-sync"
SHEET = f"{PAGE}/remotes/1/key"
AUTH = "wrk_" + "1" * 16
PINNED, NEW, OTHER = (new_signing_key()[1] for _ in range(3))

ON_BOTH = pytest.mark.parametrize("database_settings", BOTH_DATABASES, indirect=True)


@pytest.fixture(autouse=True)
def _remotes(app: Flask) -> None:
    """Add a remote that answers with another key, and one that does not."""
    with app.app_context(), db.transaction() as session:
        remote = sample_remotes.add_remote(session, "http://127.0.0.1:1", AUTH)
        remote.name, remote.check_code, remote.is_probing = "Shop <two>", "changed_key", True
        sample_remotes.add_remote(session, "http://127.0.0.1:2", "wrk_" + "2" * 16)
        session.get_one(Origin, AUTH).set_key(PINNED, is_proven=True)
    offer_key(app, NEW)


def offer_key(app: Flask, key: str | None) -> None:
    with app.app_context(), db.transaction() as session:
        session.get_one(Origin, AUTH).offered_key = key


def key_state(app: Flask) -> tuple[str | None, str | None, bool]:
    """The pinned key, the offered key, and whether that was refused."""
    with app.app_context(), db.transaction() as session:
        origin = session.get_one(Origin, AUTH)
        return origin.public_key, origin.offered_key, origin.key_refused_at is not None


def post_decision(ada: PanelClient, what: str, shown_key: str = NEW):  # type: ignore[no-untyped-def]
    return ada.send(SHEET, what=what, fingerprint=format_fingerprint(shown_key))


def test_only_that_remote_asks_for_a_decision(app: Flask, ada: PanelClient) -> None:
    text = ada.get(PAGE).text
    assert text.count(f'href="{SHEET}"') == 2, "in the row's menu, and next to its status"
    assert "Review its new key: Shop &lt;two&gt;" in text
    assert "/remotes/2/key" not in text
    assert ada.get(f"{PAGE}?checked=1").text.count(f'href="{SHEET}"') == 3
    offer_key(app, None)
    assert SHEET not in ada.get(f"{PAGE}?checked=1").text


def test_the_form_shows_both_fingerprints_and_explains_them(ada: PanelClient) -> None:
    text = ada.get(SHEET).text
    for key in (PINNED, NEW):
        assert f"<code>{format_fingerprint(key)}</code>" in text
        assert key not in text
    assert "<bdi>Shop &lt;two&gt;</bdi>" in text
    assert "set up again, or restored" in text
    assert "Somebody else answers in its name." in text
    assert "Accept this key" in text
    assert "Refuse it" in text
    assert 'type="radio"' in text
    assert " checked" not in text, "no option is preselected"
    assert "It was refused" not in text


@ON_BOTH
def test_an_accepted_key_is_pinned_and_the_site_is_checked(app: Flask, ada: PanelClient) -> None:
    answer = post_decision(ada, "accept")
    assert (answer.status_code, answer.location) == (303, f"{PAGE}?checked=1#remotes")
    assert key_state(app) == (NEW, None, False)
    with app.app_context():
        assert db.session.get_one(Remote, 1).check_code == "refused_connection"
    assert "Tested: <bdi>Shop &lt;two&gt;</bdi>" in ada.get(answer.location).text


@ON_BOTH
def test_a_refused_key_leaves_the_pinned_one_and_nobody_is_asked_again(app: Flask, ada: PanelClient) -> None:
    answer = post_decision(ada, "refuse")
    assert (answer.status_code, answer.location) == (303, f"{PAGE}#remotes")
    assert key_state(app) == (PINNED, NEW, True)
    text = ada.get(PAGE).text
    assert "Nothing is sent to Shop &lt;two&gt; until it answers with the pinned key again" in text
    assert text.count(f'href="{SHEET}"') == 1
    assert "Refused key" in text
    assert "It was refused" in ada.get(SHEET).text
    post_decision(ada, "accept")
    assert key_state(app) == (NEW, None, False)


@pytest.mark.parametrize("what", ["", "maybe", "\0", "accept "])
def test_an_unknown_option_decides_nothing(app: Flask, ada: PanelClient, what: str) -> None:
    answer = post_decision(ada, what)
    assert answer.status_code == 422
    assert "Choose one of the two options." in answer.text
    assert key_state(app) == (PINNED, NEW, False)


@pytest.mark.parametrize("what", ["accept", "refuse"])
def test_a_decision_applies_only_to_the_key_that_was_shown(app: Flask, ada: PanelClient, what: str) -> None:
    token = ada.token(SHEET)
    offer_key(app, OTHER)
    answer = ada.post(SHEET, {"csrf_token": token, "what": what, "fingerprint": format_fingerprint(NEW)})
    assert (answer.status_code, answer.location) == (303, f"{PAGE}#remotes")
    assert key_state(app) == (PINNED, OTHER, False)
    assert "has a different fingerprint now" in ada.get(PAGE).text
    for submitted in ("", "\0", "é" * 100_000):
        assert ada.post(SHEET, {"csrf_token": token, "what": what, "fingerprint": submitted}).status_code == 303
    assert key_state(app) == (PINNED, OTHER, False)


def test_without_another_key_there_is_nothing_to_decide(app: Flask, ada: PanelClient) -> None:
    token = ada.token(SHEET)
    offer_key(app, None)
    assert ada.get(SHEET).status_code == 409
    for what, status in (("accept", 303), ("refuse", 303), ("", 409)):
        fields = {"csrf_token": token, "what": what, "fingerprint": format_fingerprint(NEW)}
        assert ada.post(SHEET, fields).status_code == status
    assert key_state(app) == (PINNED, None, False)
    assert ada.get(f"{PAGE}/remotes/2/key").status_code == 409
    for remote_id in (7, 2**31 - 1, 2**31, 10**30):
        assert ada.get(f"{PAGE}/remotes/{remote_id}/key").status_code == 404


class TestWithoutAPinnedKey:
    """A new remote: its answer does not prove the Pass, or only its calls were signed."""

    @pytest.fixture(autouse=True)
    def _no_pinned_key(self, app: Flask, _remotes: None) -> None:
        with app.app_context(), db.transaction() as session:
            session.get_one(Origin, AUTH).set_key(None, is_proven=False)
            session.get_one(Remote, 1).check_code = "unproven_key"

    def test_the_key_of_an_answer_is_accepted(self, app: Flask, ada: PanelClient) -> None:
        assert ada.get(f"{PAGE}?checked=1").text.count(f'href="{SHEET}"') == 3
        text = ada.get(SHEET).text
        assert "does not prove that it knows the Pass" in text
        assert "runs PointSync 0.1.0" in text
        assert format_fingerprint(NEW) in text
        assert "Pinned key" not in text
        post_decision(ada, "accept")
        assert key_state(app) == (NEW, None, False)

    def test_the_key_of_an_answer_is_refused(self, app: Flask, ada: PanelClient) -> None:
        post_decision(ada, "refuse")
        assert key_state(app) == (None, NEW, True)
        assert "Nothing is sent to Shop &lt;two&gt; until it proves another key" in ada.get(PAGE).text

    def test_the_key_of_calls_is_refused_and_forgotten(self, app: Flask, ada: PanelClient) -> None:
        with app.app_context(), db.transaction() as session:
            origin = session.get_one(Origin, AUTH)
            origin.offered_key = None
            origin.set_key(OTHER, is_proven=False)
            session.get_one(Remote, 1).check_code = "not_a_site"
        assert ada.get(PAGE).text.count(f'href="{SHEET}"') == 1, "in the row's menu"
        assert ada.get(f"{PAGE}?checked=1").text.count(f'href="{SHEET}"') == 2, "and beside the result of the test"
        text = ada.get(SHEET).text
        assert "has called this site with this key" in text
        assert "Somebody else has called in its name" in text
        post_decision(ada, "refuse", OTHER)
        assert key_state(app) == (None, OTHER, True)


def test_a_stranger_decides_nothing(app: Flask, stranger: PanelClient) -> None:
    assert stranger.get(SHEET).status_code == 303
    fields = {"csrf_token": stranger.token(), "what": "accept", "fingerprint": format_fingerprint(NEW)}
    assert stranger.post(SHEET, fields).location.startswith("/sign-in")
    assert key_state(app) == (PINNED, NEW, False)
