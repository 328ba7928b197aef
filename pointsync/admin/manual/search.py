"""A search in the manual: the sections that have all words, the best ones first."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from pointsync.admin.manual.pages import Manual, Page, Section

MAX_QUERY_LENGTH = 100
MAX_WORDS = 8
MAX_RESULTS = 20
MAX_EXCERPT_LENGTH = 220
CONTEXT_LENGTH = 80
"""How much of an excerpt comes before the first word that was found."""

SMALL_WORDS = {
    *("a", "an", "and", "are", "can", "do", "does", "for", "how", "i", "in", "is", "it", "my", "of", "on", "or"),
    *("the", "this", "to", "what", "when", "where", "with"),
}

_PUNCTUATION = ".,;:?!()\"'“”‘’"
"""What people type around words."""
_TITLE_SCORE = 10
_HEADING_SCORE = 20
_ALL_IN_HEADING_SCORE = 60
_HEADING_START_SCORE = 15
_MAX_COUNT_SCORE = 5
"""A word that comes again and again in a section counts this much at most."""

Text = tuple[tuple[str, bool], ...]
"""A text in parts, each with whether it is what was searched for."""


@dataclass(frozen=True, slots=True)
class Result:
    """A section that was found."""

    page: Page
    anchor: str
    """Empty for the top of the page."""
    heading: Text
    excerpt: Text


@dataclass(frozen=True, slots=True)
class Results:
    """What was found: the first results, and how many there are."""

    query: str
    items: tuple[Result, ...]
    total: int


def clean_query(text: str) -> str:
    """What was typed, without needless space, cut to `MAX_QUERY_LENGTH`."""
    return " ".join(text[: 2 * MAX_QUERY_LENGTH].split())[:MAX_QUERY_LENGTH]


def search(manual: Manual, query: str) -> Results:
    """The sections of the manual that have each word of `query`, or a longer word that begins with it.

    Small words such as *the* count only if there are no others.
    """
    words = [word for typed in query.casefold().split() if (word := typed.strip(_PUNCTUATION))]
    words = list(dict.fromkeys(words))
    patterns = [_pattern(word) for word in ([word for word in words if word not in SMALL_WORDS] or words)[:MAX_WORDS]]
    if not patterns:
        return Results(query, (), 0)
    any_pattern = re.compile("|".join(pattern.pattern for pattern in patterns), re.IGNORECASE)
    scored = [
        (score, page, section)
        for page in manual.pages.values()
        for section in page.sections
        if (score := _score(page, section, patterns))
    ]
    scored.sort(key=lambda each: -each[0])  # stable: equal ones stay in the order of the manual
    items = [
        Result(
            page,
            section.anchor if section.level > 1 else "",
            _mark(section.title, any_pattern),
            _excerpt(section, any_pattern),
        )
        for _, page, section in scored[:MAX_RESULTS]
    ]
    return Results(query, tuple(items), len(scored))


def _pattern(word: str) -> re.Pattern[str]:
    """The word at the beginning of a word, in the singular, too."""
    stem = word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word
    return re.compile(rf"(?<![^\W_]){re.escape(stem)}", re.IGNORECASE)


def _score(page: Page, section: Section, patterns: list[re.Pattern[str]]) -> int:
    """How well a section fits; 0 unless it has all words, at least one of them in its own heading or text."""
    text = "\n".join(section.blocks)
    in_heading = [bool(pattern.search(section.title)) for pattern in patterns]
    in_title = [bool(pattern.search(page.title)) for pattern in patterns]
    counts = [len(pattern.findall(text)) for pattern in patterns]
    own = [heading or count for heading, count in zip(in_heading, counts, strict=True)]
    if not any(own) or not all(one or title for one, title in zip(own, in_title, strict=True)):
        return 0
    return (
        _ALL_IN_HEADING_SCORE * all(in_heading)
        + _HEADING_START_SCORE * any(pattern.match(section.title) for pattern in patterns)
        + _HEADING_SCORE * sum(in_heading)
        + _TITLE_SCORE * sum(in_title)
        + sum(min(count, _MAX_COUNT_SCORE) for count in counts)
    )


def _excerpt(section: Section, pattern: re.Pattern[str]) -> Text:
    """The part of the section's text with the most different words of the query."""
    if not section.blocks:
        return ()
    block = max(section.blocks, key=lambda text: len({found.casefold() for found in pattern.findall(text)}))
    found = pattern.search(block)
    start = max(0, found.start() - CONTEXT_LENGTH) if found else 0
    if start:
        start = block.find(" ", start) + 1 or start
    cut = block[start : start + MAX_EXCERPT_LENGTH]
    if start + MAX_EXCERPT_LENGTH < len(block):
        cut = f"{cut.rpartition(' ')[0] or cut} …"
    return _mark(f"… {cut}" if start else cut, pattern)


def _mark(text: str, pattern: re.Pattern[str]) -> Text:
    return tuple(_parts(text, pattern))


def _parts(text: str, pattern: re.Pattern[str]) -> Iterator[tuple[str, bool]]:
    end = 0
    for found in pattern.finditer(text):
        if found.start() > end:
            yield text[end : found.start()], False
        yield found[0], True
        end = found.end()
    if end < len(text):
        yield text[end:], False
