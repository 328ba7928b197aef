"""The figures with a floor as an SVG picture, readable in light and dark."""

from collections.abc import Mapping, Sequence
from html import escape

from tests.bench.output.figure import Spread, Summary
from tests.bench.output.table import format_number, format_ratio

WIDTH = 900
LEFT = 20
BARS_WIDTH = 440
ROW_HEIGHT = 62
BAR_HEIGHT = 12
HEADING_HEIGHT = 44
TOP = 64
STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1c2330 }
.back { fill: #ffffff } .title { font-size: 18px; font-weight: 600 } .heading { font-size: 15px; font-weight: 600 }
.muted { fill: #5a6475 } .value { fill: #2563b8 } .floor { fill: #9aa5b5 }
.spread { stroke: #1c2330; stroke-width: 1.5 }
.ratio { text-anchor: end; font-weight: 600 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6eaf0 } .back { fill: #14181f } .muted { fill: #a3adbb } .value { fill: #6ea8f0 }
  .floor { fill: #5d6878 } .spread { stroke: #e6eaf0 }
}
"""


def draw(found: Mapping[str, Sequence[Summary]], title: str) -> str:
    """One pair of bars for each figure: ours, with its spread, and its floor, on the same scale."""
    shown = {name: [each for each in summaries if each.floor] for name, summaries in found.items()}
    shown = {name: summaries for name, summaries in shown.items() if summaries}
    parts, y = [_text(LEFT, 32, title, "title")], TOP
    parts += [
        _bar("value", LEFT, 42, 24),
        _text(LEFT + 30, 53, "PointSync"),
        _bar("floor", LEFT + 120, 42, 24),
        _text(LEFT + 150, 53, "its floor, measured in the same run"),
    ]
    for name, summaries in shown.items():
        parts.append(_text(LEFT, y + 28, name, "heading"))
        y += HEADING_HEIGHT
        for summary in summaries:
            parts += _draw_row(summary, y)
            y += ROW_HEIGHT
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y + 16}" role="img" '
        f'aria-label="{escape(title)}"><style>{STYLE}</style>'
        f'<rect class="back" width="{WIDTH}" height="{y + 16}"/>{"".join(parts)}</svg>\n'
    )


def _draw_row(summary: Summary, y: int) -> list[str]:
    assert summary.floor
    scale = BARS_WIDTH / (max(summary.value.highest, summary.floor.highest) or 1)
    return [
        _text(LEFT, y + 12, summary.name),
        _text(WIDTH - LEFT, y + 12, format_ratio(summary), "ratio"),
        *_draw_bar("value", summary.value, scale, y + 18, summary.unit),
        *_draw_bar("floor", summary.floor, scale, y + 33, summary.floor_name),
    ]


def _draw_bar(kind: str, spread: Spread, scale: float, y: int, words: str) -> list[str]:
    middle = y + BAR_HEIGHT / 2
    first, last = LEFT + spread.lowest * scale, LEFT + spread.highest * scale
    return [
        _bar(kind, LEFT, y, spread.median * scale),
        f'<line class="spread" x1="{first:.1f}" x2="{last:.1f}" y1="{middle}" y2="{middle}"/>',
        _text(last + 8, y + 11, f"{format_number(spread.median)} {words}", "muted"),
    ]


def _bar(kind: str, x: float, y: float, width: float) -> str:
    return f'<rect class="{kind}" x="{x}" y="{y}" width="{max(width, 1):.1f}" height="{BAR_HEIGHT}" rx="2"/>'


def _text(x: float, y: float, words: str, kind: str = "") -> str:
    return f'<text class="{kind}" x="{x:.0f}" y="{y:.0f}">{escape(words)}</text>'
