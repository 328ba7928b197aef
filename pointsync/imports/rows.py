"""Text to rows: a table with a header and one of three delimiters, or the JSON list that WooRewards exports."""

import csv
import io
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pointsync.imports.encoding import MAX_LINE, Survey, Unreadable, fault_of, physical_lines, text_of
from pointsync.imports.formats import Shape, recognise

DELIMITERS = {",": "a comma", ";": "a semicolon", "\t": "a tab"}
MAX_COLUMNS = 200

_BETWEEN = re.compile(r"[\s,]*")


@dataclass(frozen=True, slots=True)
class Row:
    """One line under the header: its cells by the names of `csv_shapes.COLUMNS`, or why it cannot be read."""

    number: int
    cells: dict[str, str]
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class Sheet:
    """A file that is understood so far as its header goes."""

    shape: Shape
    delimiter: str | None
    """None for a JSON list."""
    rows: Iterator[Row]

    @property
    def unit(self) -> str:
        """What a row's number counts."""
        return "line" if self.delimiter else "entry"


@contextmanager
def reading(path: Path, found: Survey, wanted: str | None = None) -> Iterator[Sheet]:
    """The file from its beginning; `wanted` is one of `csv_shapes.SHAPES`, or None to find it by the header.

    Raises Unreadable where the header is not understood, and from its rows, which are read one at a time, where
    reading cannot go on.
    """
    with text_of(path, found) as text:
        start = text.read(64).lstrip("\ufeff \t\r\n")
        text.seek(0)
        yield _list(text, found, wanted) if start.startswith("[") else _table(text, found, wanted)


class _Length:
    """How long the row under way is, over all its lines: a quote that is not closed would swallow the file."""

    def __init__(self) -> None:
        self.row = 0
        self.begins_at = 1

    def add(self, length: int) -> None:
        self.row += length
        if self.row > MAX_LINE:
            raise Unreadable(f"more than {MAX_LINE:,} characters. Is a quote opened and not closed?", self.begins_at)


def _table(text: io.TextIOWrapper, found: Survey, wanted: str | None) -> Sheet:
    length = _Length()
    lines = physical_lines(text, length.add)
    first = next((line for line in lines if line.strip()), None)
    if first is None:
        raise Unreadable("The file is empty; give one with a header and a line for each customer.")
    header, delimiter = _header(first)
    if fault := fault_of(header, found):
        raise Unreadable(fault, 1)
    shape = recognise(header, wanted)
    text.seek(0)
    length.row = 0
    return Sheet(shape, delimiter, _rows(text, found, shape, len(header), delimiter))


def _header(line: str) -> tuple[list[str], str]:
    """The names in the first line, by the delimiter that finds most of them."""
    best: tuple[list[str], str] = ([], ",")
    for delimiter in DELIMITERS:
        try:
            names = next(csv.reader([line], delimiter=delimiter, strict=True))
        except csv.Error:
            continue
        if len(names) > len(best[0]):
            best = (names, delimiter)
    if not best[0]:
        raise Unreadable("the header has a quote that is not closed, or text behind a closed one.", 1)
    if len(best[0]) > MAX_COLUMNS:
        raise Unreadable(f"the header has {len(best[0]):,} columns; at most {MAX_COLUMNS} can be read.", 1)
    return best


def _rows(text: io.TextIOWrapper, found: Survey, shape: Shape, width: int, delimiter: str) -> Iterator[Row]:
    length = _Length()
    reader = csv.reader(physical_lines(text, length.add), delimiter=delimiter, strict=True)
    places, in_header = tuple(shape.places.items()), True
    while True:
        number = reader.line_num + 1
        length.row, length.begins_at = 0, number
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield Row(number, {}, _why(error))
            continue
        if not "".join(cells).strip():
            continue
        if in_header:
            in_header = False
        elif len(cells) < width or "".join(cells[width:]).strip():
            yield Row(number, {}, f"It has {len(cells)} cells, and the header has {width}.")
        elif fault := fault_of(cells, found):
            yield Row(number, {}, fault)
        else:
            yield Row(number, {name: cells[place] for name, place in places})


def _why(error: csv.Error) -> str:
    if "unexpected end" in str(error):
        return "A quote is opened here and not closed until the end of the file."
    if "expected after" in str(error):
        return "There is text behind a closed quote; a quote within quotes is written twice."
    return "It cannot be read as CSV; look at its quotes and its line end."


def _list(text: io.TextIOWrapper, found: Survey, wanted: str | None) -> Sheet:
    entries = _entries(text)
    first = next(entries, None)
    if first is None:
        raise Unreadable('The list is empty; its entries look like {"email": "jd@example.com", "points": "190"}.')
    shape = recognise(list(first), wanted)
    names = {name: list(first)[place] for name, place in shape.places.items()}
    text.seek(0)
    return Sheet(shape, None, _listed(text, found, names))


def _listed(text: io.TextIOWrapper, found: Survey, names: dict[str, str]) -> Iterator[Row]:
    for number, entry in enumerate(_entries(text), 1):
        values = {name: entry.get(key) for name, key in names.items()}
        if odd := [name for name, value in values.items() if not isinstance(value, str | int | float | None)]:
            yield Row(number, {}, f"Its {odd[0]} is no text and no number.")
            continue
        cells = {name: "" if value is None else str(value) for name, value in values.items()}
        fault = fault_of(list(cells.values()), found)
        yield Row(number, {} if fault else cells, fault)


def _entries(text: io.TextIOWrapper) -> Iterator[dict[str, object]]:
    """The objects of a JSON array, one at a time, each within the bound of a line."""
    decoder, number = json.JSONDecoder(), 0
    buffer = text.read(4 * MAX_LINE).lstrip("\ufeff \t\r\n").removeprefix("[")
    while True:
        buffer = buffer[_end_of_space(buffer) :]
        if len(buffer) <= MAX_LINE and (more := text.read(4 * MAX_LINE)):
            buffer += more
            continue
        if not buffer or buffer[0] == "]":
            return
        number += 1
        try:
            entry, end = decoder.raw_decode(buffer) if buffer[0] == "{" else (None, 0)
        except (ValueError, RecursionError):
            entry, end = None, 0
        if not isinstance(entry, dict) or end > MAX_LINE:
            raise Unreadable(
                f'Entry {number:,} of the list cannot be read; it must look like {{"email": "jd@example.com", '
                '"points": "190"}.'
            )
        yield entry
        buffer = buffer[end:]


def _end_of_space(buffer: str) -> int:
    match = _BETWEEN.match(buffer)
    return match.end() if match else 0
