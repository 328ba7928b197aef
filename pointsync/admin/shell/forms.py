"""What the panel's forms share."""

from collections.abc import Mapping
from typing import Self

from flask import request
from flask_wtf import FlaskForm
from werkzeug.datastructures import MultiDict
from wtforms import HiddenField, StringField
from wtforms.validators import ValidationError
from wtforms.widgets import PasswordInput

from pointsync import crypto, whole_number
from pointsync.errors import Conflict, DomainError, InvalidInput
from pointsync.sync.site import settings
from pointsync.text_limits import MAX_POINTS


class QueryForm(FlaskForm):  # type: ignore[misc]
    """A form in the URL's query, such as a list's filter. It changes nothing, so it has no CSRF token."""

    class Meta:
        csrf = False

    problem: str | None = None
    """An error in the query that belongs to no field, such as a bad cursor."""

    def __init__(self, query: MultiDict[str, str] | None = None) -> None:
        super().__init__(request.args if query is None else query)

    @property
    def is_active(self) -> bool:
        """Whether any field has a value, so that the list is filtered."""
        return any(field.data for field in self)

    @property
    def status_code(self) -> int:
        """422 for a query with an error, otherwise 200."""
        return 422 if self.errors or self.problem else 200

    def selected_option(self, name: str, noun: str) -> str | None:
        """The option chosen in a select field; None for all. Raises InvalidInput, with `noun`, if it does not exist."""
        option = self[name].data or None
        if option and option not in self[name].choices:
            raise InvalidInput(name, f"There is no such {noun}. Choose one from the list.")
        return option

    def show_error(self, error: DomainError) -> None:
        """Show the error at its field; above the list if it belongs to no field."""
        for name, message in error.fields.items():
            if name in self:
                self[name].errors = [message]
                return
        self.problem = error.message


class VersionedForm(FlaskForm):  # type: ignore[misc]
    """A form over values that another admin may change in the meantime. Its fields are named like the values."""

    original_digests = HiddenField()
    """Digests of the values when the form was opened. Scripts that post the form may leave it out."""

    def with_original_values(self, values: Mapping[str, str | bool]) -> Self:
        """Remember the current values."""
        self.original_digests.data = ".".join(map(_digest, values.values()))
        return self

    def check_unchanged(self, values: Mapping[str, str | bool]) -> None:
        """Refuse to overwrite changes that this admin has not seen; `values` are the current ones.

        Raises Conflict `changed_meanwhile`, with a message at each changed field. Saving once more succeeds.
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
    return f"In the meantime this was {change}. Save again to overwrite it."


class _SecretInput(PasswordInput):  # type: ignore[misc]
    """Readable while it is typed, and never sent back."""

    input_type = "text"


class SecretField(StringField):  # type: ignore[misc]
    """A text with a secret in it, such as a sharing key. It is visible while it is pasted."""

    widget = _SecretInput()


def validate_setting(_form: FlaskForm, field: StringField) -> None:
    """Validate a field named like a setting: a whole number within the bounds of `settings.DEFINITIONS`."""
    try:
        settings.parse(field.short_name, field.data or "")
    except InvalidInput as error:
        definition = settings.DEFINITIONS[field.short_name]
        raise ValidationError(f"Type a whole number from {definition.low:,} to {definition.high:,}.") from error


def show_errors(form: FlaskForm, error: DomainError) -> None:
    """Show each of the error's messages at its field."""
    for name, message in error.fields.items():
        form[name].errors = [*form[name].errors, message]


def raw_value(form: FlaskForm, name: str) -> str:
    """The text submitted for a field, before the field's own conversion; empty if there was none."""
    return str((form[name].raw_data or [""])[0]).strip()


def parse_whole_number(text: str, signs: str = "") -> int | None:
    """The whole number in `text`, optionally after one of `signs`; None if it is not a whole number.

    A number with too many digits counts as MAX_POINTS + 1, so that the caller's range check reports it.
    """
    digits = text[1:] if text and text[0] in signs else text
    if digits[:1] in ("+", "-", "−"):
        return None
    number = whole_number.read_text(text)
    return MAX_POINTS + 1 if number is None and digits.isascii() and digits.isdecimal() else number
