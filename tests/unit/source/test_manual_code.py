"""Code in the manual fits into its box in a wide window, so that nothing of it is cut or continues on the next line."""

import re
from collections.abc import Iterator
from itertools import pairwise

from tests.support.paths import MANUAL

MAX_COMMENTED_LINE = 80
MAX_DIAGRAM_LINE = 100
BOX = re.compile("[\u2500-\u257f]")
COMMENT = re.compile(r"\S +# ")


def code_blocks(text: str) -> Iterator[list[str]]:
    """The lines of each block between two fences."""
    lines = text.splitlines()
    fences = [number for number, line in enumerate(lines) if line.lstrip().startswith("```")]
    for start, end in list(pairwise(fences))[::2]:
        yield lines[start + 1 : end]


def too_long(text: str) -> list[str]:
    """Lines with a comment at their end, which belongs above the command, and lines of wide diagrams."""
    found = []
    for block in code_blocks(text):
        if any(map(BOX.search, block)):
            found += [line for line in block if len(line) > MAX_DIAGRAM_LINE]
        else:
            found += [line for line in block if COMMENT.search(line) and len(line) > MAX_COMMENTED_LINE]
    return found


def test_no_comment_and_no_diagram_is_too_long() -> None:
    assert {path.name: too_long(path.read_text()) for path in MANUAL.glob("*.md") if too_long(path.read_text())} == {}


def test_control_long_lines_are_seen() -> None:
    command, diagram = f"run {'x' * 70}  # why", "─" * 101
    assert too_long(f"```sh\n{command}\n# {'y' * 90}\n```\n\n```\n{diagram}\n```") == [command, diagram]
