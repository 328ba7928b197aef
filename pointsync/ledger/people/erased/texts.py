"""How a text names an address: an erasure replaces it there, and a report lists where it is. Pure but for `may_name`.

A text may write an address in another way than its key: in capitals, with `ß`, with an international domain, in a URL
(`ann%40shop.example`) or in JSON (`stra\\u00dfe@shop.example`). So whatever looks like an address is read as one
(`email_address.parse`), and its key decides. A longer address that only ends or begins with it is another one.
"""

import re
import unicodedata
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from sqlalchemy import ColumnElement, Integer, Text, and_, cast, func, or_
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from pointsync.email_address import MAX_LENGTH, fold, parse
from pointsync.errors import InvalidInput

READ_BYTES = 1 << 20
_OVERLAP_BYTES = 8 * MAX_LENGTH
"""More than an address takes in any way of writing it."""

_LABEL = r"[^\W_](?:[^\W_]|-+[^\W_])*"
_DOMAIN = re.compile(rf"@{_LABEL}(?:[.\u3002\uff0e\uff61]{_LABEL})*")
_SEPARATORS = frozenset('@<>()[],;:"\\')
_ESCAPED = re.compile(
    r"(?P<url>(?:%[0-9a-fA-F]{2})+)"
    r"|(?P<space>\\[bfnrt])"
    r"|(?P<json>(?:\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}))"
)


class _Named(NamedTuple):
    """A place in a text where an address is named."""

    start: int
    end: int
    key: str


class AddressTexts:
    """Finds these addresses in texts. `addresses` are keys, see `email_address.Address`."""

    def __init__(self, addresses: Collection[str]) -> None:
        self.addresses = frozenset(addresses)
        self._domains = {each.rpartition("@")[2] for each in addresses}

    def is_named_in(self, text: str) -> bool:
        """Whether a text names one of the addresses."""
        return any(next(self._find(read), None) for read in (text, _unescape(text)[0]))

    def is_named_in_bytes(self, content: bytes) -> bool:
        """The same for a part of a file, in any encoding that programs write."""
        if b"@" not in content and b"%40" not in content:
            return False
        return any(self.is_named_in(text) for text in _decode(content))

    def is_named_in_file(self, path: Path) -> bool:
        """The same for a file. Raises OSError."""
        with path.open("rb") as file:
            tail = b""
            while block := file.read(READ_BYTES):
                if self.is_named_in_bytes(tail + block):
                    return True
                tail = (tail + block)[-_OVERLAP_BYTES:]
        return False

    def replace(self, text: str, token_of: Callable[[str], str]) -> str:
        """`text` with what `token_of` returns in place of each of the addresses."""
        if "@" in text:
            text = _replace_all(text, self._find(text), token_of)
        if _is_escaped(text):
            read, places = _unescape(text)
            found = [_Named(places[each.start][0], places[each.end - 1][1], each.key) for each in self._find(read)]
            text = _replace_all(text, found, token_of)
        return text

    def may_name(self, *columns: ColumnElement[Any]) -> ColumnElement[bool]:
        """For queries: one of these texts may name one of the addresses. `is_named_in` then says whether it does.

        A text of ASCII letters contains the address as it is, but for letter case. All others are read.
        """
        return or_(*(self._may_name(cast(each, Text)) for each in columns))

    def _may_name(self, text: ColumnElement[str]) -> ColumnElement[bool]:
        lower = func.lower(text)
        plain = [lower.contains(each, autoescape=True) for each in sorted(self.addresses)]
        is_escaped = or_(text.contains("%", autoescape=True), text.contains("\\", autoescape=True))
        is_unusual = or_(_byte_length(text) != func.length(text), is_escaped)  # it has other characters than ASCII
        has_sign = or_(text.contains("@"), text.contains("%40", autoescape=True))
        return or_(*plain, and_(has_sign, is_unusual))

    def _find(self, text: str) -> Iterator[_Named]:
        for match in _DOMAIN.finditer(text):
            domain = self._read_domain(match[0][1:])
            if domain and (found := self._find_before(text, match.start(), match.end(), domain)):
                yield found

    def _read_domain(self, domain: str) -> str | None:
        """The domain as it is in keys, if one of the addresses has it."""
        key = domain.lower()
        if not key.isascii() or "xn--" in key:
            key = (_key_of(f"x@{domain}") or "").rpartition("@")[2]
        return key if key in self._domains else None

    def _find_before(self, text: str, sign: int, end: int, domain: str) -> _Named | None:
        """The longest of the addresses that ends with this domain, of which the sign `@` is at `sign`."""
        start = sign
        while start > max(0, sign - MAX_LENGTH) and _may_be_part(text[start - 1]):
            start -= 1
        while start < sign:
            if start == 0 or not _is_inner(text[start - 1]):
                key = f"{fold(text[start:sign].lower())}@{domain}"
                if key in self.addresses:
                    return _Named(start, end, key)
            start += 1
        return None


class Replacement:
    """Replaces addresses by their tokens. `tokens` are by the keys of the addresses."""

    def __init__(self, tokens: Mapping[str, str]) -> None:
        self._tokens = tokens
        self.addresses = AddressTexts(tokens)

    def apply(self, text: str) -> str:
        """`text` with the tokens of the addresses."""
        return self.addresses.replace(text, self._tokens.__getitem__)

    def apply_to_json(self, value: object) -> object:
        """The same for all texts within a JSON value."""
        if isinstance(value, str):
            return self.apply(value)
        if isinstance(value, dict):
            return {self.apply(key): self.apply_to_json(each) for key, each in value.items()}
        if isinstance(value, list):
            return [self.apply_to_json(each) for each in value]
        return value


def key_of(address: str) -> str:
    """The key of an address, or the address itself if an earlier version accepted it and this one does not."""
    return _key_of(address) or address


def _key_of(text: str) -> str | None:
    try:
        return parse(text).key
    except InvalidInput:
        return None


def _may_be_part(sign: str) -> bool:
    return sign not in _SEPARATORS and not sign.isspace() and sign >= " "


def _is_inner(sign: str) -> bool:
    """Whether an address that begins after this sign is the end of a longer one."""
    return sign.isalnum() or sign in "_.+-" or bool(unicodedata.combining(sign))


def _replace_all(text: str, found: Collection[_Named] | Iterator[_Named], token_of: Callable[[str], str]) -> str:
    pieces, end = list[str](), 0
    for each in found:
        token = token_of(each.key)
        written = text[each.start : each.end]
        pieces += [text[end : each.start], quote(token, safe="") if "%40" in written else token]
        end = each.end
    return "".join([*pieces, text[end:]])


def _is_escaped(text: str) -> bool:
    return ("@" in text or "%40" in text) and ("%" in text or "\\" in text)


def _unescape(text: str) -> tuple[str, list[tuple[int, int]]]:
    """A text as it is read in a URL or in JSON, and for each character its place in `text`."""
    if not _is_escaped(text):
        return "", []
    read, places, end = list[str](), list[tuple[int, int]](), 0

    def add(characters: str, start: int, width: Callable[[str], int]) -> int:
        for each in characters:
            read.append(each)
            places.append((start, start + width(each)))
            start += width(each)
        return start

    for match in _ESCAPED.finditer(text):
        add(text[end : match.start()], end, lambda _: 1)
        end = match.end()
        if match["url"]:
            content = bytes.fromhex(match["url"].replace("%", ""))
            try:
                add(content.decode(), match.start(), lambda each: 3 * len(each.encode()))
            except UnicodeDecodeError:
                add(content.decode("latin-1"), match.start(), lambda _: 3)
        elif match["space"]:
            add(" ", match.start(), lambda _: 2)
        else:
            units = bytes.fromhex(match["json"].replace("\\u", "")).decode("utf-16-be", "replace")
            add(units, match.start(), partial(_constant, len(match["json"])))
    add(text[end:], end, lambda _: 1)
    return "".join(read), places


def _constant(value: int, _: str) -> int:
    return value


def _decode(content: bytes) -> Iterator[str]:
    if b"\0" in content:
        for shift in (0, 1):  # a part may begin within a character
            yield content[shift:].decode("utf-16-le", "replace")
            yield content[shift:].decode("utf-16-be", "replace")
    text = content.decode("utf-8", "replace")
    yield text
    if "\ufffd" in text:
        yield content.decode("cp1252", "replace")


class _byte_length(FunctionElement[int]):
    type = Integer()
    inherit_cache = True


@compiles(_byte_length, "sqlite")
def _compile_for_sqlite(element: _byte_length, compiler: SQLCompiler, **options: Any) -> str:
    return f"length(CAST({compiler.process(element.clauses, **options)} AS BLOB))"


@compiles(_byte_length, "postgresql")
def _compile_for_postgresql(element: _byte_length, compiler: SQLCompiler, **options: Any) -> str:
    return f"octet_length({compiler.process(element.clauses, **options)})"
