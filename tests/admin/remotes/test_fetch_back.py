"""System › Network: lost movements that come back, and what an admin decides about them."""

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from pointsync import clock, db, digests
from pointsync.ledger.fetch_back import state, take_in
from pointsync.ledger.record import Draft, record
from pointsync.models import Movement, RemoteFetch
from pointsync.sync.fetch_back import run
from pointsync.sync.fetch_back.fetch import save_page
from pointsync.sync.fetch_back.page import FetchedMovement, FetchedPage
from tests.admin import sample_remotes
from tests.admin.home.dashboard_page import attention_texts
from tests.admin.page_text import main_text
from tests.support.panel_client import PanelClient
from tests.support.site_template import run_in_transaction

PAGE = "/system/network"
MOVEMENT_ID = 1001
CUSTOMER = "anna@shop.test"


def returned(points: int = 10) -> FetchedMovement:
    """A movement of this site as a remote returns it."""
    digest = digests.digest(str(MOVEMENT_ID), points, CUSTOMER)
    at = sample_remotes.CREATED_AT
    return FetchedMovement(
        MOVEMENT_ID, CUSTOMER, points, "earn", "Order <i>1", at, "order-1", "api:shop", digest, is_altered=False
    )


@pytest.fixture
def remote_ids(app: Flask) -> list[int]:
    """Two remotes that are waited for."""

    def prepare(session: Session) -> list[int]:
        remotes = [
            sample_remotes.add_remote(session, f"https://{name}.test", f"wrk_{number:016x}")
            for number, name in enumerate(("tea", "mugs"), start=1)
        ]
        for remote, name in zip(remotes, ("Tea <b>shop</b>", "Mug shop"), strict=True):
            remote.name, remote.dialect = name, "pointsync"
        state.begin(session, clock.now())
        run.add_missing(session, clock.now())
        return [remote.id for remote in remotes]

    return run_in_transaction(app, prepare)


def give_back(app: Flask, remote_id: int, *movements: FetchedMovement) -> None:
    """A remote returns everything that it has, and it is recorded once all have."""
    page = FetchedPage(list(movements), 0, None, len(movements))

    def save(session: Session) -> None:
        save_page(session, remote_id, 0, page, clock.now())
        if run.has_more_to_record(session):
            while take_in.record_next_chunk(session, clock.now()):
                pass
            run.complete(session)

    run_in_transaction(app, save)


def test_the_progress_is_shown(app: Flask, ada: PanelClient, remote_ids: list[int]) -> None:
    def fail(session: Session) -> None:
        session.get_one(RemoteFetch, remote_ids[1]).message = "mugs.test did not <i>answer."

    run_in_transaction(app, fail)
    give_back(app, remote_ids[0], returned())
    text = ada.get(PAGE).text
    content = main_text(text)
    assert (
        "This site fetches its lost movements back. It waits for 1 remote of 2, which returned 0 movements so far."
        in content
    )
    assert "Tea <b>shop</b> Fetched: 1 movement. 1" in content
    assert "mugs.test did not <i>answer." in content
    assert "<i>answer" not in text
    items = " ".join(attention_texts(ada.get("/").text))
    assert "This site fetches its lost movements back, and sends nothing until then." in items
    remote_list = main_text(ada.get("/system/points-sync").text)
    assert "Nothing is sent until this site has its lost movements back." in remote_list


def test_a_site_without_lost_movements_shows_nothing_of_it(ada: PanelClient) -> None:
    assert "Lost movements" not in ada.get(PAGE).text


def test_continuing_without_a_site(app: Flask, ada: PanelClient, remote_ids: list[int]) -> None:
    give_back(app, remote_ids[0])
    path = f"{PAGE}/fetch-back/{remote_ids[1]}/skip"
    assert "Movements that only Mug shop has do not come back yet." in main_text(ada.get(path).text)
    assert ada.send(path).location == f"{PAGE}#fetch-back"
    content = main_text(ada.get(PAGE).text)
    assert "Continuing without it." in content
    assert "Continued without it." in content
    again = ada.send(path)
    assert again.status_code == 303
    assert "is not waited for" in main_text(ada.get(PAGE).text)
    assert ada.send(f"{PAGE}/fetch-back/{remote_ids[1]}/retries", PAGE).status_code == 303
    assert ada.get(f"{PAGE}/fetch-back/99/skip").status_code == 404


def test_closing_the_list_of_a_site_that_was_set_up_again(app: Flask, ada: PanelClient, remote_ids: list[int]) -> None:
    assert ada.send(f"{PAGE}/fetch-back/end", PAGE).status_code == 303
    assert "It ends by itself when every remote was fetched." in main_text(ada.get(PAGE).text)
    run_in_transaction(app, lambda session: state.begin(session, clock.now(), is_open=True))
    assert "All sites are listed" in main_text(ada.get(PAGE).text)
    assert ada.send(f"{PAGE}/fetch-back/end", PAGE).status_code == 303
    assert "All sites are listed" not in main_text(ada.get(PAGE).text)


class TestDecisions:
    @pytest.fixture
    def path(self, app: Flask, remote_ids: list[int]) -> str:
        """The shop has repeated the order with other points."""
        run_in_transaction(
            app,
            lambda session: (
                state.finish(session),
                record(session, [Draft(CUSTOMER, 15, ref="order-1")], "api:shop", clock.now()),
                state.begin(session, clock.now()),
                run.add_missing(session, clock.now()),
            ),
        )
        give_back(app, remote_ids[0], returned())
        give_back(app, remote_ids[1])
        return f"{PAGE}/returned/{MOVEMENT_ID}/decide"

    def test_both_values_are_shown(self, ada: PanelClient, path: str) -> None:
        content = main_text(ada.get(PAGE).text)
        assert "The shop recorded its ref here again with other content." in content
        assert "+10 for anna@shop.test in default" in content
        assert "+15 for anna@shop.test in default" in content
        assert "1 movement came back but was not recorded." in " ".join(attention_texts(ada.get("/").text))
        text = ada.get(path).text
        sheet = main_text(text)
        assert "Returned by Tea <b>shop</b>: +10" in sheet
        assert "Recorded here: +15" in sheet
        assert "<b>shop" not in text
        assert "<i>1" not in text

    def test_a_choice_is_carried_out(self, app: Flask, ada: PanelClient, path: str) -> None:
        for choice in ("", "all", "99"):
            refused = ada.send(path, choice=choice)
            assert refused.status_code == 422, choice
            assert "Choose one of returned, here, both." in main_text(refused.text)
        assert ada.send(path, choice="returned").status_code == 303
        assert ada.get(path).status_code == 404
        with app.app_context():
            assert str(MOVEMENT_ID) in set(db.session.scalars(select(Movement.id)))
        assert "Decided." in main_text(ada.get(PAGE).text)


def test_if_the_sites_differ_one_of_them_is_chosen(app: Flask, ada: PanelClient, remote_ids: list[int]) -> None:
    give_back(app, remote_ids[0], returned())
    give_back(app, remote_ids[1], returned(11))
    path = f"{PAGE}/returned/{MOVEMENT_ID}/decide"
    assert "What Mug shop returned counts" in main_text(ada.get(path).text)
    assert ada.send(path, choice="returned").status_code == 422
    assert ada.send(path, choice=f"returned:{remote_ids[1]}").status_code == 303
    with app.app_context():
        assert db.session.scalars(select(Movement.points)).all() == [11]
