"""The list of customers: search, order and pages, by index on both databases."""

from datetime import timedelta

import pytest

from pointsync import db
from pointsync.errors import InvalidInput
from pointsync.ledger import customer_list, reserves
from pointsync.ledger.record import Draft, record
from pointsync.models import Customer
from tests.support.apps import get_reserve
from tests.support.bulk_rows import insert_rows
from tests.support.moving_clock import START as NOW
from tests.support.queries import queries_of

PEOPLE = {
    "ärin@x.example": 5,
    "anna@x.example": 50,
    "anna_b@x.example": -3,
    "anna%b@x.example": 7,
    "anna-b@x.example": 7,
    "annab@x.example": 7,
    "bob@xn--mhl-hoa.example": 0,
    "zoe@x.example": 1,
}


@pytest.fixture(autouse=True)
def gold(app) -> None:
    """A second reserve."""
    with db.transaction() as session:
        reserves.create(session, "gold", None, NOW)


@pytest.fixture
def customers(app) -> None:
    """Customers with points, created in the order above; Zoe has gold, Carl has no points."""
    with db.transaction() as session:
        for number, (email, points) in enumerate(PEOPLE.items()):
            draft = Draft(email, points or 1, kind="manual")
            record(session, [draft], "test", NOW + timedelta(minutes=number))
            if not points:
                record(session, [Draft(email, -1)], "test", NOW + timedelta(minutes=number))
        record(session, [Draft("zoe@x.example", 900, reserve="gold")], "test", NOW)
        session.add(Customer(email="carl@x.example", created_at=NOW))


def fetch_page(order: str = "email", search: str = "", **more):
    """A page, with the points of the default reserve."""
    with db.transaction() as session:
        return customer_list.list_page(session, order=order, search=search, reserve=get_reserve(session), **more)


def short_emails(order: str = "email", search: str = "") -> list[str]:
    """The addresses without their common end."""
    return [row.customer.email.removesuffix("@x.example") for row in fetch_page(order, search).rows]


def test_by_email_in_the_order_of_code_points(customers):
    everybody = ["anna%b", "anna-b", "anna", "anna_b", "annab", "bob@xn--mhl-hoa.example", "carl", "zoe", "ärin"]
    assert short_emails() == everybody
    assert short_emails("-email") == everybody[::-1]


def test_by_age(customers):
    assert short_emails("oldest") == [*(email.removesuffix("@x.example") for email in PEOPLE), "carl"]
    assert short_emails("newest") == short_emails("oldest")[::-1]


def test_sorted_by_points_customers_without_any_are_left_out(customers):
    rising = ["anna_b", "bob@xn--mhl-hoa.example", "zoe", "ärin", "anna%b", "anna-b", "annab", "anna"]
    assert short_emails("points") == rising
    assert short_emails("-points") == rising[::-1]


def test_each_row_has_the_points_in_every_reserve(customers):
    points = {row.customer.email: row.points for row in fetch_page().rows}
    assert points["zoe@x.example"] == {"default": 1, "gold": 900}
    assert points["anna_b@x.example"] == {"default": -3, "gold": 0}
    assert points["carl@x.example"] == {"default": 0, "gold": 0}
    assert {email: of["default"] for email, of in points.items() if email != "carl@x.example"} == PEOPLE


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("anna", ["anna%b", "anna-b", "anna", "anna_b", "annab"]),
        (" ANNA ", ["anna%b", "anna-b", "anna", "anna_b", "annab"]),
        ("anna_", ["anna_b"]),
        ("anna%", ["anna%b"]),
        ("anna@x.example", ["anna"]),
        ("Anna@X.exa", ["anna"]),
        ("a\u0308r", ["ärin"]),
        ("Är", ["ärin"]),
        ("bob@mühl.example", ["bob@xn--mhl-hoa.example"]),
        ("nna", []),
        ("\U0010ffff", []),
        ("a\U0010ffff", []),
        ("\ud7ff", []),
        ("'; DROP TABLE customer; --", []),
        ("  ", None),
    ],
)
def test_a_search_finds_by_the_beginning(customers, search, found):
    assert short_emails(search=search) == (short_emails() if found is None else found)
    assert short_emails("-email", search) == short_emails(search=search)[::-1]


def test_a_search_is_listed_by_email(customers):
    assert short_emails("-points", "anna") == short_emails("newest", "anna") == short_emails("email", "anna")
    assert customer_list.effective_order("-points", "anna") == "email"
    assert customer_list.effective_order("-points", " ") == "-points"
    assert customer_list.effective_order("-email", "anna") == "-email"


@pytest.mark.parametrize("search", ["x" * 255, "a\nb", "a\0", "\ud800"])
def test_a_search_that_no_address_can_begin_with(customers, search):
    with pytest.raises(InvalidInput) as refusal:
        fetch_page(search=search)
    assert list(refusal.value.fields) == ["search"]


def test_an_unknown_order(customers):
    with pytest.raises(InvalidInput) as refusal:
        fetch_page("name")
    assert list(refusal.value.fields) == ["order"]
    with db.transaction() as session, pytest.raises(InvalidInput) as refusal:
        customer_list.list_page(session, order="points")
    assert list(refusal.value.fields) == ["reserve"]


def test_nobody_at_all():
    assert fetch_page().rows == fetch_page("-points").rows == fetch_page(search="a").rows == []


@pytest.mark.parametrize("order", customer_list.ORDERS)
def test_there_and_back_through_all_pages(order):
    with db.transaction() as session:
        insert_rows(session, customers=57, movements=150)
    pages = [fetch_page(order, size=10)]
    while pages[-1].next:
        pages.append(fetch_page(order, size=10, cursor=pages[-1].next))
    met = [row.customer.id for each in pages for row in each.rows]
    assert len(met) == len(set(met)) == 57
    assert [len(each.rows) for each in pages] == [10, 10, 10, 10, 10, 7]
    back = [fetch_page(order, size=10, cursor=pages[-1].previous)]
    while back[-1].previous:
        back.append(fetch_page(order, size=10, cursor=back[-1].previous))
    assert [each.rows[0].customer.id for each in back] == [each.rows[0].customer.id for each in pages[-2::-1]]
    assert [row.customer.id for row in fetch_page(order, size=10, cursor="last").rows] == met[-10:]


def test_a_cursor_of_another_order_is_refused(customers):
    with db.transaction() as session:
        insert_rows(session, customers=30, movements=60)
    cursor = fetch_page("email").next
    for order in ("newest", "points"):
        with pytest.raises(InvalidInput) as refusal:
            fetch_page(order, cursor=cursor)
        assert list(refusal.value.fields) == ["cursor"]


def test_the_count_is_bounded(customers):
    with db.transaction() as session:
        insert_rows(session, customers=60)
        counts = [
            customer_list.count(session),
            customer_list.count(session, limit=69),
            customer_list.count(session, limit=68),
            customer_list.count(session, search="anna"),
            customer_list.count(session, search="anna", limit=4),
            customer_list.count(session, reserve=get_reserve(session)),
            customer_list.count(session, reserve=get_reserve(session, "gold")),
        ]
    assert [(each.number, each.is_more) for each in counts] == [
        (69, False),
        (69, False),
        (68, True),
        (5, False),
        (4, True),
        (8, False),
        (1, False),
    ]


VIEWS = [(order, search) for order in customer_list.ORDERS for search in ("", "a")]


@pytest.mark.parametrize(("order", "search"), VIEWS)
def test_the_queries_are_three_however_many_there_are(order, search):
    numbers = []
    for customers in (10, 190):
        with db.transaction() as session:
            insert_rows(session, customers=customers, movements=customers)
            by = get_reserve(session)
        view = {"order": order, "search": search, "reserve": by, "size": 10}
        numbers.append(len(queries_of(lambda session, view=view: customer_list.list_page(session, **view))))
        numbers.append(
            len(queries_of(lambda session, view=view: customer_list.list_page(session, cursor="last", **view)))
        )
    assert numbers == [3, 3, 3, 3]
