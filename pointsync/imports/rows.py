"""Text to rows: a table with a header and one of three delimiters, or the JSON list that WooRewards exports."""

import csv
import io
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pointsync.imports.encoding import (
    MAX_LINE_CHARS,
    FileEncoding,
    UnreadableFile,
    find_encoding_fault,
    open_text,
    read_lines,
)
from pointsync.imports.formats import FileFormat, detect_format

DELIMITERS = {",": "a comma", ";": "a semicolon", "\t": "a tab"}
MAX_COLUMNS = 200

_SEPARATORS = re.compile(r"[\s,]*")


@dataclass(frozen=True, slots=True)
class Row:
    """One line under the header: its cells by the names of `csv_shapes.COLUMNS`, or why it cannot be read."""

    number: int
    cells: dict[str, str]
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class ImportFile:
    """A file that is understood so far as its header goes."""

    format: FileFormat
    delimiter: str | None
    """None for a JSON list."""
    rows: Iterator[Row]

    @property
    def unit(self) -> str:
        """What a row's number counts."""
        return "line" if self.delimiter else "entry"


@contextmanager
def open_rows(path: Path, encoding: FileEncoding, format_name: str | None = None) -> Iterator[ImportFile]:
    """The file from its beginning; `wanted` is one of `csv_shapes.SHAPES`, or None to find it by the header.

    Raises Unreadable where the header is not understood, and from its rows, which are read one at a time, where
    reading cannot go on.
    """
    with open_text(path, encoding) as text:
        first_chars = text.read(64).lstrip("\ufeff \t\r\n")
        text.seek(0)
        yield (
            _open_json(text, encoding, format_name)
            if first_chars.startswith("[")
            else _open_csv(text, encoding, format_name)
        )


class _RowLength:
    """How long the row under way is, over all its lines: a quote that is not closed would swallow the file."""

    def __init__(self) -> None:
        self.chars = 0
        self.first_line = 1

    def add(self, length: int) -> None:
        self.chars += length
        if self.chars > MAX_LINE_CHARS:
            raise UnreadableFile(
                f"more than {MAX_LINE_CHARS:,} characters. Is a quote opened and not closed?", self.first_line
            )


def _open_csv(text: io.TextIOWrapper, encoding: FileEncoding, format_name: str | None) -> ImportFile:
    length = _RowLength()
    lines = read_lines(text, length.add)
    first = next((line for line in lines if line.strip()), None)
    if first is None:
        raise UnreadableFile("The file is empty; give one with a header and a line for each customer.")
    header, delimiter = _parse_header(first)
    if fault := find_encoding_fault(header, encoding):
        raise UnreadableFile(fault, 1)
    file_format = detect_format(header, format_name)
    text.seek(0)
    length.chars = 0
    return ImportFile(file_format, delimiter, _read_csv_rows(text, encoding, file_format, len(header), delimiter))


def _parse_header(line: str) -> tuple[list[str], str]:
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
        raise UnreadableFile("the header has a quote that is not closed, or text behind a closed one.", 1)
    if len(best[0]) > MAX_COLUMNS:
        raise UnreadableFile(f"the header has {len(best[0]):,} columns; at most {MAX_COLUMNS} can be read.", 1)
    return best


def _read_csv_rows(
    text: io.TextIOWrapper, encoding: FileEncoding, file_format: FileFormat, column_count: int, delimiter: str
) -> Iterator[Row]:
    length = _RowLength()
    reader = csv.reader(read_lines(text, length.add), delimiter=delimiter, strict=True)
    columns, in_header = tuple(file_format.column_indexes.items()), True
    while True:
        number = reader.line_num + 1
        length.chars, length.first_line = 0, number
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield Row(number, {}, _explain_csv_error(error))
            continue
        if not "".join(cells).strip():
            continue
        if in_header:
            in_header = False
        elif len(cells) < column_count or "".join(cells[column_count:]).strip():
            yield Row(number, {}, f"It has {len(cells)} cells, and the header has {column_count}.")
        elif fault := find_encoding_fault(cells, encoding):
            yield Row(number, {}, fault)
        else:
            yield Row(number, {name: cells[index] for name, index in columns})


def _explain_csv_error(error: csv.Error) -> str:
    if "unexpected end" in str(error):
        return "A quote is opened here and not closed until the end of the file."
    if "expected after" in str(error):
        return "There is text behind a closed quote; a quote within quotes is written twice."
    return "It cannot be read as CSV; look at its quotes and its line end."


def _open_json(text: io.TextIOWrapper, encoding: FileEncoding, format_name: str | None) -> ImportFile:
    entries = _iter_json_objects(text)
    first = next(entries, None)
    if first is None:
        raise UnreadableFile('The list is empty; its entries look like {"email": "jd@example.com", "points": "190"}.')
    file_format = detect_format(list(first), format_name)
    names = {name: list(first)[index] for name, index in file_format.column_indexes.items()}
    text.seek(0)
    return ImportFile(file_format, None, _read_json_rows(text, encoding, names))


def _read_json_rows(text: io.TextIOWrapper, encoding: FileEncoding, names: dict[str, str]) -> Iterator[Row]:
    for number, entry in enumerate(_iter_json_objects(text), 1):
        values = {name: entry.get(key) for name, key in names.items()}
        if wrong_types := [name for name, value in values.items() if not isinstance(value, str | int | float | None)]:
            yield Row(number, {}, f"Its {wrong_types[0]} is no text and no number.")
            continue
        cells = {name: "" if value is None else str(value) for name, value in values.items()}
        fault = find_encoding_fault(list(cells.values()), encoding)
        yield Row(number, {} if fault else cells, fault)


def _iter_json_objects(text: io.TextIOWrapper) -> Iterator[dict[str, object]]:
    """The objects of a JSON array, one at a time, each within the bound of a line."""
    decoder, number = json.JSONDecoder(), 0
    buffer = text.read(4 * MAX_LINE_CHARS).lstrip("\ufeff \t\r\n").removeprefix("[")
    while True:
        buffer = buffer[_skip_separators(buffer) :]
        if len(buffer) <= MAX_LINE_CHARS and (chunk := text.read(4 * MAX_LINE_CHARS)):
            buffer += chunk
            continue
        if not buffer or buffer[0] == "]":
            return
        number += 1
        try:
            entry, end = decoder.raw_decode(buffer) if buffer[0] == "{" else (None, 0)
        except (ValueError, RecursionError):
            entry, end = None, 0
        if not isinstance(entry, dict) or end > MAX_LINE_CHARS:
            raise UnreadableFile(
                f'Entry {number:,} of the list cannot be read; it must look like {{"email": "jd@example.com", '
                '"points": "190"}.'
            )
        yield entry
        buffer = buffer[end:]


def _skip_separators(buffer: str) -> int:
    match = _SEPARATORS.match(buffer)
    return match.end() if match else 0
