"""What the panel's forms share."""

import re
from collections.abc import Mapping
from typing import Self

from flask_wtf import FlaskForm
from wtforms import HiddenField, StringField
from wtforms.validators import ValidationError
from wtforms.widgets import PasswordInput

from pointsync import crypto
from pointsync.errors import Conflict, DomainError, InvalidInput
from pointsync.sync.site import settings
from pointsync.text_limits import MAX_POINTS

_WHOLE_NUMBER = re.compile(r"[0-9]{1,18}\Z")


class VersionedForm(FlaskForm):  # type: ignore[misc]
    """A form over values that somebody else may change meanwhile; what they are is given by the names of its fields."""

    original_digests = HiddenField()
    """Tells the values that it was made from; a script of an admin's may leave it out."""

    def with_original_values(self, values: Mapping[str, str | bool]) -> Self:
        """Keep what the values are now."""
        self.original_digests.data = ".".join(map(_digest, values.values()))
        return self

    def check_unchanged(self, values: Mapping[str, str | bool]) -> None:
        """Refuse to put what was typed in place of what nobody has seen here: the values as they are now.

        Raises Conflict `changed_meanwhile` once, with a sentence at each field that somebody else has changed.
        """
        original = (self.original_digests.data or "").split(".")
        if len(original) != len(values):
            return
        changed = {
            name: current
            for (name, current), before in zip(values.items(), original, strict=True)
            if before != _digest(current)
        }
        self.with_original_values(values)
        fields = {
            name: _changed_message(current)
            for name, current in changed.items()
            if self._submitted_value(name, current) != current
        }
        if fields:
            raise Conflict("changed_meanwhile", "It was changed meanwhile.", fields)

    def _submitted_value(self, name: str, current: str | bool) -> str | bool:
        data = self[name].data
        return bool(data) if isinstance(current, bool) else str(data or "").strip()


def _digest(value: str | bool) -> str:
    return crypto.sha256_hex(str(value))[:12]


def _changed_message(current: str | bool) -> str:
    change = ("switched on" if current else "switched off") if isinstance(current, bool) else f"changed to {current!r}"
    return f"Meanwhile it was {change}. Save once more to put this in its place."


class _SecretInput(PasswordInput):  # type: ignore[misc]
    """Readable while it is typed, and never sent back."""

    input_type = "text"


class SecretField(StringField):  # type: ignore[misc]
    """A text that carries a secret, such as a sharing key, which is to be seen while it is pasted."""

    widget = _SecretInput()


def validate_setting(_form: FlaskForm, field: StringField) -> None:
    """A validator of a field that is named as in `settings.KINDS`: a whole number within the bounds there."""
    try:
        settings.parse(field.short_name, field.data or "")
    except InvalidInput as error:
        kind = settings.DEFINITIONS[field.short_name]
        raise ValidationError(f"Type a whole number from {kind.low:,} to {kind.high:,}.") from error


def show_errors(form: FlaskForm, error: DomainError) -> None:
    """Put each of a refusal's sentences at its field."""
    for name, message in error.fields.items():
        form[name].errors = [*form[name].errors, message]


def raw_value(form: FlaskForm, name: str) -> str:
    """What was sent for a field, whatever the field makes of it; empty where nothing was."""
    return str((form[name].raw_data or [""])[0]).strip()


def parse_whole_number(text: str, signs: str = "") -> int | None:
    """The whole number that `text` is, with one of `signs` before it or none; None where it is not one.

    A number far out of bounds is one, too: the bounds have a sentence of their own.
    """
    sign, digits = (text[0], text[1:]) if text and text[0] in signs else ("", text)
    if not _WHOLE_NUMBER.match(digits):
        return MAX_POINTS + 1 if digits.isascii() and digits.isdecimal() else None
    return -int(digits) if sign in ("-", "−") else int(digits)
