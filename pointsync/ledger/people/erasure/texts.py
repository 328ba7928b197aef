"""Replacing addresses within texts, in each way in which texts contain them: plain, in URLs and in JSON. Pure."""

import json
import re
from collections.abc import Mapping
from functools import cached_property
from urllib.parse import quote


def forms_of(address: str) -> set[str]:
    """How a text may contain an address, in lower case."""
    local, _, domain = address.rpartition("@")
    in_json = json.dumps(address)[1:-1]
    return {each.lower() for each in (address, in_json, quote(address, safe=""), f"{local}%40{domain}")}


class Replacement:
    """Replaces addresses by their tokens."""

    def __init__(self, tokens: Mapping[str, str]) -> None:
        self._tokens = {form: token for address, token in tokens.items() for form in forms_of(address)}

    @property
    def forms(self) -> list[str]:
        """What to look for, in lower case."""
        return sorted(self._tokens)

    def apply(self, text: str) -> str:
        """`text` with the tokens of the addresses. Longer addresses that end with one of them stay."""
        return self._pattern.sub(self._replace, text) if self._tokens else text

    def apply_to_json(self, value: object) -> object:
        """The same for all texts within a JSON value."""
        if isinstance(value, str):
            return self.apply(value)
        if isinstance(value, dict):
            return {self.apply(key): self.apply_to_json(each) for key, each in value.items()}
        if isinstance(value, list):
            return [self.apply_to_json(each) for each in value]
        return value

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        forms = sorted(map(re.escape, self._tokens), key=len, reverse=True)
        before = r"(?:(?<=%[0-9a-f]{2})|(?<![\w.+%-]))"
        return re.compile(rf"{before}(?:{'|'.join(forms)})(?![\w-]|\.\w)", re.IGNORECASE)

    def _replace(self, match: re.Match[str]) -> str:
        token = self._tokens[match[0].lower()]
        return quote(token, safe="") if "%40" in match[0] else token
