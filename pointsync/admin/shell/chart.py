"""A chart of bars over days or months: from figures to places in a picture."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

HEIGHT = 100
BAR_SPACING = 10
"""The width of a day or month; a bar leaves some of it free."""
BAR_WIDTH = 7
GRID_LINE_COUNT = 4
"""About so many lines stand across the chart."""
DEFAULT_LABEL_INTERVAL = 7


@dataclass(frozen=True, slots=True)
class Segment:
    """What one series adds to a bar; `shade` is the number of its colour."""

    color_index: int
    top: float
    height: float


@dataclass(frozen=True, slots=True)
class Bar:
    """A day, or a month by its first one; its values in the order of the series."""

    day: date
    left: float
    values: tuple[int, ...]
    segments: tuple[Segment, ...]
    is_labelled: bool
    """Its date stands below it however narrow the page is: the last one's, and each a week (or more) before."""

    @property
    def total(self) -> int:
        """All series together."""
        return sum(self.values)


@dataclass(frozen=True, slots=True)
class GridLine:
    """A line across the chart, and the number that it stands for."""

    value: int
    top: float


@dataclass(frozen=True, slots=True)
class Chart:
    """Bars from the oldest day to the newest, lines from the highest to zero."""

    series_names: tuple[str, ...]
    bars: tuple[Bar, ...]
    grid_lines: tuple[GridLine, ...]
    label_interval: int
    """So many bars lie between two that are named."""

    @property
    def width(self) -> int:
        """Of the picture, whose height is `HEIGHT`; it is stretched to the page."""
        return BAR_SPACING * len(self.bars)


def build_stacked(
    days: Sequence[date], series: Sequence[tuple[str, Sequence[int]]], label_interval: int = DEFAULT_LABEL_INTERVAL
) -> Chart:
    """A chart with a bar for each day, in which the values of the series stand on one another, the first lowest.

    `series` are names with a value for each day, none below zero; their places are the numbers of their colours.
    """
    columns = [tuple(values[index] for _, values in series) for index in range(len(days))]
    peak = max((sum(column) for column in columns), default=0)
    grid_step = _grid_step(peak)
    scale_max = grid_step * max(1, -(-peak // grid_step))
    bars = tuple(
        Bar(
            day,
            index * BAR_SPACING + (BAR_SPACING - BAR_WIDTH) / 2,
            column,
            _build_segments(column, scale_max),
            (len(days) - 1 - index) % label_interval == 0,
        )
        for index, (day, column) in enumerate(zip(days, columns, strict=True))
    )
    grid_lines = tuple(GridLine(value, _y_position(value, scale_max)) for value in range(scale_max, -1, -grid_step))
    return Chart(tuple(name for name, _ in series), bars, grid_lines, label_interval)


def _grid_step(peak: int) -> int:
    """What lies between two lines: 1, 2 or 5 with noughts behind, so that people read it at a glance."""
    unit = 1
    while 5 * unit * GRID_LINE_COUNT < peak:
        unit *= 10
    return next(first * unit for first in (1, 2, 5) if first * unit * GRID_LINE_COUNT >= peak)


def _build_segments(column: Sequence[int], scale_max: int) -> tuple[Segment, ...]:
    segments, base = [], 0
    for color_index, value in enumerate(column):
        if value:
            top = _y_position(base + value, scale_max)
            segments.append(Segment(color_index, top, round(_y_position(base, scale_max) - top, 3)))
        base += value
    return tuple(segments)


def _y_position(value: int, scale_max: int) -> float:
    return round(HEIGHT * (1 - value / scale_max), 3)
