"""Repeats a benchmark, so that one busy moment of the machine does not decide."""

from collections.abc import Callable, Sequence
from typing import Any

from tests.bench.output.figure import Figure, Summary

Found = Sequence[Figure] | dict[str, Any]
"""Figures with floors; or, of benchmarks that repeat within themselves, names with values."""


def measure(run: Callable[[], Found], rounds: int) -> list[Summary] | dict[str, Any]:
    """The summaries of all figures of `run`, in their order; or what it returned, if that has no rounds."""
    first = run()
    if isinstance(first, dict):
        return first
    by_name: dict[str, list[Figure]] = {figure.name: [figure] for figure in first}
    for _ in range(rounds - 1):
        more = run()
        assert not isinstance(more, dict)
        for figure in more:
            by_name.setdefault(figure.name, []).append(figure)
    return [Summary.of(figures) for figures in by_name.values()]
