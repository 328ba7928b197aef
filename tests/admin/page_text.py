"""What people read of a page."""

import html
import re


def text_of(part: str) -> str:
    """Part of a page as words."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", part)).split())


def main_text(text: str) -> str:
    """A page's <main> as words."""
    found = re.search(r"<main [^>]*>(.*)</main>", text, re.DOTALL)
    assert found
    return text_of(found[1])


def field_errors(text: str) -> dict[str, str]:
    """What is told at each field, by the field's id: plain text, tied to the input or the group it is about."""
    found = re.findall(r'<p class="field-error" id="(\w+)-error">([^<]+)</p>', text)
    for name, _ in found:
        described = f'aria-describedby="{name}-error"'
        one = rf'<\w+ {described} aria-invalid="true"[^>]* id="{name}"'
        assert re.search(rf'{one}|<fieldset class="option-group field-invalid" {described}>', text), name
    errors = {name: text_of(sentence) for name, sentence in found}
    assert len(errors) == len(found)
    return errors
