"""The positions in a chart."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsync.admin.shell.chart import GRID_LINE_COUNT, HEIGHT, build_stacked
from tests.support import hypothesis_profile

assert hypothesis_profile

TODAY = date(2026, 3, 31)

figures = st.integers(1, 31).flatmap(
    lambda days: st.lists(st.lists(st.integers(0, 2_000_000), min_size=days, max_size=days), min_size=1, max_size=6)
)


def days(count: int) -> list[date]:
    """So many days, up to today."""
    return [TODAY - timedelta(days=back) for back in reversed(range(count))]


@given(figures)
def test_segments_are_stacked_and_stay_inside(values: list[list[int]]) -> None:
    chart = build_stacked(days(len(values[0])), [(f"Site {at}", each) for at, each in enumerate(values)])
    highest = chart.grid_lines[0].value
    assert chart.grid_lines[-1].value == 0
    assert highest >= max(bar.total for bar in chart.bars)
    for at, bar in enumerate(chart.bars):
        assert bar.values == tuple(each[at] for each in values)
        assert [piece.color_index for piece in bar.segments] == [
            shade for shade, value in enumerate(bar.values) if value
        ]
        foot = float(HEIGHT)
        for piece in bar.segments:
            assert piece.top + piece.height == pytest.approx(foot, abs=0.01)
            assert piece.top >= 0
            foot = piece.top
        assert HEIGHT - foot == pytest.approx(HEIGHT * bar.total / highest, abs=0.01)


@given(st.integers(0, 10**12))
def test_grid_lines_are_few_and_round(peak: int) -> None:
    chart = build_stacked([TODAY], [("Site", [peak])])
    values = [line.value for line in chart.grid_lines]
    step = values[-2]
    assert 2 <= len(values) <= GRID_LINE_COUNT + 1
    assert str(step).rstrip("0") in ("1", "2", "5")
    assert values == list(range(values[0], -1, -step))
    assert values[0] - step < max(peak, 1) <= values[0]


def test_today_and_each_week_before_are_labelled() -> None:
    chart = build_stacked(days(31), [("Site", [0] * 31)])
    assert [bar.day.day for bar in chart.bars if bar.is_labelled] == [3, 10, 17, 24, 31]
    assert chart.width == 310
    assert all(bar.segments == () for bar in chart.bars)


def test_no_values() -> None:
    assert [line.value for line in build_stacked([], []).grid_lines] == [1, 0]
