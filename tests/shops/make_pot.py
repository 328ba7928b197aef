"""`python -m tests.shops.make_pot`: writes the file of the plugin's texts, from which translators begin.

It reads the calls of WordPress's functions for translations, with the comments for translators before them. All texts
of the plugin's scripts come from PHP.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

PLUGIN = Path(__file__).parents[2] / "pointsync/shops/wordpress/pointsync"
POT = PLUGIN / "languages/pointsync.pot"
DOMAIN = "pointsync"
HEADER_FIELDS = ("Plugin Name", "Description")
HEADER = r"""# The texts of the plugin. Its license is MIT.
msgid ""
msgstr ""
"Project-Id-Version: PointSync for WooCommerce\n"
"MIME-Version: 1.0\n"
"Content-Type: text/plain; charset=UTF-8\n"
"Content-Transfer-Encoding: 8bit\n"
"X-Domain: pointsync\n"
"""

_CALL = re.compile(r"(?<![\w>:$])(?:esc_html_|esc_attr_)?(__|_?e|_nx?|_?x)\(")
_STRING = re.compile(r"""\s*(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\$]|\\.)*)")\s*([,)]|$)""", re.DOTALL)
_NOTE = re.compile(r"/\*\s*(translators:.*?)\s*\*/", re.DOTALL)
NOTE_LINES = 3
"""How far above a call its comment may be."""


@dataclass(slots=True)
class Text:
    """A text to translate, the files that have it, and what translators should know."""

    singular: str
    plural: str | None
    context: str | None
    files: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def build() -> str:
    """The content of the file."""
    texts: dict[tuple[str | None, str], Text] = {}
    for path in sorted(PLUGIN.rglob("*.php")):
        name = str(path.relative_to(PLUGIN))
        for found, note in _read(path):
            text = texts.setdefault((found.context, found.singular), found)
            text.plural = text.plural or found.plural
            if name not in text.files:
                text.files.append(name)
            if note and note not in text.notes:
                text.notes.append(note)
    return HEADER + "".join(map(_format, texts.values()))


def _read(path: Path) -> Iterator[tuple[Text, str]]:
    """The texts of a file, each with the comment before it."""
    code = path.read_text(encoding="utf-8")
    if path.parent == PLUGIN:
        for name in HEADER_FIELDS:
            if found := re.search(rf"^ \* {name}:\s+(.+)$", code, re.MULTILINE):
                yield Text(found[1], None, None), f"{name} of the plugin"
    for call in _CALL.finditer(code):
        kind, end = call[1].strip("_"), call.end()
        strings: list[str] = []
        while len(strings) < 4:
            found = _STRING.match(code, end)
            if found is None:  # the number that chooses between singular and plural
                assert "n" in kind, f"{path}: {code[call.start() : end + 80]}"
                end = _skip_argument(code, end)
                continue
            strings.append(_unescape(found[1] if found[1] is not None else found[2]))
            end = found.end()
            if found[3] == ")":
                break
        assert strings[-1] == DOMAIN, f"{path}: {code[call.start() : end + 20]} has another text domain"
        plural = strings[1] if kind.startswith("n") else None
        context = strings[-2] if kind.endswith("x") else None
        before = "\n".join(code[: call.start()].splitlines()[-NOTE_LINES:])
        notes = _NOTE.findall(before)
        yield Text(strings[0], plural, context), notes[-1] if notes and "%" in strings[0] else ""


def _skip_argument(code: str, start: int) -> int:
    """Where the next argument of a call begins."""
    depth = 0
    for place in range(start, len(code)):
        depth += {"(": 1, "[": 1, ")": -1, "]": -1}.get(code[place], 0)
        if code[place] == "," and depth == 0:
            return place + 1
    raise AssertionError(code[start : start + 80])


def _unescape(text: str) -> str:
    return re.sub(r"\\(['\"\\])", r"\1", text)


def _format(text: Text) -> str:
    lines = ["", *(f"#. {note}" for note in text.notes), f"#: {' '.join(text.files)}"]
    if "%" in text.singular:
        lines.append("#, php-format")
    if text.context is not None:
        lines.append(f"msgctxt {_quote(text.context)}")
    lines.append(f"msgid {_quote(text.singular)}")
    if text.plural is None:
        lines.append('msgstr ""')
    else:
        lines += [f"msgid_plural {_quote(text.plural)}", 'msgstr[0] ""', 'msgstr[1] ""']
    return "\n".join(lines) + "\n"


def _quote(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


if __name__ == "__main__":
    POT.parent.mkdir(exist_ok=True)
    POT.write_text(build(), encoding="utf-8")
