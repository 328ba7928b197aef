"""A clock that stands still until a test moves it."""

from datetime import UTC, datetime, timedelta

START = datetime(2026, 3, 1, 12, tzinfo=UTC)


class MovingClock:
    """Time for `pointsync.clock.set_source(moving.now)`: waiting for 180 seconds then takes none."""

    def __init__(self, start: datetime = START) -> None:
        self._now = start

    def now(self) -> datetime:
        """The moment at which the clock stands, aware, in UTC."""
        return self._now

    def advance(self, span: timedelta) -> datetime:
        """Move by `span`, back too, since real clocks are set back; the new moment."""
        self._now += span
        return self._now
