"""What a command prints: one JSON document with `--json`, else lines and tables for people."""

import io
import json
import logging
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import click
import msgspec

from pointsync.cli.framework import standard_streams
from pointsync.cli.framework.command import JSON_META_KEY
from pointsync.cli.framework.errors import CommandError, to_one_line

log = logging.getLogger(__name__)

PIPE_WIDTH = 100_000
"""The width of tables in a pipe, where no value is wrapped."""
STATUS_COLOURS = {"green": "green", "warning": "yellow", "error": "red"}


def is_json_requested() -> bool:
    """Whether this command was called with `--json`."""
    return bool(click.get_current_context().meta.get(JSON_META_KEY))


def print_result(document: Any, text: str | Callable[[], None]) -> None:
    """With `--json` print `document`, which may hold Structs; else print `text`, or call it to print.

    Raises CommandError if stdout cannot be written to, such as on a full disk.
    """
    try:
        _print(document, text)
    except BrokenPipeError:
        raise
    except OSError as error:
        standard_streams.discard_stdout()
        message = f"The result cannot be printed: {error.strerror}. What the command does is done nevertheless."
        raise CommandError(message) from error


def print_greeting(document: Any, text: str) -> None:
    """Print what a server says when it has started. If that is not possible, the server runs nevertheless."""
    try:
        _print(document, text)
    except OSError as error:
        standard_streams.discard_stdout()
        log.warning(
            "stdout cannot be written to (%s), so the greeting is lost; pointsync admin create creates the first admin",
            error.strerror,
        )


def _print(document: Any, text: str | Callable[[], None]) -> None:
    if is_json_requested():
        encoding = (getattr(sys.stdout, "encoding", None) or "utf-8").lower()
        is_utf8 = encoding.startswith("utf")
        click.echo(json.dumps(msgspec.to_builtins(document), indent=2, ensure_ascii=not is_utf8))
    elif isinstance(text, str):
        click.echo(text)
    else:
        text()
    sys.stdout.flush()


def print_note(text: str) -> None:
    """Print one line on stderr, beside the result."""
    standard_streams.write_note(to_one_line(text))


def table_printer(
    rows: Sequence[Mapping[str, Any] | msgspec.Struct],
    columns: Mapping[str, str],
    empty_message: str,
    number_columns: Sequence[str] = (),
) -> Callable[[], None]:
    """A function that prints `rows` as a table, or `empty_message` if there are none.

    `columns` maps fields to titles. The fields in `number_columns` are aligned to the right.
    """

    def print_table() -> None:
        if not rows:
            click.echo(empty_message)
            return
        from rich.table import Table
        from rich.text import Text

        rich_table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
        for field, title in columns.items():
            rich_table.add_column(title, justify="right" if field in number_columns else "left", overflow="fold")
        for row in msgspec.to_builtins(rows):
            rich_table.add_row(
                *(Text(_format_cell(row[field]), STATUS_COLOURS.get(str(row[field]), "")) for field in columns)
            )
        _print_rich(rich_table)

    return print_table


def format_pairs(pairs: Mapping[str, Any]) -> str:
    """Names and values, one pair per line, with the values aligned."""
    width = max(map(len, pairs))
    return "\n".join(f"{name:<{width}}  {_format_cell(value)}" for name, value in pairs.items())


def _format_cell(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else to_one_line(str(value))


def _print_rich(rich_table: Any) -> None:
    from rich.console import Console

    if sys.stdout.isatty():
        Console(highlight=False, emoji=False, markup=False).print(rich_table)
        return
    buffer = io.StringIO()
    Console(file=buffer, width=PIPE_WIDTH, highlight=False, color_system=None).print(rich_table)
    for line in buffer.getvalue().splitlines():
        click.echo(line.rstrip())
