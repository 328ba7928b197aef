"""The figures as a table for people."""

from collections.abc import Sequence
from typing import Any

from rich.table import Table

from tests.bench.output.figure import Spread, Summary

MOST_SHARE = 2
"""From here on it is a multiple."""


def build(found: Sequence[Summary] | dict[str, Any]) -> Table:
    """Figure, floor and ratio, each with its lowest and highest round; or names with values."""
    if isinstance(found, dict):
        table = Table("what", "figure")
        for what, figure in found.items():
            table.add_row(what, f"{figure:,}" if isinstance(figure, int | float) else str(figure))
        return table
    table = Table("what", "figure", "floor", "ratio", "the floor is")
    for summary in found:
        table.add_row(
            f"{summary.name}\n[dim]{summary.note}[/dim]" if summary.note else summary.name,
            f"{format_spread(summary.value)} {summary.unit}",
            format_spread(summary.floor) if summary.floor else "",
            format_ratio(summary) if summary.ratio else "",
            summary.floor_name,
        )
    return table


def format_spread(spread: Spread) -> str:
    """The median, and the lowest and highest round where they differ from it."""
    if spread.lowest == spread.highest:
        return format_number(spread.median)
    return f"{format_number(spread.median)} ({format_number(spread.lowest)} … {format_number(spread.highest)})"


def format_ratio(summary: Summary) -> str:
    """A share where it is below what it is compared with and more is better, else a multiple."""
    assert summary.ratio
    is_share = summary.is_more_better and summary.ratio.median < MOST_SHARE
    return f"{format_spread(summary.ratio)} of it" if is_share else f"× {format_spread(summary.ratio)}"


def format_number(number: float) -> str:
    """Three digits that count, and no more decimals than they need."""
    size = abs(number)
    return f"{number:,.0f}" if size >= 100 else f"{number:.1f}" if size >= 10 else f"{number:.2f}"
