"""What people read of a page."""

import html
import re


def plain(part: str) -> str:
    """Part of a page as words."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", part)).split())


def words(text: str) -> str:
    """A page's <main> as words."""
    found = re.search(r"<main [^>]*>(.*)</main>", text, re.DOTALL)
    assert found
    return plain(found[1])


def wrong(text: str) -> dict[str, str]:
    """What is told at each field, by the field's id: plain text, tied to the input or the group it is about."""
    found = re.findall(r'<p class="field-error" id="(\w+)-wrong">([^<]+)</p>', text)
    for name, _ in found:
        described = f'aria-describedby="{name}-wrong"'
        one = rf'<\w+ {described} aria-invalid="true"[^>]* id="{name}"'
        assert re.search(rf'{one}|<fieldset class="choice field-wrong" {described}>', text), name
    told = {name: plain(sentence) for name, sentence in found}
    assert len(told) == len(found)
    return told
