"""Times: aware, in UTC, with milliseconds; and their form on the wire."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsync import clock

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
LISBON_SUMMER = timezone(timedelta(hours=1))


@pytest.fixture
def fine_clock():
    clock.set_source(lambda: NOON + timedelta(microseconds=123_999))
    yield
    clock.set_source(None)


def test_now_is_cut_to_the_millisecond(fine_clock):
    assert clock.now() == NOON + timedelta(milliseconds=123)


def test_now_is_this_moment_in_utc():
    before = datetime.now(UTC) - timedelta(milliseconds=1)
    now = clock.now()
    assert now.tzinfo is UTC
    assert before <= now <= datetime.now(UTC)


def test_the_systems_clock_comes_back(fine_clock):
    clock.set_source(None)
    assert abs(clock.now() - datetime.now(UTC)) < timedelta(seconds=10)


@pytest.mark.parametrize(
    ("time", "text"),
    [
        (NOON, "2026-03-01T12:00:00Z"),
        (NOON + timedelta(milliseconds=5), "2026-03-01T12:00:00.005Z"),
        (NOON + timedelta(microseconds=999), "2026-03-01T12:00:00Z"),
        (NOON.astimezone(LISBON_SUMMER), "2026-03-01T12:00:00Z"),
        (datetime(1, 1, 1, tzinfo=UTC), "0001-01-01T00:00:00Z"),
    ],
)
def test_to_text(time, text):
    assert clock.to_text(time) == text


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-03-01T12:00:00Z", NOON),
        ("2026-03-01t12:00:00z", NOON),
        ("2026-03-01 12:00:00Z", NOON),
        ("2026-03-01T14:00:00+02:00", NOON),
        ("2026-03-01T12:00:00-00:00", NOON),
        ("2026-03-01T12:00:00.5Z", NOON + timedelta(milliseconds=500)),
        ("2026-03-01T12:00:00.0019Z", NOON + timedelta(milliseconds=1)),
        ("2026-03-01T12:00:00.123456789Z", NOON + timedelta(milliseconds=123)),
    ],
)
def test_from_text(text, time):
    read = clock.from_text(text)
    assert read == time
    assert read.utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "2026-03-01",
        "2026-03-01T12:00:00",
        "2026-03-01T12:00Z",
        "2026-03-01T12Z",
        "20260301T120000Z",
        "2026-W09-7T12:00:00Z",
        "2026-03-01T12:00:00,5Z",
        "2026-03-01T12:00:00.Z",
        "2026-03-01T12:00:00+02",
        "2026-03-01T12:00:00+02:00:30",
        "2026-03-01T24:30:00Z",
        "2026-02-30T12:00:00Z",
        "2026-13-01T12:00:00Z",
        "2026-03-01T12:00:00Z ",
        "2026-03-01T12:00:00Z\n",
        "٢٠٢٦-03-01T12:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "1772366400",
        "\x00",
    ],
)
def test_invalid_times(text):
    with pytest.raises(ValueError, match=r"."):
        clock.from_text(text)


def test_a_time_without_a_zone_says_what_to_do():
    with pytest.raises(ValueError, match="end it with Z"):
        clock.from_text("2026-03-01T12:00:00")


@given(st.datetimes(timezones=st.timezones()))
def test_every_time_survives_the_wire(time):
    try:
        cut = time.astimezone(UTC)
    except OverflowError:
        return
    assert clock.from_text(clock.to_text(time)) == cut.replace(microsecond=cut.microsecond // 1000 * 1000)


@given(st.text())
def test_any_text_is_a_time_or_a_value_error(text):
    with suppress(ValueError):
        assert clock.from_text(text).tzinfo is not None


@pytest.mark.parametrize(
    ("since", "until", "is_waiting"),
    [
        (-1, 1, True),
        (None, 1, True),
        (-1, 0, False),
        (-2, -1, False),
        (-1, None, False),
        (0.5, 2, True),  # another machine of the site, whose clock is a little ahead
        (3600, 3602, False),
        (365 * 86_400, 365 * 86_400 + 2, False),
    ],
)
def test_no_wait_is_longer_after_the_clock_was_set_back(
    since: float | None, until: float | None, is_waiting: bool
) -> None:
    now = datetime(2026, 3, 1, tzinfo=UTC)
    times = [None if seconds is None else now + timedelta(seconds=seconds) for seconds in (since, until)]
    assert clock.is_waiting(*times, now) is is_waiting
