"""A stacked bar chart over days or months: positions of its bars and grid lines."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

HEIGHT = 100
BAR_SPACING = 10
"""The width of a day or month. A bar is narrower, which leaves a gap."""
BAR_WIDTH = 7
GRID_LINE_COUNT = 4
"""About how many grid lines there are."""
DEFAULT_LABEL_INTERVAL = 7


@dataclass(frozen=True, slots=True)
class Segment:
    """The part of a bar that one series fills; `color_index` is the number of its colour."""

    color_index: int
    top: float
    height: float


@dataclass(frozen=True, slots=True)
class Bar:
    """A day, or a month given by its first day; `values` has one value per series."""

    day: date
    left: float
    values: tuple[int, ...]
    segments: tuple[Segment, ...]
    is_labelled: bool
    """Whether its date is shown even on narrow pages: the last bar, and every `label_interval` bars before it."""

    @property
    def total(self) -> int:
        """The sum of all series."""
        return sum(self.values)


@dataclass(frozen=True, slots=True)
class GridLine:
    """A horizontal line, and the value it marks."""

    value: int
    top: float


@dataclass(frozen=True, slots=True)
class Chart:
    """Bars from the oldest day to the newest; grid lines from the highest value to zero."""

    series_names: tuple[str, ...]
    bars: tuple[Bar, ...]
    grid_lines: tuple[GridLine, ...]
    label_interval: int
    """How many bars apart the labelled ones are."""

    @property
    def width(self) -> int:
        """The width of the drawing, whose height is `HEIGHT`. The page stretches it."""
        return BAR_SPACING * len(self.bars)


def build_stacked(
    days: Sequence[date], series: Sequence[tuple[str, Sequence[int]]], label_interval: int = DEFAULT_LABEL_INTERVAL
) -> Chart:
    """A chart with a bar for each day, in which the values of the series are stacked, the first one at the bottom.

    `series` has pairs of a name and the values, one per day, none below zero. A series' index is its colour's number.
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
    """The distance between grid lines: a round number, 1, 2 or 5 times a power of ten."""
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
