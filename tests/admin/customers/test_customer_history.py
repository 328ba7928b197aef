"""A customer's history: every movement, where it was recorded, and where it was delivered."""

import re

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from pointsync.ledger import reserves
from pointsync.ledger.record import Draft, record
from pointsync.models import Customer, Delivery, DeliveryState, Movement, Remote
from tests.admin.conftest import BOTH_DATABASES
from tests.admin.page_text import text_of
from tests.admin.sample_customers import (
    UNKNOWN_AUTH,
    apply_movement,
    create_customer_history,
    record_points,
    set_delivery_states,
)
from tests.admin.sample_remotes import CREATED_AT, add_remote_of_each_status, add_reserve
from tests.support.panel_client import PanelClient
from tests.support.queries import record_queries
from tests.support.site_template import run_in_transaction

HOSTILE = "\"'><script>alert(1)</script>\u202e"
LABEL = re.compile(r'data-label="([^"]+)"[^>]*>(.*?)</t[hd]>', re.DOTALL)


def history_rows(text: str) -> list[dict[str, str]]:
    """The rows of the history, by column."""
    body = text.partition("<tbody")[2].partition("</tbody>")[0]
    return [{label: text_of(cell) for label, cell in LABEL.findall(row)} for row in body.split('<tr role="row">')[1:]]


@pytest.mark.parametrize("database_settings", BOTH_DATABASES, indirect=True)
def test_each_movement_with_all_details(app: Flask, ada: PanelClient) -> None:
    answer = ada.get(f"/customers/{create_customer_history(app)}")
    assert answer.status_code == 200
    refund, unknown, other, stamps, gold, opening, adjusted, spent, earned = history_rows(answer.text)

    assert earned["Description"] == "Order 1001 Earned in Points"
    assert earned["Date"] == "1 Mar 2026, 12:00"
    assert (earned["Points"], earned["Total"], earned["Recorded at"]) == ("+100", "100", "This site API key Shop till")
    assert earned["Delivered"].startswith("Delivered to 4 of 4 Each remote")

    assert (spent["Points"], spent["Total"], spent["Recorded at"]) == ("−30", "70", "This site Hook Mugs")
    summary, _, details = spent["Delivered"].partition("Each remote")
    assert summary == "Delivered to 2 of 4 Refused by Shop 3 . Resolve Waiting for Shop 4 "
    assert "Shop 3 Refused It holds this id with other points." in details
    assert "Shop 4 Customer unknown there No such customer there." in details
    assert "Shop 2 Delivered 1 Mar 2026, 12:00" in details

    assert adjusted["Description"] == "Adjusted In Points"
    assert (adjusted["Points"], adjusted["Total"], adjusted["Recorded at"]) == (
        "−20 set to 50",
        "50",
        "This site Admin Ada",
    )
    assert adjusted["Delivered"].startswith("Delivered to 3 of 4 1 set aside")

    assert opening["Description"] == "Opening balance In Points"
    assert (opening["Recorded at"], opening["Delivered"]) == ("This site Command line", "Stays on this site")
    assert gold["Delivered"] == "Stays on this site: no remote observes the reserve"
    assert gold["Points"] == "+1,250"
    assert (stamps["Points"], stamps["Total"]) == ("−5", "−5")

    assert other["Recorded at"] == "Shop 2"
    assert other["Delivered"] == "Received"
    assert other["Date"] == "1 Mar 2026, 10:00 recorded here 1 Mar 2026, 12:00"
    assert (other["Points"], other["Total"]) == ("−90", "−33 Below zero")
    assert unknown["Recorded at"] == UNKNOWN_AUTH
    assert refund["Description"] == "Refunded In Points"
    assert refund["Delivered"].startswith(
        "Delivered to 0 of 4 Waiting for https://shop-1.test/points , Shop 2 , Shop 3 and 1 more"
    )


def test_points_have_a_sign_and_a_colour(app: Flask, ada: PanelClient) -> None:
    text = ada.get(f"/customers/{create_customer_history(app)}").text
    assert '<span class="points-plus">+100</span>' in text
    assert '<span class="points-minus">−30</span>' in text


def test_the_page_starts_with_the_customer_and_the_balances(app: Flask, ada: PanelClient) -> None:
    row = create_customer_history(app)
    text = ada.get(f"/customers/{row}").text
    assert '<h1 id="customer"><bdi dir="ltr">anna@shop.test</bdi></h1>' in text
    assert '<li aria-current="page"><span><bdi dir="ltr">anna@shop.test</bdi></span></li>' in text
    assert "<title>anna@shop.test" in text
    assert f'href="/customers/points?customer={row}" data-dialog' in text
    head = text_of(text.partition('class="customer-balances"')[2].partition("</dl>")[0].partition(">")[2])
    gold, below = r"Gold points.* 1,250 Why 1,250\? In Gold.*", "Below zero Why"
    assert re.fullmatch(rf"Points −28 {below} −28\? In Points {gold} Stamps −5 {below} −5\? In Stamps", head)


def test_only_one_reserve(app: Flask, ada: PanelClient) -> None:
    row = create_customer_history(app)
    assert [each["Points"] for each in history_rows(ada.get(f"/customers/{row}?reserve=stamps").text)] == ["−5"]
    assert len(history_rows(ada.get(f"/customers/{row}?reserve=").text)) == 9
    bob = run_in_transaction(app, lambda session: record_points(session, "bob@shop.test", 5))
    assert "No movements in this reserve." in ada.get(f"/customers/{bob}?reserve=gold").text


def test_a_site_with_one_reserve_does_not_mention_it(app: Flask, ada: PanelClient) -> None:
    row = run_in_transaction(app, lambda session: record_points(session, "anna@shop.test", 5))
    text = ada.get(f"/customers/{row}").text
    assert 'name="reserve"' not in text
    assert history_rows(text)[0]["Description"] == "Earned"


def test_a_customer_without_any_movement(app: Flask, ada: PanelClient) -> None:
    def add(session: Session) -> int:
        customer = Customer(email="new@shop.test", created_at=CREATED_AT)
        session.add(customer)
        session.flush()
        return customer.id

    answer = ada.get(f"/customers/{run_in_transaction(app, add)}")
    assert answer.status_code == 200
    assert "No movements yet." in answer.text


@pytest.mark.parametrize(
    ("kind", "label"),
    [
        ("earn", "Earned"),
        ("spend", "Spent"),
        ("refund", "Refunded"),
        ("manual", "Adjusted"),
        ("import", "Imported"),
        ("redeem", "Redeemed"),
        ("opening", "Opening balance"),
        ("correction", "Corrected"),
        ("expire", "Expired"),
    ],
)
def test_the_label_of_each_kind(app: Flask, ada: PanelClient, kind: str, label: str) -> None:
    def change(session: Session) -> int:
        row = record_points(session, "anna@shop.test", 5)
        session.scalars(select(Movement)).one().kind = kind
        return row

    assert history_rows(ada.get(f"/customers/{run_in_transaction(app, change)}").text)[0]["Description"] == label


@pytest.mark.parametrize(
    ("states", "css_class"),
    [
        ({}, "status-green"),
        ({"remote_1": DeliveryState.PENDING}, "status-warning"),
        ({"remote_1": DeliveryState.PENDING, "remote_2": DeliveryState.FAILED}, "status-error"),
        ({f"remote_{number}": DeliveryState.SET_ASIDE for number in range(1, 5)}, "status-none"),
    ],
)
def test_the_most_serious_delivery_sets_the_colour(
    app: Flask, ada: PanelClient, states: dict[str, DeliveryState], css_class: str
) -> None:
    run_in_transaction(app, add_remote_of_each_status)
    row = run_in_transaction(app, lambda session: record_points(session, "anna@shop.test", 5))
    run_in_transaction(
        app, lambda session: set_delivery_states(session, 1, **{name: (state, None) for name, state in states.items()})
    )
    text = ada.get(f"/customers/{row}").text
    summary = text.partition("<tbody")[2].partition('<details class="delivery-summary"')[0]
    assert css_class in summary
    assert f"Delivered to {4 - len(states)} of 4" in summary


@pytest.mark.parametrize("database_settings", BOTH_DATABASES, indirect=True)
def test_paging(app: Flask, ada: PanelClient) -> None:
    run_in_transaction(app, lambda session: add_reserve(session, "gold"))
    row = run_in_transaction(app, lambda session: record_points(session, "anna@shop.test", *range(1, 26)))
    url, listed = f"/customers/{row}?reserve=default&size=10", []
    first = history_rows(ada.get(url).text)
    for _ in range(3):
        text = ada.get(url).text
        listed += [each["Points"] for each in history_rows(text)]
        links = {
            name: href.replace("&amp;", "&")
            for href, name in re.findall(r'href="([^"]+)" aria-label="(\w+) page"', text)
        }
        assert all("reserve=default" in href and "size=10" in href for href in links.values())
        url = links.get("Next", url)
    assert listed == [f"+{number}" for number in range(25, 0, -1)]
    assert history_rows(ada.get(links["First"]).text) == first


@pytest.mark.parametrize("number", ["0", "2", "9223372036854775807", "9223372036854775808", "1" * 40, "-1", "x", "%00"])
def test_a_customer_who_does_not_exist(app: Flask, ada: PanelClient, number: str) -> None:
    run_in_transaction(app, lambda session: record_points(session, "anna@shop.test", 5))
    assert ada.get(f"/customers/{number}").status_code == 404


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("reserve=silver", 'id="reserve-error">There is no such points reserve'),
        ("reserve=%00", 'id="reserve-error">There is no such points reserve'),
        ("cursor=silly", "This address does not lead to a page"),
        ("size=11", "A page has 10, 20, 40 or 80 rows."),
    ],
)
def test_an_error_in_the_url(app: Flask, ada: PanelClient, query: str, sentence: str) -> None:
    answer = ada.get(f"/customers/{create_customer_history(app)}?{query}")
    assert answer.status_code == 422
    assert sentence in answer.text
    assert history_rows(answer.text) == []
    assert "anna@shop.test" in answer.text


def test_hostile_text_is_escaped(app: Flask, ada: PanelClient) -> None:
    def create(session: Session) -> int:
        reserves.create(session, "gold", HOSTILE, CREATED_AT)
        add_remote_of_each_status(session)
        movement = record(session, [Draft("anna@shop.test", 5, ref="1")], f"api:{HOSTILE}", CREATED_AT)[0].movement
        movement.reason = HOSTILE
        apply_movement(session, "anna@shop.test", 5, "wrk_0000000000000002")
        for remote in session.scalars(select(Remote)):
            remote.name = HOSTILE
        return movement.customer_id

    def refuse(session: Session) -> None:
        session.get_one(Customer, row).email = f"{HOSTILE}@shop.test"
        for delivery in session.scalars(select(Delivery)):
            delivery.state, delivery.message = DeliveryState.FAILED, HOSTILE

    row = run_in_transaction(app, create)
    run_in_transaction(app, refuse)
    text = ada.get(f"/customers/{row}").text
    assert text.count("&lt;script&gt;alert(1)") > 8
    assert "<script>alert" not in text
    assert "\u202e" not in text


def test_a_visitor_sees_nothing(app: Flask, stranger: PanelClient) -> None:
    row = run_in_transaction(app, lambda session: record_points(session, "anna@shop.test", 5))
    answer = stranger.get(f"/customers/{row}")
    assert answer.status_code == 303
    assert "anna" not in answer.text


def test_the_number_of_queries_does_not_grow(app: Flask, ada: PanelClient) -> None:
    def query_count() -> int:
        with app.app_context(), record_queries() as found:
            assert ada.get(f"/customers/{row}?size=80").status_code == 200
        return len(found)

    run_in_transaction(app, add_remote_of_each_status)
    row = run_in_transaction(app, lambda session: record_points(session, "anna@shop.test", 5))
    few = query_count()
    run_in_transaction(app, lambda session: record_points(session, "anna@shop.test", *range(1, 90)))
    run_in_transaction(app, lambda session: [add_reserve(session, f"r{number}") for number in range(4)])
    assert query_count() == few
