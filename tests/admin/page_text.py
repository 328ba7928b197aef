"""The text of a page, as people read it."""

import html
import re


def text_of(part: str) -> str:
    """The text of a part of a page, without tags and with single spaces."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", part)).split())


def main_text(text: str) -> str:
    """The text of a page's <main>."""
    found = re.search(r"<main [^>]*>(.*)</main>", text, re.DOTALL)
    assert found
    return text_of(found[1])


def field_errors(text: str) -> dict[str, str]:
    """The error of each field by the field's id. Each must be plain text and linked to its input or group."""
    found = re.findall(r'<p class="field-error" id="(\w+)-error">([^<]+)</p>', text)
    for name, _ in found:
        described = f'aria-describedby="{name}-error"'
        one = rf'<\w+ {described} aria-invalid="true"[^>]* id="{name}"'
        assert re.search(rf'{one}|<fieldset class="option-group field-invalid" {described}>', text), name
    errors = {name: text_of(sentence) for name, sentence in found}
    assert len(errors) == len(found)
    return errors
