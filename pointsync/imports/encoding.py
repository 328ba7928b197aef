"""Bytes of a file to lines of text: what it is encoded in, its digest, and lines of bounded length."""

import codecs
import hashlib
import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pointsync.errors import Invalid

MAX_LINE = 20_000
"""Characters of a line, with the line breaks that stand in quotes; the longest line of points has far fewer."""
BLOCK = 1024 * 1024
UTF_8, WINDOWS = "UTF-8", "Windows-1252"

_BROKEN = "\udcff"
_SURROGATE = re.compile("[\ud800-\udfff]")
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig", UTF_8), *((mark, "utf-16", "UTF-16") for mark in (b"\xff\xfe", b"\xfe\xff")))
_NO_TEXT = {
    b"PK\x03\x04": "This is an Excel workbook or another packed file",
    b"\xd0\xcf\x11\xe0": "This is an old Excel workbook",
    b"\x1f\x8b": "This is a packed file",
    b"%PDF": "This is a PDF",
}
_SAVE_AS = "save the table as CSV (UTF-8), and give that file."

# What cannot be decoded becomes a lone surrogate, which no encoding has, so that its line is known by it.
codecs.register_error("pointsync.broken", lambda error: (_BROKEN, error.end))  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class Survey:
    """What one reading of the whole file has told: enough to read it again, and to know it again."""

    codec: str
    encoding: str
    """For people."""
    first_foreign_line: int | None
    """The first line that is no UTF-8, where the file is taken for Windows-1252."""
    digest: str
    """SHA-256 of its content, in hex."""
    lines: int


class Unreadable(Invalid):
    """The file cannot be read on; `line` is where, or None where it is no text at all."""

    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__("file", f"Line {line:,}: {message}" if line else message)
        self.line = line


def survey(path: Path, on_block: Callable[[], None] = lambda: None) -> Survey:
    """Read the file once, from its beginning to its end. Raises Unreadable where it is empty or no text.

    Without a mark it is UTF-8, or Windows-1252 where it has bytes that are no UTF-8 and no letter that is one: of a
    UTF-8 file with a few damaged bytes the lines are named instead, since all its letters would turn to rubbish.
    `on_block` is called now and then, and may raise to end it.
    """
    with path.open("rb") as file:
        start = file.read(8)
        _check_text(start)
        file.seek(0)
        digest, number = hashlib.sha256(), 0
        has_letters, first_foreign, ends = False, None, True
        while part := file.readline(BLOCK):
            digest.update(part)
            number += ends
            ends = part.endswith(b"\n")
            if number % 10_000 == 0:
                on_block()
            if not part.isascii():
                try:
                    part.decode()
                    has_letters = True
                except UnicodeDecodeError:
                    first_foreign = first_foreign or number
    for mark, codec, encoding in _MARKS:
        if start.startswith(mark):
            return Survey(codec, encoding, None, digest.hexdigest(), number)
    if first_foreign and not has_letters:
        return Survey("cp1252", WINDOWS, first_foreign, digest.hexdigest(), number)
    return Survey("utf-8", UTF_8, None, digest.hexdigest(), number)


def _check_text(start: bytes) -> None:
    if not start:
        raise Unreadable("The file is empty; give one with a header and a line for each customer.")
    for magic, what in _NO_TEXT.items():
        if start.startswith(magic):
            raise Unreadable(f"{what}; {_SAVE_AS}")
    if b"\0" in start and not start.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise Unreadable(f"This is no text; {_SAVE_AS}")


def text_of(path: Path, found: Survey) -> io.TextIOWrapper:
    """The file's text; a lone surrogate stands for bytes that are none. To be closed by the caller."""
    return path.open(encoding=found.codec, errors="pointsync.broken", newline="")


def physical_lines(text: io.TextIOBase, on_line: Callable[[int], None]) -> Iterator[str]:
    """The lines with their ends; `on_line` is told the length of each. Raises Unreadable for one that does not end."""
    number = 0
    while line := text.readline(MAX_LINE + 1):
        number += 1
        if len(line) > MAX_LINE:
            raise Unreadable(f"it is longer than {MAX_LINE:,} characters. Is this a table?", number)
        on_line(len(line))
        yield line


def fault_of(cells: list[str], found: Survey) -> str | None:
    """What is wrong with the letters of a line; None where nothing is."""
    whole = "".join(cells)
    if whole.isascii():
        return _NUL if "\0" in whole else None
    if _SURROGATE.search(whole):
        return f"It holds bytes that are no letters in {found.encoding}; save the file anew as UTF-8, or mend the line."
    return _NUL if "\0" in whole else None


_NUL = "It holds a NUL byte; take it out."
