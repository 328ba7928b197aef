"""Generated names and their form; ids that grow with time."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsync import ids

MOMENTS = st.integers(0, 60 * 365 * 86_400 * 1_000_000).map(lambda count: ids.EPOCH + timedelta(microseconds=count))


@given(MOMENTS)
def test_an_id_holds_its_millisecond(time):
    milliseconds = (time - ids.EPOCH) // timedelta(milliseconds=1)
    assert ids.lowest_id_at(time) == milliseconds << ids.COUNTER_BITS


@given(MOMENTS)
def test_ids_grow_with_time(time):
    assert ids.lowest_id_at(time + timedelta(milliseconds=1)) > ids.lowest_id_at(time)


def test_ids_fit_for_decades():
    assert 0 < ids.lowest_id_at(datetime(2085, 1, 1, tzinfo=UTC)) <= ids.MAX_ID


@pytest.mark.parametrize(("text", "number"), [("1", 1), ("42", 42), (str(2**63 - 1), 2**63 - 1)])
def test_an_id_in_decimals(text, number):
    assert ids.parse_movement_id(text) == number


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0",
        "-1",
        "+1",
        "01",
        " 1",
        "1 ",
        "1\n",
        "1.0",
        "1e3",
        "0x1",
        "1_000",
        "١",
        "²",
        str(2**63),
        "9" * 19,
        "9" * 5000,
    ],
)
def test_invalid_ids(text):
    assert ids.parse_movement_id(text) is None


@given(st.integers(1, 2**63 - 1))
def test_every_id_reads_back(number):
    assert ids.parse_movement_id(str(number)) == number


@pytest.mark.parametrize(
    ("make", "shape"),
    [
        (ids.new_auth, r"wrk_[0-9a-f]{16}"),
        (ids.new_pass, r"wrs_[A-Za-z0-9]{16}"),
        (ids.new_api_key, r"psk_[A-Za-z0-9_-]{43}"),
        (ids.new_token, r"[0-9a-f]{32}"),
    ],
)
def test_generated_names_have_their_form_and_are_unique(make, shape):
    names = {make() for _ in range(500)}
    assert len(names) == 500
    assert all(re.fullmatch(shape, name) for name in names)


def test_generated_names_are_recognised():
    assert ids.is_auth(ids.new_auth())
    assert ids.is_pass(ids.new_pass())


@pytest.mark.parametrize(
    "change",
    [
        lambda name: name[:-1],
        lambda name: name + "0",
        lambda name: name + "\n",
        lambda name: " " + name,
        lambda name: name.upper(),
        lambda name: name[:-1] + "é",
        lambda name: name[:-1] + "-",
        lambda _: "",
    ],
)
def test_a_changed_value_is_not_equal(change):
    assert not ids.is_auth(change("wrk_0123456789abcdef"))
    assert not ids.is_pass(change("wrs_0123456789abcDEF"))


AUTH = "wrk_0123456789abcdef"


@pytest.mark.parametrize(
    "spelling",
    [
        AUTH,
        AUTH.upper(),
        AUTH.title(),
        f" {AUTH} ",
        f"{AUTH}\n",
        f"\t{AUTH}\u00a0",
        "wrk_0123 4567 89AB cdef",
        f"\ufeff{AUTH}",
        f"wrk_\u200b{AUTH[4:]}",
        f"\u202e{AUTH}",
        AUTH.replace("k", "\u212a"),
        "".join(chr(ord(letter) + 0xFEE0) for letter in AUTH),
    ],
)
def test_an_auth_in_any_spelling(spelling):
    assert ids.normalise_auth(spelling) == AUTH
    assert ids.normalise_auth(ids.normalise_auth(spelling)) == AUTH


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "Shop",
        " shop ",
        "WRK_",
        "wrk_0123456789abcdeg",
        "wrs_" + "A" * 16,
        AUTH[:-1],
        f"{AUTH}0",
        f"x{AUTH}",
        f"{AUTH}.",
        f"{AUTH}{AUTH}",
        "\0",
        "\ud800",
        f"{' ' * 200}{AUTH}",
        AUTH.replace("a", "\u0430"),
    ],
)
def test_any_other_text_is_left_as_it_is(text):
    assert ids.normalise_auth(text) == text


@given(st.text())
def test_a_normalised_text_is_an_auth_or_unchanged(text):
    normalised = ids.normalise_auth(text)
    assert normalised == text or ids.is_auth(normalised)
