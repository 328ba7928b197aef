"""A customer's addresses on the page, and the forms that change them."""

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from pointsync import clock
from pointsync.ledger.people import find_alike, pairs
from pointsync.ledger.record import Draft, record
from pointsync.models import Customer
from tests.admin.conftest import BOTH_DATABASES
from tests.admin.page_text import text_of
from tests.support.panel_client import PanelClient
from tests.support.site_template import run_in_transaction

ALICE, BOB, NEW = "alice@shop.test", "bob@shop.test", "alice@new.test"


def give(app: Flask, email: str, points: int) -> int:
    """Give points; the row id of the address."""

    def run(session: Session) -> int:
        record(session, [Draft(email, points)], "test", clock.now())
        return session.scalars(select(Customer.id).where(Customer.email == email)).one()

    return run_in_transaction(app, run)


def follow(ada: PanelClient, answer) -> str:
    """The text of the page to which an answer leads."""
    assert answer.status_code == 303, answer.text
    return text_of(ada.get(answer.location).text)


def test_a_new_address(app: Flask, ada: PanelClient) -> None:
    customer_id = give(app, ALICE, 5)
    assert "Other addresses" not in text_of(ada.get(f"/customers/{customer_id}").text)
    page = follow(ada, ada.send(f"/customers/{customer_id}/rename", to=f" {NEW} "))
    assert f"{ALICE} was renamed to {NEW}." in page
    assert "Other addresses" in page
    assert NEW in text_of(ada.get(f"/customers/{customer_id}").text), "old links lead to the customer"


@pytest.mark.parametrize("database_settings", BOTH_DATABASES, indirect=True)
def test_merged_and_unmerged(app: Flask, ada: PanelClient) -> None:
    give(app, ALICE, 5)
    customer_id = give(app, BOB, 7)
    page = follow(ada, ada.send(f"/customers/{customer_id}/merge", other=ALICE))
    assert f"{ALICE} was merged into {BOB}." in page
    assert "12" in page
    html = ada.get(f"/customers/{customer_id}").text
    path = html.split("/undo-merge/")[1].split('"')[0]
    assert ALICE in text_of(ada.get(f"/customers/{customer_id}/undo-merge/{path}").text)
    page = follow(ada, ada.send(f"/customers/{customer_id}/undo-merge/{path}"))
    assert "are two customers again" in page
    assert ada.get(f"/customers/{customer_id}/undo-merge/{path}").status_code == 404


@pytest.mark.parametrize("form", ["rename", "merge"])
@pytest.mark.parametrize("email", ["", "nobody", BOB])
def test_what_is_refused_is_said_at_the_field(app: Flask, ada: PanelClient, form: str, email: str) -> None:
    customer_id = give(app, ALICE, 5)
    if form == "rename":
        give(app, BOB, 7)
    answer = ada.send(f"/customers/{customer_id}/{form}", to=email, other=email)
    assert answer.status_code == 422
    assert 'aria-invalid="true"' in answer.text


@pytest.mark.parametrize("database_settings", BOTH_DATABASES, indirect=True)
def test_duplicates_are_merged_or_marked_as_not_the_same(app: Flask, ada: PanelClient) -> None:
    assert "No duplicates" in text_of(ada.get("/customers/duplicates").text)
    ids = [give(app, email, 5) for email in (ALICE, "al.ice@shop.test", "alice+2@shop.test")]
    run_in_transaction(app, lambda session: find_alike.process_next_chunk(session, clock.now()))
    page = ada.get("/customers/duplicates").text
    assert "2 pairs" in text_of(page)
    page = follow(ada, ada.send(f"/customers/{ids[0]}/not/{ids[2]}", page="/customers/duplicates"))
    assert f"{ALICE} and alice+2@shop.test are not listed any more" in page
    form = ada.get(f"/customers/{ids[0]}/merge?other={ids[1]}").text
    assert 'value="al.ice@shop.test"' in form
    assert f"/customers/{ids[1]}/merge?other={ids[0]}" in form
    follow(ada, ada.send(f"/customers/{ids[0]}/merge", other="al.ice@shop.test"))
    assert "instead" not in text_of(ada.get(f"/customers/{ids[0]}/merge?other={ids[1]}").text), "they are one"
    assert "No duplicates" in text_of(ada.get("/customers/duplicates").text)
    assert "belong to one customer" in follow(
        ada, ada.send(f"/customers/{ids[0]}/not/{ids[1]}", page=f"/customers/{ids[0]}/rename")
    )


def test_what_a_shop_wanted_needs_attention(app: Flask, ada: PanelClient) -> None:
    for email in (ALICE, BOB):
        give(app, email, 5)
    assert "not renamed" not in text_of(ada.get("/").text)
    run_in_transaction(app, lambda session: pairs.note_asked(session, ALICE, BOB, "api:tea", clock.now()))
    assert "1 customer was not renamed" in text_of(ada.get("/").text)
    assert "API key tea" in text_of(ada.get("/customers/duplicates").text)
