"""Read rows from a CSV table with a header and one of three delimiters, or from the JSON list of WooRewards."""

import csv
import io
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pointsync import whole_number
from pointsync.imports.encoding import (
    MAX_LINE_CHARS,
    FileEncoding,
    UnreadableFile,
    find_encoding_fault,
    open_text,
    read_lines,
)
from pointsync.imports.formats import FileFormat, detect_format

DELIMITERS = ",;\t"
MAX_COLUMNS = 200

_SEPARATORS = re.compile(r"[\s,]*")
# The first line of a file for Excel can name the delimiter. It is no part of the table.
_DELIMITER_LINE = re.compile(r"""\ufeff?\s*("?)sep=([^\w"'\r\n])\1\s*\Z""", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Row:
    """A row under the header: its cells by column (`formats.COLUMNS`), or why it cannot be read."""

    number: int
    cells: dict[str, str]
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class ImportFile:
    """A file whose header was read."""

    format: FileFormat
    delimiter: str | None
    """None for a JSON list."""
    rows: Iterator[Row]

    @property
    def unit(self) -> str:
        """What the numbers of rows count."""
        return "line" if self.delimiter else "entry"


@contextmanager
def open_rows(path: Path, encoding: FileEncoding, format_name: str | None = None) -> Iterator[ImportFile]:
    """Open a file and read its header. `format_name` is one of `formats.FORMATS`; None detects it.

    Raises UnreadableFile for the header. The rows are read one at a time and raise it too.
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
    """Limits the length of a row over all its lines: a quote that is not closed would swallow the rest of the file."""

    def __init__(self) -> None:
        self.chars = 0
        self.first_line = 1

    def add(self, length: int) -> None:
        self.chars += length
        if self.chars > MAX_LINE_CHARS:
            raise UnreadableFile(
                f"it has more than {MAX_LINE_CHARS:,} characters. Is a quote not closed?", self.first_line
            )


def _open_csv(text: io.TextIOWrapper, encoding: FileEncoding, format_name: str | None) -> ImportFile:
    length = _RowLength()
    lines = read_lines(text, length.add)
    filled_lines = (line for line in lines if line.strip())
    first = next(filled_lines, None)
    delimiters, rows_above = DELIMITERS, 1
    if first and (match := _DELIMITER_LINE.match(first)):
        delimiters, rows_above, first = match[2], 2, next(filled_lines, None)
    if first is None:
        raise UnreadableFile("The file is empty. It needs a header and a line for each customer.")
    header, delimiter = _parse_header(first, delimiters)
    if fault := find_encoding_fault(header, encoding):
        raise UnreadableFile(fault, 1)
    file_format = detect_format(header, format_name)
    text.seek(0)
    length.chars = 0
    rows = _read_csv_rows(text, encoding, file_format, header, delimiter, rows_above)
    return ImportFile(file_format, delimiter, rows)


def _parse_header(line: str, delimiters: str) -> tuple[list[str], str]:
    """Split the header by the delimiter that gives the most names. Return the names and the delimiter."""
    best: tuple[list[str], str] = ([], delimiters[0])
    for delimiter in delimiters:
        try:
            names = next(csv.reader([line], delimiter=delimiter, strict=True))
        except csv.Error:
            continue
        if len(names) > len(best[0]):
            best = (names, delimiter)
    if not best[0]:
        raise UnreadableFile("the header has a quote that is not closed, or text after a closing quote.", 1)
    if len(best[0]) > MAX_COLUMNS:
        raise UnreadableFile(f"the header has {len(best[0]):,} columns. At most {MAX_COLUMNS} are allowed.", 1)
    return best


def _read_csv_rows(
    text: io.TextIOWrapper,
    encoding: FileEncoding,
    file_format: FileFormat,
    header: list[str],
    delimiter: str,
    rows_above: int,
) -> Iterator[Row]:
    """The rows below the first `rows_above` rows. Some programs leave out empty cells at the end of a row."""
    length, column_count = _RowLength(), len(header)
    needed_count = 1 + max(file_format.column_indexes[name] for name in ("customer", "points"))
    reader = csv.reader(read_lines(text, length.add), delimiter=delimiter, strict=True)
    columns = tuple(file_format.column_indexes.items())
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
        if rows_above:
            rows_above -= 1
        elif len(cells) < needed_count or "".join(cells[column_count:]).strip():
            yield Row(number, {}, f"It has {len(cells)} cells, but the header has {column_count}.")
        elif fault := find_encoding_fault(cells, encoding):
            yield Row(number, {}, fault)
        else:
            yield Row(number, {name: cells[index] if index < len(cells) else "" for name, index in columns})


def _explain_csv_error(error: csv.Error) -> str:
    if "unexpected end" in str(error):
        return "A quote opens here and is not closed until the end of the file."
    if "expected after" in str(error):
        return "There is text after a closing quote. Write a quote within quotes twice."
    return "It is not valid CSV. Check its quotes and line breaks."


def _open_json(text: io.TextIOWrapper, encoding: FileEncoding, format_name: str | None) -> ImportFile:
    entries = _iter_json_objects(text)
    first = next(entries, None)
    if first is None:
        raise UnreadableFile(
            'The list is empty. Its entries must look like {"email": "jd@example.com", "points": "190"}.'
        )
    file_format = detect_format(list(first), format_name)
    names = {name: list(first)[index] for name, index in file_format.column_indexes.items()}
    text.seek(0)
    return ImportFile(file_format, None, _read_json_rows(text, encoding, names))


def _read_json_rows(text: io.TextIOWrapper, encoding: FileEncoding, names: dict[str, str]) -> Iterator[Row]:
    for number, entry in enumerate(_iter_json_objects(text), 1):
        values = {name: entry.get(key) for name, key in names.items()}
        if wrong_types := [name for name, value in values.items() if not isinstance(value, str | int | float | None)]:
            yield Row(number, {}, f"Its {wrong_types[0]} is neither a text nor a number.")
            continue
        cells = {name: "" if value is None else str(value) for name, value in values.items()}
        fault = find_encoding_fault(list(cells.values()), encoding)
        yield Row(number, {} if fault else cells, fault)


def _iter_json_objects(text: io.TextIOWrapper) -> Iterator[dict[str, object]]:
    """The objects of a JSON array, one at a time, each limited to `MAX_LINE_CHARS`."""
    decoder, number = json.JSONDecoder(parse_float=_read_number), 0
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
                f'Entry {number:,} of the list is not valid. It must look like {{"email": "jd@example.com", '
                '"points": "190"}.'
            )
        yield entry
        buffer = buffer[end:]


def _read_number(text: str) -> str:
    """The cell for a number with a point or an exponent: as a whole number if it is one, else as it is written."""
    number = whole_number.read_decimal(text)
    return text if number is None else str(number)


def _skip_separators(buffer: str) -> int:
    match = _SEPARATORS.match(buffer)
    return match.end() if match else 0
