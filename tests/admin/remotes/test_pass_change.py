"""System › Points Sync.: change this site's Pass, and see which sites still use the old one."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from flask import Flask

from pointsync import clock, db
from pointsync.crypto import format_fingerprint
from pointsync.models import Origin
from pointsync.runtime import get_runtime
from pointsync.sync.site import local_site, passes
from pointsync.sync.site.local_site import Identity
from tests.admin import sample_remotes
from tests.admin.conftest import BOTH_DATABASES
from tests.support.moving_clock import START, MovingClock
from tests.support.panel_client import PanelClient

PAGE = "/system/points-sync"
CHANGE, END = f"{PAGE}/pass/change", f"{PAGE}/pass/end-old"
AUTH = "wrk_" + "1" * 16
NAME = "Shop <two> \u202eevil"
PASS_VERSION = 'name="pass_version" value="'

ON_BOTH = pytest.mark.parametrize("database_settings", BOTH_DATABASES, indirect=True)


@pytest.fixture
def settings() -> dict[str, str]:
    return {"POINTSYNC_PUBLIC_URL": "https://shop.example/points"}


@pytest.fixture(autouse=True)
def stopped_clock(moving_clock: MovingClock) -> Iterator[MovingClock]:
    """Stop the clock before the admin signs in."""
    return moving_clock


@pytest.fixture
def calling_site(app: Flask) -> None:
    """A listed site called an hour ago."""
    with app.app_context(), db.transaction() as session:
        sample_remotes.add_remote(session, "https://two.example", AUTH).name = NAME
        session.get_one(Origin, AUTH).last_seen_at = START - timedelta(hours=1)


def identity(app: Flask) -> Identity:
    with app.app_context():
        state = get_runtime()
        return local_site.load_identity(db.session(), state.vault, state.config, clock.now())


def shown_pass_version(ada: PanelClient) -> str:
    """The version of the current Pass in the form."""
    return ada.get(CHANGE).text.partition(PASS_VERSION)[2].partition('"')[0]


def change_pass(ada: PanelClient, old: str = "grace", **fields: str):  # type: ignore[no-untyped-def]
    return ada.send(CHANGE, **({"old": old, "pass_version": shown_pass_version(ada)} | fields))


def test_the_page_links_to_the_form_and_the_form_explains_the_options(ada: PanelClient) -> None:
    assert f'href="{CHANGE}" data-dialog' in ada.get(PAGE).text
    text = ada.get(CHANGE).text
    assert "Valid for 24 more hours" in text
    assert "Ends at once" in text
    assert "if somebody else may know the Pass" in text
    assert "An older Pass is valid until" not in text
    assert len(shown_pass_version(ada)) == 16


@ON_BOTH
@pytest.mark.usefixtures("calling_site")
def test_with_grace_both_are_valid_and_sites_that_need_the_new_key_are_named(app: Flask, ada: PanelClient) -> None:
    before = identity(app)
    answer = change_pass(ada)
    assert answer.status_code == 201
    after = identity(app)
    assert after.passes[1:] == before.passes
    text = answer.text
    assert "The Pass is changed" in text
    assert "The old Pass is valid until" in text
    assert "2 Mar 2026, 12:00" in text
    assert "<bdi>Shop &lt;two&gt; evil</bdi>" in text
    assert "1 Mar 2026, 11:00" in text
    assert f'action="{PAGE}/secrets/sharing-key"' in text
    for secret in (*after.passes, after.sharing_key):
        assert secret not in text, "masked until it is asked for"
    assert after.sharing_key in ada.send(f"{PAGE}/secrets/sharing-key", PAGE).text


@pytest.mark.usefixtures("calling_site")
def test_at_once_only_the_new_pass_is_valid(app: Flask, ada: PanelClient, stopped_clock: MovingClock) -> None:
    before = identity(app)
    assert change_pass(ada, "at_once").status_code == 201
    after = identity(app)
    assert len(after.passes) == 1
    assert after.expired_pass == before.passes[0]
    text = ada.get(PAGE).text
    assert "The old Pass ended" in text
    assert "What these sites send is refused" in text
    assert "Shop &lt;two&gt; evil" in text
    assert f'href="{END}"' not in text
    with app.app_context(), db.transaction() as session:
        passes.save_use(session.get_one(Origin, AUTH), is_old_pass=False, now=clock.now())
    assert "The old Pass" not in ada.get(PAGE).text, "once all sites have the new one, there is no notice"


@pytest.mark.usefixtures("calling_site")
def test_the_page_names_a_site_until_it_calls_with_the_new_pass(
    app: Flask, ada: PanelClient, stopped_clock: MovingClock
) -> None:
    change_pass(ada)
    assert "These sites still use it" in ada.get(PAGE).text
    with app.app_context(), db.transaction() as session:
        passes.save_use(
            session.get_one(Origin, AUTH), is_old_pass=False, now=stopped_clock.advance(timedelta(minutes=1))
        )
    text = ada.get(PAGE).text
    assert "Every site that called recently has the new one." in text
    assert "These sites still use it" not in text
    assert "called recently has the new Pass" in ada.get(END).text


@ON_BOTH
@pytest.mark.usefixtures("calling_site")
def test_the_old_pass_is_ended_early_after_confirmation(app: Flask, ada: PanelClient) -> None:
    change_pass(ada)
    assert f'href="{END}" data-dialog' in ada.get(PAGE).text
    text = ada.get(END).text
    assert "These sites still use the old Pass." in text
    assert "Shop &lt;two&gt; evil" in text
    assert len(identity(app).passes) == 2, "the confirmation page ends nothing"
    answer = ada.send(END)
    assert (answer.status_code, answer.location) == (303, f"{PAGE}#site")
    assert len(identity(app).passes) == 1
    assert "The old Pass has ended" in ada.get(PAGE).text
    assert ada.get(END).status_code == 409
    assert ada.send(END, PAGE).status_code == 303
    assert "There is no old Pass to revoke" in ada.get(PAGE).text


@ON_BOTH
def test_the_form_sent_twice_changes_the_pass_once(app: Flask, ada: PanelClient) -> None:
    fields = {"old": "grace", "pass_version": shown_pass_version(ada)}
    first = identity(app).passes[0]
    assert ada.send(CHANGE, **fields).status_code == 201
    changed = identity(app).passes
    answer = ada.send(CHANGE, **fields)
    assert (answer.status_code, answer.location) == (303, f"{PAGE}#site")
    assert identity(app).passes == changed == (changed[0], first)
    assert "The Pass was changed in the meantime" in ada.get(PAGE).text


def test_a_second_change_warns_and_ends_the_first_old_pass(app: Flask, ada: PanelClient) -> None:
    first = identity(app).passes[0]
    change_pass(ada)
    second = identity(app).passes[0]
    assert "An older Pass is valid until" in ada.get(CHANGE).text
    change_pass(ada)
    assert identity(app).passes[1:] == (second,)
    assert first not in identity(app).passes


@pytest.mark.parametrize("old", ["", "never", "GRACE", "\0", "\ud7ff" * 10_000])
def test_an_unknown_option_changes_nothing(app: Flask, ada: PanelClient, old: str) -> None:
    before = identity(app)
    answer = change_pass(ada, old)
    assert answer.status_code == 422
    assert "Choose what happens to the old Pass." in answer.text
    assert f"{PASS_VERSION}{shown_pass_version(ada)}" in answer.text
    assert identity(app) == before


@pytest.mark.parametrize("submitted", ["", "x", "\0", "é" * 100_000])
def test_a_form_with_another_version_changes_nothing(app: Flask, ada: PanelClient, submitted: str) -> None:
    before = identity(app)
    assert change_pass(ada, pass_version=submitted).status_code == 303
    assert identity(app) == before


def test_a_stranger_changes_nothing(app: Flask, stranger: PanelClient) -> None:
    before = identity(app)
    token = stranger.token()
    for path in (CHANGE, END):
        assert stranger.get(path).status_code == 303
        assert stranger.post(path, {"csrf_token": token, "old": "at_once"}).status_code == 303
    assert identity(app) == before


@pytest.mark.parametrize("settings", [{}])
def test_without_a_public_url_the_new_pass_is_shown(ada: PanelClient) -> None:
    text = change_pass(ada).text
    assert f'action="{PAGE}/secrets/pass"' in text
    assert "sharing-key" not in text.partition("data-sheet")[2].partition("</section>")[0]


def test_the_fingerprint_of_the_key_is_shown(app: Flask, ada: PanelClient) -> None:
    assert f'<code id="key-fingerprint">{format_fingerprint(identity(app).public_key)}</code>' in ada.get(PAGE).text
