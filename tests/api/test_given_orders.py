"""A shop whose database was restored learns which orders it has lost: `GET /orders/given`."""

from datetime import timedelta
from urllib.parse import quote

import pytest

from pointsync import clock
from tests.api.api_clients import ApiClient, make_order
from tests.api.test_orders import AddRule
from tests.support.moving_clock import MovingClock


def given(api_client: ApiClient, query: str = "") -> list[tuple[int, str, int]]:
    answer = api_client.get(f"/orders/given{query}")
    assert answer.status_code == 200, answer.text
    return [(each["id"], each["order_key"], each["points"]) for each in answer.json["orders"]]


def test_orders_with_points_are_listed(add_order_rule: AddRule, api_client: ApiClient) -> None:
    assert given(api_client) == [], "a shop without a rule"
    add_order_rule()
    assert given(api_client) == [], "a shop without orders"
    orders = [make_order(id=n, order_key=f"key-{n}") for n in (19, 17, 18)]
    api_client.report(*orders, make_order(id=20, status="on-hold"))
    assert given(api_client) == [(n, f"key-{n}", 100) for n in (17, 18, 19)]
    api_client.report({"id": 18, "deleted": True})
    assert [each[0] for each in given(api_client)] == [17, 19]
    api_client.report(make_order(id=17, order_key="another", date_modified_gmt="2027-01-01T10:00:00"))
    assert given(api_client) == [(17, "another", 100), (19, "key-19", 100)]


def test_only_those_that_were_reported_since(
    add_order_rule: AddRule, api_client: ApiClient, moving_clock: MovingClock
) -> None:
    add_order_rule()
    api_client.report(make_order(id=1))
    moving_clock.advance(timedelta(minutes=5))
    seen_at = api_client.report(make_order(id=2)).json["seen_at"]
    moving_clock.advance(timedelta(minutes=5))
    api_client.report(make_order(id=3))
    assert [each[0] for each in given(api_client, f"?since={seen_at}")] == [2, 3]
    later = clock.to_text(clock.now() + timedelta(minutes=1))
    assert given(api_client, f"?since={quote(later)}") == []


def test_they_come_in_pages(add_order_rule: AddRule, api_client: ApiClient) -> None:
    add_order_rule()
    api_client.report(*(make_order(id=n) for n in range(1, 6)))
    found, position = [], ""
    for _ in range(3):
        page = api_client.get(f"/orders/given?limit=2{position}").json
        found.append([each["id"] for each in page["orders"]])
        position = f"&after={page['next']}"
    assert found == [[1, 2], [3, 4], [5]]
    assert page["next"] is None


@pytest.mark.parametrize("query", ["since=yesterday", "since=2026-11-29", "since=a&since=b", "after=x", "limit=0"])
def test_a_wrong_parameter_is_named(api_client: ApiClient, query: str) -> None:
    answer = api_client.get(f"/orders/given?{query}")
    assert answer.status_code == 422
    assert list(answer.json["error"]["fields"]) == [query.partition("=")[0]]
