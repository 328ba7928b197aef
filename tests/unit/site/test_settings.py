"""The settings: limits, defaults, and switches."""

from collections.abc import Iterator

import pytest
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from pointsync.errors import InvalidInput, NotFound
from pointsync.models import Setting
from pointsync.sync.site import settings

DOCUMENTED = {
    "max_attempts": (10, 1, 1_000),
    "delay_seconds": (180, 1, 86_400),
    "statistics_days": (31, 1, 3_650),
    "warning_days": (7, 0, 3_650),
}
NUMBERS = [name for name, definition in settings.DEFINITIONS.items() if not definition.is_switch]
SWITCHES = [name for name, definition in settings.DEFINITIONS.items() if definition.is_switch]


@pytest.fixture
def session() -> Iterator[Session]:
    """A database in memory with the settings table only."""
    engine = create_engine("sqlite://")
    Setting.__table__.create(engine)
    with Session(engine) as session:
        yield session
    engine.dispose()


@pytest.mark.parametrize(("name", "expected"), DOCUMENTED.items())
def test_defaults_and_limits_are_the_documented_ones(session, name, expected):
    definition = settings.DEFINITIONS[name]
    assert (definition.default, definition.low, definition.high) == expected
    assert getattr(settings.read(session), name) == expected[0]


@pytest.mark.parametrize("name", NUMBERS)
def test_both_limits_are_accepted_and_one_beyond_is_not(session, name):
    definition = settings.DEFINITIONS[name]
    for number in (definition.low, definition.high):
        settings.change(session, name, f" {number} ")
        assert getattr(settings.read(session), name) == number
    for number in (definition.low - 1, definition.high + 1):
        with pytest.raises(
            InvalidInput, match=rf"{name} must be a whole number from {definition.low:,} to {definition.high:,}"
        ) as error:
            settings.change(session, name, str(number))
        assert list(error.value.fields) == [name]
        assert getattr(settings.read(session), name) == definition.high


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("value", ["", " ", "ten", "1.0", "1e1", "0x10", "1,0", "1_0", "٣", "10 s", "on", "9" * 5_000])
def test_other_texts_change_nothing(session, name, value):
    with pytest.raises(InvalidInput) as error:
        settings.change(session, name, value)
    assert list(error.value.fields) == [name]
    assert len(error.value.message) < 200
    assert getattr(settings.read(session), name) == settings.DEFINITIONS[name].default


@pytest.mark.parametrize("name", SWITCHES)
def test_switches_are_on_or_off(session, name):
    for text, value in (("on", True), ("OFF", False), ("1", True), ("0", False)):
        settings.change(session, name, text)
        assert getattr(settings.read(session), name) is value
    for text in ("2", "yes", "", "-1"):
        with pytest.raises(InvalidInput, match="on or off"):
            settings.change(session, name, text)


def test_an_unknown_name_is_refused_with_a_list_of_names(session):
    with pytest.raises(NotFound, match="max_attempts") as error:
        settings.change(session, "max_attempt", "3")
    assert error.value.code == "unknown_setting"


def test_a_short_delay_is_accepted_with_a_warning(session):
    assert settings.change(session, "delay_seconds", "60") is None
    assert "below 60" in (settings.change(session, "delay_seconds", "59") or "")
    assert settings.read(session).delay_seconds == 59
    assert settings.change(session, "check_seconds", "59") is None


def test_the_list_shows_switches_as_on_or_off(session):
    settings.change(session, "only_listed", "on")
    settings.change(session, "warning_days", "0")
    listed = {row["name"]: row for row in settings.list_json(session)}
    assert list(listed) == list(settings.DEFINITIONS)
    assert (listed["only_listed"]["value"], listed["only_listed"]["default"]) == ("on", "off")
    assert (listed["warning_days"]["value"], listed["warning_days"]["default"]) == (0, 7)
    assert all(row["help"].endswith(".") for row in listed.values())
