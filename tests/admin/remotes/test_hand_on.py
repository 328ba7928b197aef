"""System › Network: the movements of a site that is gone."""

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from pointsync import clock
from pointsync.ledger.apply import IncomingMovement, apply
from tests.admin import sample_remotes
from tests.admin.page_text import main_text
from tests.support.apps import get_reserve
from tests.support.panel_client import PanelClient
from tests.support.site_template import run_in_transaction

PAGE = "/system/network"
GONE, TEA = "wrk_" + "a" * 16, "wrk_" + "b" * 16


@pytest.fixture
def movements(app: Flask) -> None:
    """Two movements of a site that is gone, and a remote."""

    def prepare(session: Session) -> None:
        remote = sample_remotes.add_remote(session, "https://tea.test", TEA)
        remote.name, remote.dialect = "Tea <b>shop</b>", "pointsync"
        incoming = [IncomingMovement(str(number), "anna@shop.test", 10) for number in (1, 2)]
        apply(session, GONE, get_reserve(session), incoming, clock.now())

    run_in_transaction(app, prepare)


@pytest.mark.usefixtures("movements")
def test_handing_on_is_started_and_stopped(ada: PanelClient) -> None:
    path = f"{PAGE}/hand-on"
    for auth, message in (("", "Enter the site"), (TEA, "No movements"), ("x", "Enter the site")):
        refused = ada.send(path, auth=auth)
        assert refused.status_code == 422
        assert message in main_text(refused.text)
    assert ada.send(path, auth=GONE.upper()).location == f"{PAGE}#hand-on"
    content = main_text(ada.get(PAGE).text)
    assert "Its movements are handed on to 1 remote, whose admins must allow it there." in content
    assert f"{GONE} Tea <b>shop</b> Handed on 0 of 2" in content
    assert ada.send(f"{path}/stops", PAGE, auth=GONE).status_code == 303
    assert "Stopped. What was handed on stays." in main_text(ada.get(PAGE).text)
    assert ada.send(f"{path}/stops", PAGE, auth=GONE).status_code == 303
    assert "are not handed on now" in main_text(ada.get(PAGE).text)


@pytest.mark.usefixtures("movements")
def test_a_site_is_allowed_to_hand_on(ada: PanelClient) -> None:
    path = f"{PAGE}/hand-on/allow"
    refused = ada.send(path, origin=GONE, sender=GONE)
    assert refused.status_code == 422
    assert "Name another site." in main_text(refused.text)
    assert ada.send(path, origin=GONE, sender=TEA).status_code == 303
    content = main_text(ada.get(PAGE).text)
    assert f"{GONE} Tea <b>shop</b>{TEA} Ada" in content.replace(f" {TEA}", TEA)
    withdrawal = {"origin": GONE, "sender": TEA}
    assert ada.send(f"{PAGE}/hand-on/withdrawals", PAGE, **withdrawal).status_code == 303
    assert "Withdrawn." in main_text(ada.get(PAGE).text)
    assert ada.send(f"{PAGE}/hand-on/withdrawals", PAGE, **withdrawal).status_code == 303
    assert "is not allowed to hand on" in main_text(ada.get(PAGE).text)
