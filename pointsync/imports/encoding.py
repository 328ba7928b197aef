"""Bytes of a file to lines of text: what it is encoded in, its digest, and lines of bounded length."""

import codecs
import hashlib
import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pointsync.errors import InvalidInput

MAX_LINE_CHARS = 20_000
"""Characters of a line, with the line breaks that stand in quotes; the longest line of points has far fewer."""
BLOCK_BYTES = 1024 * 1024
UTF_8, WINDOWS_1252 = "UTF-8", "Windows-1252"

_BAD_BYTE = "\udcff"
_SURROGATE = re.compile("[\ud800-\udfff]")
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig", UTF_8),
    *((mark, "utf-16", "UTF-16") for mark in (b"\xff\xfe", b"\xfe\xff")),
)
_BINARY_SIGNATURES = {
    b"PK\x03\x04": "This is an Excel workbook or another packed file",
    b"\xd0\xcf\x11\xe0": "This is an old Excel workbook",
    b"\x1f\x8b": "This is a packed file",
    b"%PDF": "This is a PDF",
}
_SAVE_AS_CSV = "save the table as CSV (UTF-8), and give that file."

# What cannot be decoded becomes a lone surrogate, which no encoding has, so that its line is known by it.
codecs.register_error("pointsync.broken", lambda error: (_BAD_BYTE, error.end))  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class FileEncoding:
    """What one reading of the whole file has told: enough to read it again, and to know it again."""

    codec: str
    label: str
    """For people."""
    first_foreign_line: int | None
    """The first line that is no UTF-8, where the file is taken for Windows-1252."""
    digest: str
    """SHA-256 of its content, in hex."""
    line_count: int


class UnreadableFile(InvalidInput):
    """The file cannot be read on; `line` is where, or None where it is no text at all."""

    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__("file", f"Line {line:,}: {message}" if line else message)
        self.line = line


def detect_encoding(path: Path, on_block: Callable[[], None] = lambda: None) -> FileEncoding:
    """Read the file once, from its beginning to its end. Raises Unreadable where it is empty or no text.

    Without a mark it is UTF-8, or Windows-1252 where it has bytes that are no UTF-8 and no letter that is one: of a
    UTF-8 file with a few damaged bytes the lines are named instead, since all its letters would turn to rubbish.
    `on_block` is called now and then, and may raise to end it.
    """
    with path.open("rb") as file:
        first_bytes = file.read(8)
        _refuse_binary(first_bytes)
        file.seek(0)
        digest, line_count = hashlib.sha256(), 0
        has_letters, first_foreign, line_ended = False, None, True
        while chunk := file.readline(BLOCK_BYTES):
            digest.update(chunk)
            line_count += line_ended
            line_ended = chunk.endswith(b"\n")
            if line_count % 10_000 == 0:
                on_block()
            if not chunk.isascii():
                try:
                    chunk.decode()
                    has_letters = True
                except UnicodeDecodeError:
                    first_foreign = first_foreign or line_count
    for bom, codec, label in _BYTE_ORDER_MARKS:
        if first_bytes.startswith(bom):
            return FileEncoding(codec, label, None, digest.hexdigest(), line_count)
    if first_foreign and not has_letters:
        return FileEncoding("cp1252", WINDOWS_1252, first_foreign, digest.hexdigest(), line_count)
    return FileEncoding("utf-8", UTF_8, None, digest.hexdigest(), line_count)


def _refuse_binary(first_bytes: bytes) -> None:
    if not first_bytes:
        raise UnreadableFile("The file is empty; give one with a header and a line for each customer.")
    for signature, description in _BINARY_SIGNATURES.items():
        if first_bytes.startswith(signature):
            raise UnreadableFile(f"{description}; {_SAVE_AS_CSV}")
    if b"\0" in first_bytes and not first_bytes.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise UnreadableFile(f"This is no text; {_SAVE_AS_CSV}")


def open_text(path: Path, encoding: FileEncoding) -> io.TextIOWrapper:
    """The file's text; a lone surrogate stands for bytes that are none. To be closed by the caller."""
    return path.open(encoding=encoding.codec, errors="pointsync.broken", newline="")


def read_lines(text: io.TextIOBase, on_line: Callable[[int], None]) -> Iterator[str]:
    """The lines with their ends; `on_line` is told the length of each. Raises Unreadable for one that does not end."""
    number = 0
    while line := text.readline(MAX_LINE_CHARS + 1):
        number += 1
        if len(line) > MAX_LINE_CHARS:
            raise UnreadableFile(f"it is longer than {MAX_LINE_CHARS:,} characters. Is this a table?", number)
        on_line(len(line))
        yield line


def find_encoding_fault(cells: list[str], encoding: FileEncoding) -> str | None:
    """What is wrong with the letters of a line; None where nothing is."""
    text = "".join(cells)
    if text.isascii():
        return _NUL_FAULT if "\0" in text else None
    if _SURROGATE.search(text):
        return f"It holds bytes that are no letters in {encoding.label}; save the file anew as UTF-8, or mend the line."
    return _NUL_FAULT if "\0" in text else None


_NUL_FAULT = "It holds a NUL byte; take it out."
