"""A customer's history: what happened, where it was made, and where it went."""

import re

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from pointsync.ledger import reserves
from pointsync.ledger.record import Draft, record
from pointsync.models import Customer, Delivery, Movement, Remote, State
from tests.admin.conftest import BOTH
from tests.admin.page_text import plain
from tests.admin.sample_customers import STRANGER, fill_history, receive, sell, set_state
from tests.admin.sample_remotes import MADE, add_four, add_reserve
from tests.support.panel_client import Visitor
from tests.support.queries import watched
from tests.support.site_template import change

HOSTILE = "\"'><script>alert(1)</script>\u202e"
LABEL = re.compile(r'data-label="([^"]+)"[^>]*>(.*?)</t[hd]>', re.DOTALL)


def rows(text: str) -> list[dict[str, str]]:
    """The lines of the history, by column."""
    body = text.partition("<tbody")[2].partition("</tbody>")[0]
    return [{label: plain(cell) for label, cell in LABEL.findall(row)} for row in body.split('<tr role="row">')[1:]]


@pytest.mark.parametrize("where", BOTH, indirect=True)
def test_each_movement_with_all_there_is_to_know(app: Flask, ada: Visitor) -> None:
    answer = ada.get(f"/customers/{fill_history(app)}")
    assert answer.status_code == 200
    refund, stranger, other, stamps, gold, opening, by_hand, spent, earned = rows(answer.text)

    assert earned["Description"] == "Order 1001 Earned in Points"
    assert earned["Date"] == "1 Mar 2026, 12:00"
    assert (earned["Points"], earned["Total"], earned["Where from"]) == ("+100", "100", "This site API key Shop till")
    assert earned["Delivered"].startswith("To 4 of 4 Each remote")

    assert (spent["Points"], spent["Total"], spent["Where from"]) == ("−30", "70", "This site Hook Mugs")
    at_once, _, folded = spent["Delivered"].partition("Each remote")
    assert at_once == "To 2 of 4 Refused by Shop 3 . What can be done Waiting for Shop 4 "
    assert "Shop 3 Refused It holds this id with other points." in folded
    assert "Shop 4 Customer unknown there No such customer there." in folded
    assert "Shop 2 Delivered 1 Mar 2026, 12:00" in folded

    assert by_hand["Description"] == "By hand In Points"
    assert (by_hand["Points"], by_hand["Total"], by_hand["Where from"]) == (
        "−20 set to 50",
        "50",
        "This site Ada, by hand",
    )
    assert by_hand["Delivered"].startswith("To 3 of 4 1 set aside")

    assert opening["Description"] == "Opening balance In Points"
    assert (opening["Where from"], opening["Delivered"]) == ("This site Command line", "Stays here")
    assert gold["Delivered"] == "Stays here: no remote to send it to"
    assert gold["Points"] == "+1,250"
    assert (stamps["Points"], stamps["Total"]) == ("−5", "−5")

    assert other["Where from"] == "Shop 2"
    assert other["Delivered"] == "Made there, not sent on"
    assert other["Date"] == "1 Mar 2026, 10:00 here 1 Mar 2026, 12:00"
    assert (other["Points"], other["Total"]) == ("−90", "−33 Below zero")
    assert stranger["Where from"] == STRANGER
    assert refund["Description"] == "Refund In Points"
    assert refund["Delivered"].startswith(
        "To 0 of 4 Waiting for https://shop-1.test/points , Shop 2 , Shop 3 and 1 more"
    )


def test_points_have_a_colour_beside_their_sign(app: Flask, ada: Visitor) -> None:
    text = ada.get(f"/customers/{fill_history(app)}").text
    assert '<span class="points-plus">+100</span>' in text
    assert '<span class="points-minus">−30</span>' in text


def test_the_head_names_the_customer_and_the_balances(app: Flask, ada: Visitor) -> None:
    row = fill_history(app)
    text = ada.get(f"/customers/{row}").text
    assert '<h1 id="customer"><bdi dir="ltr">anna@shop.test</bdi></h1>' in text
    assert '<li aria-current="page"><span><bdi dir="ltr">anna@shop.test</bdi></span></li>' in text
    assert "<title>anna@shop.test" in text
    assert f'href="/customers/points?customer={row}" data-dialog' in text
    head = plain(text.partition('class="customer-balances"')[2].partition("</dl>")[0].partition(">")[2])
    gold, below = r"Gold points.* 1,250 Why 1,250\? In Gold.*", "Below zero Why"
    assert re.fullmatch(rf"Points −28 {below} −28\? In Points {gold} Stamps −5 {below} −5\? In Stamps", head)


def test_only_one_reserve(app: Flask, ada: Visitor) -> None:
    row = fill_history(app)
    assert [each["Points"] for each in rows(ada.get(f"/customers/{row}?reserve=stamps").text)] == ["−5"]
    assert len(rows(ada.get(f"/customers/{row}?reserve=").text)) == 9
    bob = change(app, lambda session: sell(session, "bob@shop.test", 5))
    assert "Nothing in this reserve." in ada.get(f"/customers/{bob}?reserve=gold").text


def test_a_site_with_one_reserve_does_not_speak_of_it(app: Flask, ada: Visitor) -> None:
    row = change(app, lambda session: sell(session, "anna@shop.test", 5))
    text = ada.get(f"/customers/{row}").text
    assert 'name="reserve"' not in text
    assert rows(text)[0]["Description"] == "Earned"


def test_a_customer_without_any_movement(app: Flask, ada: Visitor) -> None:
    def add(session: Session) -> int:
        customer = Customer(email="new@shop.test", created_at=MADE)
        session.add(customer)
        session.flush()
        return customer.id

    answer = ada.get(f"/customers/{change(app, add)}")
    assert answer.status_code == 200
    assert "No points yet." in answer.text


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("earn", "Earned"),
        ("spend", "Spent"),
        ("refund", "Refund"),
        ("manual", "By hand"),
        ("import", "Import"),
        ("redeem", "Redeemed"),
        ("opening", "Opening balance"),
        ("correction", "Correction"),
        ("expire", "Expired"),
    ],
)
def test_each_kind_in_words(app: Flask, ada: Visitor, kind: str, said: str) -> None:
    def make(session: Session) -> int:
        row = sell(session, "anna@shop.test", 5)
        session.scalars(select(Movement)).one().kind = kind
        return row

    assert rows(ada.get(f"/customers/{change(app, make)}").text)[0]["Description"] == said


@pytest.mark.parametrize(
    ("states", "said"),
    [
        ({}, "status-green"),
        ({"remote_1": State.PENDING}, "status-warning"),
        ({"remote_1": State.PENDING, "remote_2": State.FAILED}, "status-error"),
        ({f"remote_{number}": State.ASIDE for number in range(1, 5)}, "status-none"),
    ],
)
def test_the_gravest_of_the_deliveries_colours_it(
    app: Flask, ada: Visitor, states: dict[str, State], said: str
) -> None:
    change(app, add_four)
    row = change(app, lambda session: sell(session, "anna@shop.test", 5))
    change(app, lambda session: set_state(session, 1, **{name: (state, None) for name, state in states.items()}))
    text = ada.get(f"/customers/{row}").text
    short = text.partition("<tbody")[2].partition('<details class="way"')[0]
    assert said in short
    assert f"To {4 - len(states)} of 4" in short


@pytest.mark.parametrize("where", BOTH, indirect=True)
def test_there_and_back_in_pages(app: Flask, ada: Visitor) -> None:
    change(app, lambda session: add_reserve(session, "gold"))
    row = change(app, lambda session: sell(session, "anna@shop.test", *range(1, 26)))
    at, seen = f"/customers/{row}?reserve=default&size=10", []
    first = rows(ada.get(at).text)
    for _ in range(3):
        text = ada.get(at).text
        seen += [each["Points"] for each in rows(text)]
        way = {
            name: href.replace("&amp;", "&")
            for href, name in re.findall(r'href="([^"]+)" aria-label="(\w+) page"', text)
        }
        assert all("reserve=default" in href and "size=10" in href for href in way.values())
        at = way.get("Next", at)
    assert seen == [f"+{number}" for number in range(25, 0, -1)]
    assert rows(ada.get(way["First"]).text) == first


@pytest.mark.parametrize("number", ["0", "2", "9223372036854775807", "9223372036854775808", "1" * 40, "-1", "x", "%00"])
def test_who_is_not_there(app: Flask, ada: Visitor, number: str) -> None:
    change(app, lambda session: sell(session, "anna@shop.test", 5))
    assert ada.get(f"/customers/{number}").status_code == 404


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("reserve=silver", 'id="reserve-wrong">There is no such points reserve here'),
        ("reserve=%00", 'id="reserve-wrong">There is no such points reserve here'),
        ("cursor=silly", "This address leads to no page"),
        ("size=11", "A page has 10, 20, 40 or 80 rows."),
    ],
)
def test_what_cannot_be_right_is_said(app: Flask, ada: Visitor, query: str, sentence: str) -> None:
    answer = ada.get(f"/customers/{fill_history(app)}?{query}")
    assert answer.status_code == 422
    assert sentence in answer.text
    assert rows(answer.text) == []
    assert "anna@shop.test" in answer.text


def test_hostile_text_is_escaped(app: Flask, ada: Visitor) -> None:
    def make(session: Session) -> int:
        reserves.add(session, "gold", HOSTILE, MADE)
        add_four(session)
        made = record(session, [Draft("anna@shop.test", 5, ref="1")], f"api:{HOSTILE}", MADE)[0].movement
        made.reason = HOSTILE
        receive(session, "anna@shop.test", 5, "wrk_0000000000000002")
        for remote in session.scalars(select(Remote)):
            remote.name = HOSTILE
        return made.customer_id

    def settle(session: Session) -> None:
        session.get_one(Customer, row).email = f"{HOSTILE}@shop.test"
        for delivery in session.scalars(select(Delivery)):
            delivery.state, delivery.message = State.FAILED, HOSTILE

    row = change(app, make)
    change(app, settle)
    text = ada.get(f"/customers/{row}").text
    assert text.count("&lt;script&gt;alert(1)") > 8
    assert "<script>alert" not in text
    assert "\u202e" not in text


def test_a_stranger_sees_nothing(app: Flask, stranger: Visitor) -> None:
    row = change(app, lambda session: sell(session, "anna@shop.test", 5))
    answer = stranger.get(f"/customers/{row}")
    assert answer.status_code == 303
    assert "anna" not in answer.text


def test_its_queries_do_not_grow_with_the_history(app: Flask, ada: Visitor) -> None:
    def asked() -> int:
        with app.app_context(), watched() as found:
            assert ada.get(f"/customers/{row}?size=80").status_code == 200
        return len(found)

    change(app, add_four)
    row = change(app, lambda session: sell(session, "anna@shop.test", 5))
    few = asked()
    change(app, lambda session: sell(session, "anna@shop.test", *range(1, 90)))
    change(app, lambda session: [add_reserve(session, f"r{number}") for number in range(4)])
    assert asked() == few
