"""What `python -m tests.bench` prints: medians of rounds, shares and multiples of floors, and a chart."""

from collections.abc import Iterator
from xml.etree import ElementTree

import pytest

from tests.bench.output import chart, rounds, table
from tests.bench.output.figure import Figure, Summary

SVG = "{http://www.w3.org/2000/svg}"


def _rounds(*pairs: tuple[float, float]) -> Iterator[list[Figure]]:
    for value, floor in pairs:
        yield [Figure("A to B <fast>", value, "movements/s", floor, "bare rows")]


def _summary(value: float, floor: float, *, is_more_better: bool = True) -> Summary:
    return Summary.of([Figure("speed", value, "ms", floor, "bare", is_more_better)])


def test_a_ratio_is_computed_in_each_round() -> None:
    found = rounds.measure(_rounds((10, 100), (30, 100), (20, 50)).__next__, 3)
    assert isinstance(found, list)
    [summary] = found
    assert (summary.value.median, summary.value.lowest, summary.value.highest) == (20, 10, 30)
    assert summary.floor
    assert summary.floor.median == 100
    assert summary.ratio
    assert (summary.ratio.median, summary.ratio.lowest, summary.ratio.highest) == (0.3, 0.1, 0.4)


def test_a_benchmark_that_repeats_within_itself_runs_once() -> None:
    calls: list[int] = []

    def run() -> dict[str, int]:
        calls.append(1)
        return {"lines": 5}

    assert rounds.measure(run, 3) == {"lines": 5}
    assert len(calls) == 1


@pytest.mark.parametrize(
    ("value", "floor", "is_more_better", "text"),
    [(30, 100, True, "0.30 of it"), (25, 5, False, "× 5.00"), (3, 6, False, "× 0.50"), (7_000, 100, True, "× 70.0")],
)
def test_a_ratio_is_a_share_or_a_multiple(value: float, floor: float, is_more_better: bool, text: str) -> None:
    assert table.format_ratio(_summary(value, floor, is_more_better=is_more_better)) == text


def test_a_spread_is_shown_where_rounds_differ() -> None:
    found = rounds.measure(_rounds((1_000, 9_000), (1_500, 9_000), (1_200, 9_000)).__next__, 3)
    assert isinstance(found, list)
    assert table.format_spread(found[0].value) == "1,200 (1,000 … 1,500)"
    assert found[0].floor
    assert table.format_spread(found[0].floor) == "9,000"


def test_the_chart_has_both_bars_on_one_scale() -> None:
    found = rounds.measure(_rounds((50, 100)).__next__, 1)
    assert isinstance(found, list)
    picture = ElementTree.fromstring(chart.draw({"throughput": found, "without floors": []}, "A & B"))
    bars = {each.get("class"): float(str(each.get("width"))) for each in picture.iter(f"{SVG}rect")}
    assert bars["value"] == bars["floor"] / 2
    words = [each.text for each in picture.iter(f"{SVG}text")]
    assert {"A & B", "throughput", "A to B <fast>", "0.50 of it"} <= set(words)
    assert "without floors" not in words
