"""The settings of the panel: bounds at every edge, fresh at every reading."""

from collections.abc import Iterator

import pytest
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from pointsync.errors import Invalid, NotFound
from pointsync.models import Setting
from pointsync.sync.site import settings

DOCUMENTED = {
    "max_attempts": (10, 1, 1_000),
    "delay_seconds": (180, 1, 86_400),
    "statistics_days": (31, 1, 3_650),
    "warning_days": (7, 0, 3_650),
}
NUMBERS = [name for name, kind in settings.KINDS.items() if not kind.is_switch]
SWITCHES = [name for name, kind in settings.KINDS.items() if kind.is_switch]


@pytest.fixture
def session() -> Iterator[Session]:
    """A database in memory that holds settings and nothing else."""
    engine = create_engine("sqlite://")
    Setting.__table__.create(engine)
    with Session(engine) as session:
        yield session
    engine.dispose()


@pytest.mark.parametrize(("name", "facts"), DOCUMENTED.items())
def test_defaults_and_bounds_are_the_documented_ones(session, name, facts):
    kind = settings.KINDS[name]
    assert (kind.default, kind.low, kind.high) == facts
    assert getattr(settings.read(session), name) == facts[0]


@pytest.mark.parametrize("name", NUMBERS)
def test_both_bounds_are_taken_and_one_beyond_is_not(session, name):
    kind = settings.KINDS[name]
    for number in (kind.low, kind.high):
        settings.change(session, name, f" {number} ")
        assert getattr(settings.read(session), name) == number
    for number in (kind.low - 1, kind.high + 1):
        with pytest.raises(Invalid, match=rf"{name} must be a whole number from {kind.low:,} to {kind.high:,}") as said:
            settings.change(session, name, str(number))
        assert list(said.value.fields) == [name]
        assert getattr(settings.read(session), name) == kind.high


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("value", ["", " ", "ten", "1.0", "1e1", "0x10", "1,0", "1_0", "٣", "10 s", "on", "9" * 5_000])
def test_what_is_no_whole_number_changes_nothing(session, name, value):
    with pytest.raises(Invalid) as said:
        settings.change(session, name, value)
    assert list(said.value.fields) == [name]
    assert len(said.value.message) < 200
    assert getattr(settings.read(session), name) == settings.KINDS[name].default


@pytest.mark.parametrize("name", SWITCHES)
def test_switches_are_on_or_off(session, name):
    for typed, value in (("on", True), ("OFF", False), ("1", True), ("0", False)):
        settings.change(session, name, typed)
        assert getattr(settings.read(session), name) is value
    for typed in ("2", "yes", "", "-1"):
        with pytest.raises(Invalid, match="on or off"):
            settings.change(session, name, typed)


def test_a_name_that_is_none_is_told_which_there_are(session):
    with pytest.raises(NotFound, match="max_attempts") as said:
        settings.change(session, "max_attempt", "3")
    assert said.value.code == "unknown_setting"


def test_a_short_delay_is_taken_with_a_word_of_warning(session):
    assert settings.change(session, "delay_seconds", "60") is None
    assert "below 60" in (settings.change(session, "delay_seconds", "59") or "")
    assert settings.read(session).delay_seconds == 59
    assert settings.change(session, "check_seconds", "59") is None


def test_the_listing_shows_switches_in_words(session):
    settings.change(session, "only_listed", "on")
    settings.change(session, "warning_days", "0")
    shown = {row["name"]: row for row in settings.listing(session)}
    assert list(shown) == list(settings.KINDS)
    assert (shown["only_listed"]["value"], shown["only_listed"]["default"]) == ("on", "off")
    assert (shown["warning_days"]["value"], shown["warning_days"]["default"]) == (0, 7)
    assert all(row["help"].endswith(".") for row in shown.values())
