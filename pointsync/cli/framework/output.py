"""What a command answers: one JSON document, or calm lines and tables for people."""

import io
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import click

from pointsync.cli.framework.command import AS_JSON
from pointsync.cli.framework.errors import plain

WIDE = 100_000
"""The width where no terminal limits it: whoever reads a pipe gets every value whole."""
COLOURS = {"green": "green", "warning": "yellow", "error": "red"}


def is_json() -> bool:
    """Whether this command was asked to answer in JSON."""
    return bool(click.get_current_context().meta.get(AS_JSON))


def give(document: Any, text: str | Callable[[], None]) -> None:
    """Answer with `document` where JSON is asked for, else with `text`, or by calling it."""
    if is_json():
        encoding = (getattr(sys.stdout, "encoding", None) or "utf-8").lower()
        click.echo(json.dumps(document, indent=2, ensure_ascii=not encoding.startswith("utf")))
    elif isinstance(text, str):
        click.echo(text)
    else:
        text()
    sys.stdout.flush()


def note(text: str) -> None:
    """A word beside the answer, on stderr."""
    click.echo(plain(text), err=True)


def table(
    rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str], empty: str, numbers: Sequence[str] = ()
) -> Callable[[], None]:
    """A printer of `rows` under `columns` (title by field), `numbers` to the right; `empty` says how to begin."""

    def show() -> None:
        if not rows:
            click.echo(empty)
            return
        from rich.table import Table
        from rich.text import Text

        shown = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
        for field, title in columns.items():
            shown.add_column(title, justify="right" if field in numbers else "left", overflow="fold")
        for row in rows:
            shown.add_row(*(Text(_cell(row[field]), COLOURS.get(str(row[field]), "")) for field in columns))
        _print(shown)

    return show


def facts(pairs: Mapping[str, Any]) -> str:
    """Names and values, one pair a line, the values in one column."""
    width = max(map(len, pairs))
    return "\n".join(f"{name:<{width}}  {_cell(value)}" for name, value in pairs.items())


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else plain(str(value))


def _print(shown: Any) -> None:
    from rich.console import Console

    if sys.stdout.isatty():
        Console(highlight=False, emoji=False, markup=False).print(shown)
        return
    lines = io.StringIO()
    Console(file=lines, width=WIDE, highlight=False, color_system=None).print(shown)
    for line in lines.getvalue().splitlines():
        click.echo(line.rstrip())
