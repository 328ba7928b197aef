"""A chart of bars over days or months: from figures to places in a picture."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

HEIGHT = 100
STEP = 10
"""The width of a day or month; a bar leaves some of it free."""
BAR = 7
LINES = 4
"""About so many lines stand across the chart."""
WEEK = 7


@dataclass(frozen=True, slots=True)
class Piece:
    """What one series adds to a bar; `shade` is the number of its colour."""

    shade: int
    top: float
    height: float


@dataclass(frozen=True, slots=True)
class Bar:
    """A day, or a month by its first one; its values in the order of the series."""

    day: date
    left: float
    values: tuple[int, ...]
    pieces: tuple[Piece, ...]
    is_named: bool
    """Its date stands below it however narrow the page is: the last one's, and each a week (or more) before."""

    @property
    def total(self) -> int:
        """All series together."""
        return sum(self.values)


@dataclass(frozen=True, slots=True)
class Line:
    """A line across the chart, and the number that it stands for."""

    value: int
    top: float


@dataclass(frozen=True, slots=True)
class Chart:
    """Bars from the oldest day to the newest, lines from the highest to zero."""

    names: tuple[str, ...]
    bars: tuple[Bar, ...]
    lines: tuple[Line, ...]
    named_every: int
    """So many bars lie between two that are named."""

    @property
    def width(self) -> int:
        """Of the picture, whose height is `HEIGHT`; it is stretched to the page."""
        return STEP * len(self.bars)


def stacked(days: Sequence[date], series: Sequence[tuple[str, Sequence[int]]], named_every: int = WEEK) -> Chart:
    """A chart with a bar for each day, in which the values of the series stand on one another, the first lowest.

    `series` are names with a value for each day, none below zero; their places are the numbers of their colours.
    """
    columns = [tuple(values[at] for _, values in series) for at in range(len(days))]
    peak = max((sum(column) for column in columns), default=0)
    step = _step(peak)
    highest = step * max(1, -(-peak // step))
    bars = tuple(
        Bar(
            day,
            at * STEP + (STEP - BAR) / 2,
            column,
            _pieces(column, highest),
            (len(days) - 1 - at) % named_every == 0,
        )
        for at, (day, column) in enumerate(zip(days, columns, strict=True))
    )
    lines = tuple(Line(value, _place(value, highest)) for value in range(highest, -1, -step))
    return Chart(tuple(name for name, _ in series), bars, lines, named_every)


def _step(peak: int) -> int:
    """What lies between two lines: 1, 2 or 5 with noughts behind, so that people read it at a glance."""
    unit = 1
    while 5 * unit * LINES < peak:
        unit *= 10
    return next(first * unit for first in (1, 2, 5) if first * unit * LINES >= peak)


def _pieces(column: Sequence[int], highest: int) -> tuple[Piece, ...]:
    found, below = [], 0
    for shade, value in enumerate(column):
        if value:
            top = _place(below + value, highest)
            found.append(Piece(shade, top, round(_place(below, highest) - top, 3)))
        below += value
    return tuple(found)


def _place(value: int, highest: int) -> float:
    return round(HEIGHT * (1 - value / highest), 3)
