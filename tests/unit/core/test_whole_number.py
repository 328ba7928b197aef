"""A number is its value, however a program, a spreadsheet or a person writes it."""

import json
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pointsync import whole_number

TEXTS = {
    "50": 50,
    "50.0": 50,
    "50.00": 50,
    "5e1": 50,
    "5E+01": 50,
    "500e-1": 50,
    "0.5e2": 50,
    "+50": 50,
    "-50.00": -50,
    "−50": -50,
    "50,00": 50,
    "5,0E+01": 50,
    "050": 50,
    "1000.000": 1000,
    "1.000,00": 1000,
    "1,000.00": 1000,
    "1'000.0": 1000,
    "1 234 567,00": 1_234_567,
    "-1.234.567,0": -1_234_567,
    "0.000": 0,
    "-0.0": 0,
    "0e999999999999999999999999": 0,
    "9007199254740993": 2**53 + 1,
    "9007199254740993.0": 2**53 + 1,
    "9223372036854775807.00": 2**63 - 1,
}
NO_WHOLE_NUMBER = [
    *("", " ", "x", "50.5", "0.1", "1e-1", "5e", "e5", ".", "5.", ".5", "1.", "--5", "+-5", "5-", "1 000", "1,5"),
    *("1.000", "1,000", "-1.000", "12.000", "1.234,56", "1.2.3", "1,00,00", "0x10", "1_000", "٥", "50 points"),
    *("1e999999", "1e-999999", "1e99999999999999999999999", "9" * 20, "9" * 5000, "1" + "0" * 5000, "inf", "nan"),
]


@pytest.mark.parametrize(("text", "number"), TEXTS.items())
def test_a_text_is_read_as_its_value(text, number):
    assert whole_number.read_text(text) == number


@pytest.mark.parametrize("text", NO_WHOLE_NUMBER, ids=lambda text: text[:20])
def test_anything_else_is_no_whole_number(text):
    assert whole_number.read_text(text) is None


def test_json_numbers_are_ints_if_they_are_whole():
    numbers = b"[50, 50.0, 5e1, 1.000, -0.0, 50.5, 9007199254740993.0, 1e-999999, true, null]"
    expected = [50, 50, 50, 1, 0, 50.5, 2**53 + 1, 0.0, True, None]
    for read in (whole_number.decode_json(numbers), whole_number.decode_loose_json(numbers)):
        assert read == expected
        assert [type(each) for each in read] == [type(each) for each in expected]


def test_a_json_number_without_end_is_refused_or_no_value_of_any_field():
    with pytest.raises(ValueError, match="too large"):
        whole_number.decode_json(b"[1e999999]")
    assert whole_number.decode_loose_json(b"[1e999999, %s]" % (b"9" * 5000)) == [float("inf")] * 2


def test_only_named_fields_are_read_from_texts():
    item = {"points": "50.00", "set": "x", "ref": "17", "reason": "5e1"}
    assert whole_number.with_numbers(item, ("points", "set")) == item | {"points": 50}
    assert whole_number.with_numbers([1], ("points",)) == [1]
    assert item["points"] == "50.00"


@settings(max_examples=200)
@given(
    st.integers(-(10**18), 10**18),
    st.integers(0, 30),
    st.integers(0, 25),
    st.sampled_from(["e", "E"]),
)
def test_every_way_of_writing_a_number_is_the_number(number, zeros, shift, letter):
    sign, digits = ("-" if number < 0 else ""), str(abs(number))
    shifted = f"{sign}{'0' * max(0, shift + 1 - len(digits))}{digits}"
    ways = [f"{number}.{'0' * zeros}0", f"{number}{letter}0", f"{number}{'0' * shift}{letter}-{shift}"]
    if shift:
        ways.append(f"{shifted[:-shift]}.{shifted[-shift:]}{letter}+{shift}")
    for way in ways:
        assert whole_number.read_decimal(way) == number, way
        assert whole_number.decode_json(way if not way.lstrip("-").startswith("00") else "0") in (number, 0)


@settings(max_examples=200)
@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**12), max_value=10**12))
def test_a_fraction_is_never_a_whole_number(value):
    text = str(value).lower()
    expected = int(value) if value == value.to_integral_value() else None
    assert whole_number.read_decimal(text) == expected
    assert Decimal(json.loads(text, parse_float=Decimal)) == value
