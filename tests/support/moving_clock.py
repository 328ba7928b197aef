"""A clock that a test moves."""

from datetime import UTC, datetime, timedelta

START = datetime(2026, 3, 1, 12, tzinfo=UTC)


class MovingClock:
    """For `pointsync.clock.set_source(moving.now)`, so that tests need not wait."""

    def __init__(self, start: datetime = START) -> None:
        self._now = start

    def now(self) -> datetime:
        """The clock's time, aware and in UTC."""
        return self._now

    def advance(self, span: timedelta) -> datetime:
        """Move the clock by `span`, which can be negative; returns the new time."""
        self._now += span
        return self._now
