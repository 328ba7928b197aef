"""Turn the bytes of a file into lines: detect the encoding, compute the digest, and limit the line length."""

import codecs
import hashlib
import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pointsync.errors import InvalidInput

MAX_LINE_CHARS = 20_000
"""The limit for a row, with the line breaks inside its quotes. Real rows are far shorter."""
BLOCK_BYTES = 1024 * 1024
UTF_8, WINDOWS_1252 = "UTF-8", "Windows-1252"

_BAD_BYTE = "\udcff"
_SURROGATE = re.compile("[\ud800-\udfff]")
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig", UTF_8),
    *((mark, "utf-16", "UTF-16") for mark in (b"\xff\xfe", b"\xfe\xff")),
)
_BINARY_SIGNATURES = {
    b"PK\x03\x04": "This is an Excel workbook or a ZIP file",
    b"\xd0\xcf\x11\xe0": "This is an old Excel workbook",
    b"\x1f\x8b": "This is a compressed file",
    b"%PDF": "This is a PDF",
}
_SAVE_AS_CSV = "Save the table as CSV (UTF-8) and import that file."

# Bytes that cannot be decoded become a lone surrogate, which no text contains. It marks the faulty lines.
codecs.register_error("pointsync.broken", lambda error: (_BAD_BYTE, error.end))  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class FileEncoding:
    """The result of reading the whole file once: how to decode it, and its digest."""

    codec: str
    label: str
    """The name of the encoding for people."""
    first_foreign_line: int | None
    """The first line that is not UTF-8, if the file is read as Windows-1252."""
    digest: str
    """SHA-256 of its content, in hex."""
    line_count: int


class UnreadableFile(InvalidInput):
    """The rest of the file cannot be read. `line` says where; None if it concerns the whole file."""

    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__("file", f"Line {line:,}: {message}" if line else message)


def detect_encoding(path: Path) -> FileEncoding:
    """Read the whole file once. Raises UnreadableFile if it is empty or not a text file.

    A byte order mark decides. Without one, the file is Windows-1252 if some bytes are not valid UTF-8 and no line has
    valid non-ASCII UTF-8; else it is UTF-8. In a UTF-8 file with a few damaged bytes, only those lines are faulty.
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
        raise UnreadableFile("The file is empty. It needs a header and a line for each customer.")
    for signature, description in _BINARY_SIGNATURES.items():
        if first_bytes.startswith(signature):
            raise UnreadableFile(f"{description}. {_SAVE_AS_CSV}")
    if b"\0" in first_bytes and not first_bytes.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise UnreadableFile(f"This is not a text file. {_SAVE_AS_CSV}")


def open_text(path: Path, encoding: FileEncoding) -> io.TextIOWrapper:
    """Open the file as text. Bytes that cannot be decoded become a lone surrogate. The caller closes it."""
    return path.open(encoding=encoding.codec, errors="pointsync.broken", newline="")


def read_lines(text: io.TextIOBase, on_line: Callable[[int], None]) -> Iterator[str]:
    """The lines with their line breaks. Calls `on_line` with each length. Raises UnreadableFile for a long one."""
    number = 0
    while line := text.readline(MAX_LINE_CHARS + 1):
        number += 1
        if len(line) > MAX_LINE_CHARS:
            raise UnreadableFile(f"it is longer than {MAX_LINE_CHARS:,} characters. Is this a table?", number)
        on_line(len(line))
        yield line


def find_encoding_fault(cells: list[str], encoding: FileEncoding) -> str | None:
    """Explain what is wrong with the characters of a row; None if nothing is."""
    text = "".join(cells)
    if text.isascii():
        return _NUL_FAULT if "\0" in text else None
    if _SURROGATE.search(text):
        return (
            f"It contains bytes that are not valid {encoding.label}. Save the file again as UTF-8, or correct the line."
        )
    return _NUL_FAULT if "\0" in text else None


_NUL_FAULT = "It contains a NUL byte. Remove it."
