"""Keyset pagination: forwards, backwards, to both ends; and broken cursors."""

import base64
import json
from itertools import pairwise

import pytest

from pointsync.db.keyset import LAST, PAGE_SIZES, Page, PageRequest, fetch_page
from pointsync.errors import InvalidInput

SIZE = 10


class NumberList:
    """A sorted list of numbers that counts how often it was read."""

    def __init__(self, *numbers: int) -> None:
        self.numbers = list(numbers)
        self.readings: list[PageRequest] = []

    def read(self, step: PageRequest) -> list[int]:
        """The rows that a database would return."""
        self.readings.append(step)
        rows = sorted(self.numbers, reverse=step.is_backwards)
        if step.key is not None:
            behind = step.key[0]
            rows = [row for row in rows if (row < behind if step.is_backwards else row > behind)]
        return rows[: step.limit]

    def page(self, cursor: str | None = None, size: int = SIZE) -> Page[int]:
        """The page of a cursor."""
        return fetch_page(cursor, size, (int,), self.read, lambda row: (row,))


def test_paging_forwards_and_backwards_meets_every_row_once():
    numbers = NumberList(*range(35))
    there = [numbers.page()]
    while there[-1].next:
        there.append(numbers.page(there[-1].next))
    assert [page.rows for page in there] == [[*range(10)], [*range(10, 20)], [*range(20, 30)], [*range(30, 35)]]
    back = [numbers.page(there[-1].previous)]
    while back[-1].previous:
        back.append(numbers.page(back[-1].previous))
    assert [page.rows for page in back] == [page.rows for page in reversed(there[:-1])]


def test_the_first_and_the_last_page_lead_no_further():
    numbers = NumberList(*range(25))
    first, last = numbers.page(), numbers.page(LAST)
    assert (first.first, first.previous, first.last) == (None, None, LAST)
    assert (last.next, last.last) == (None, None)
    assert last.rows == [*range(15, 25)]
    assert numbers.page(last.first) == first
    middle = numbers.page(first.next)
    assert None not in (middle.first, middle.previous, middle.next, middle.last)


@pytest.mark.parametrize("count", [0, 1, 9, 10])
def test_a_list_that_fits_on_a_page_has_one_page(count):
    numbers = NumberList(*range(count))
    assert numbers.page() == numbers.page("first") == numbers.page("") == numbers.page(LAST) == Page([*range(count)])


def test_from_the_last_page_back_the_first_one_is_whole():
    numbers = NumberList(*range(25))
    last = numbers.page(LAST)
    middle = numbers.page(last.previous)
    assert middle.rows == [*range(5, 15)]
    assert numbers.page(middle.previous) == numbers.page()


def test_one_reading_a_page_and_two_at_most():
    numbers = NumberList(*range(1000))
    cursors = [None, LAST, numbers.page().next, numbers.page(LAST).previous]
    numbers.readings.clear()
    for cursor in cursors:
        numbers.page(cursor)
    assert len(numbers.readings) == len(cursors)
    assert {step.limit for step in numbers.readings} == {SIZE + 1}
    numbers.page(numbers.page(numbers.page().next).previous)
    assert len(numbers.readings) == len(cursors) + 4


def test_concurrent_changes_shift_no_page():
    numbers = NumberList(*range(0, 100, 2))
    first = numbers.page()
    numbers.numbers += [-1, 1, 21]
    numbers.numbers.remove(18)
    second = numbers.page(first.next)
    assert second.rows[:3] == [20, 21, 22]
    before = numbers.page(second.previous)
    assert before.rows == [0, 1, 2, 4, 6, 8, 10, 12, 14, 16]
    assert numbers.page(before.previous).rows == [-1, 0, 1, 2, 4, 6, 8, 10, 12, 14]


def test_the_last_page_is_shown_where_all_later_rows_are_gone():
    numbers = NumberList(*range(25))
    cursor = numbers.page(numbers.page().next).next
    del numbers.numbers[20:]
    page = numbers.page(cursor)
    assert page == Page([], first="first", previous=LAST)
    assert numbers.page(page.previous).rows == [*range(10, 20)]


@pytest.mark.parametrize("size", PAGE_SIZES)
def test_each_size_has_its_pages(size):
    pages = [NumberList(*range(100)).page(size=size)]
    while pages[-1].next:
        pages.append(NumberList(*range(100)).page(pages[-1].next, size))
    assert all(len(page.rows) == size for page in pages[:-1])
    assert [row for page in pages for row in page.rows] == [*range(100)]
    assert all(one.rows[-1] < other.rows[0] for one, other in pairwise(pages))


@pytest.mark.parametrize("size", [0, -10, 1, 11, 81, 10**9])
def test_other_sizes_are_refused(size):
    with pytest.raises(InvalidInput) as refusal:
        NumberList(1).page(size=size)
    assert refusal.value.fields == {"size": "A page has 10, 20, 40 or 80 rows."}


def make_cursor(*words: object) -> str:
    """An encoded cursor."""
    return base64.urlsafe_b64encode(json.dumps(words).encode()).decode()


BROKEN = [
    "x",
    "FIRST",
    "first ",
    "ä",
    "\ud800",
    "\0",
    "7",
    "a" * 100_000,
    "[" * 3_000,
    base64.urlsafe_b64encode(b"[" * 2_900).decode(),
    base64.urlsafe_b64encode(b"\xff\xfe").decode(),
    base64.urlsafe_b64encode(b'["after",' + b"9" * 2_000 + b"]").decode(),
    make_cursor(),
    make_cursor("after"),
    make_cursor("behind", 3),
    make_cursor("after", 3, 4),
    make_cursor("after", "3"),
    make_cursor("after", True),
    make_cursor("after", None),
    make_cursor("after", 3.5),
    make_cursor("after", [3]),
    make_cursor("after", 2**63),
    make_cursor("before", -(2**63)),
    make_cursor("after", 3) + "\n",
    make_cursor("after", 3).rstrip("=") + "!",
    base64.urlsafe_b64encode(b"null").decode(),
    base64.urlsafe_b64encode(b'{"after": 3}').decode(),
]


@pytest.mark.parametrize("cursor", BROKEN, ids=lambda cursor: ascii(cursor[:40]))
def test_a_broken_cursor_is_refused(cursor):
    numbers = NumberList(*range(25))
    with pytest.raises(InvalidInput) as refusal:
        numbers.page(cursor)
    assert list(refusal.value.fields) == ["cursor"]
    assert numbers.readings == []


@pytest.mark.parametrize("key", ["a\0", "\ud800", 7])
def test_a_text_that_cannot_be_stored_is_refused(key):
    with pytest.raises(InvalidInput, match="Start at the first page"):
        fetch_page(make_cursor("after", key), SIZE, (str,), lambda step: [], lambda row: (row,))


def test_a_cursor_can_be_used_in_a_url():
    longest = "ä" * 254
    page = fetch_page(None, SIZE, (str,), lambda step: [longest] * 11, lambda row: (row,))
    assert page.next.translate(str.maketrans("", "", "-_=")).isalnum()
    turned = fetch_page(page.next, SIZE, (str,), lambda step: [step.key], lambda row: row)
    assert turned.rows == [(longest,)]
