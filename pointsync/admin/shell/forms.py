"""The forms of signing in and of an admin, and what all forms share."""

from collections.abc import Mapping
from typing import Self

from flask_wtf import FlaskForm
from sqlalchemy.orm import Session
from wtforms import HiddenField, PasswordField, StringField
from wtforms.validators import EqualTo, InputRequired, ValidationError
from wtforms.widgets import PasswordInput

from pointsync import crypto
from pointsync.accounts import admins
from pointsync.errors import Conflict, Invalid, Refused
from pointsync.ledger import reserves
from pointsync.sync.site import settings


class SignInForm(FlaskForm):  # type: ignore[misc]
    """Name and password; what is wrong with them is not told apart."""

    name = StringField("Name", [InputRequired("Type your name.")])
    password = PasswordField("Password", [InputRequired("Type your password.")])


class SetupForm(FlaskForm):  # type: ignore[misc]
    """A new admin: the first one by the link, the others by one of them."""

    name = StringField("Name", [InputRequired("Choose a name to sign in with.")])
    password = PasswordField("Password", [InputRequired("Choose a password.")])
    again = PasswordField(
        "Password again",
        [
            InputRequired("Type the password once more."),
            EqualTo("password", "The two passwords differ; type the same one twice."),
        ],
    )

    def validate_password(self, field: PasswordField) -> None:
        """Tell what is wrong with the password together with what is wrong beside it."""
        try:
            admins.check_password(field.data)
        except Invalid as error:
            raise ValidationError(error.message) from error


class ChangeForm(FlaskForm):  # type: ignore[misc]
    """A form over values that somebody else may change meanwhile; what they are is given by the names of its fields."""

    seen = HiddenField()
    """Tells the values that it was made from; a script of an admin's may leave it out."""

    def made_from(self, values: Mapping[str, str | bool]) -> Self:
        """Keep what the values are now."""
        self.seen.data = ".".join(map(_digest, values.values()))
        return self

    def check_seen(self, values: Mapping[str, str | bool]) -> None:
        """Refuse to put what was typed in place of what nobody has seen here: the values as they are now.

        Raises Conflict `changed_meanwhile` once, with a sentence at each field that somebody else has changed.
        """
        seen = (self.seen.data or "").split(".")
        if len(seen) != len(values):
            return
        changed = {name: now for (name, now), was in zip(values.items(), seen, strict=True) if was != _digest(now)}
        self.made_from(values)
        fields = {name: _changed(now) for name, now in changed.items() if self._typed(name, now) != now}
        if fields:
            raise Conflict("changed_meanwhile", "It was changed meanwhile.", fields)

    def _typed(self, name: str, now: str | bool) -> str | bool:
        data = self[name].data
        return bool(data) if isinstance(now, bool) else str(data or "").strip()


def _digest(value: str | bool) -> str:
    return crypto.digest(str(value))[:12]


def _changed(now: str | bool) -> str:
    said = ("switched on" if now else "switched off") if isinstance(now, bool) else f"changed to {now!r}"
    return f"Meanwhile it was {said}. Save once more to put this in its place."


class _SecretInput(PasswordInput):  # type: ignore[misc]
    """Readable while it is typed, and never sent back."""

    input_type = "text"


class SecretField(StringField):  # type: ignore[misc]
    """A text that carries a secret, such as a sharing key, which is to be seen while it is pasted."""

    widget = _SecretInput()


def check_setting(_form: FlaskForm, field: StringField) -> None:
    """A validator of a field that is named as in `settings.KINDS`: a whole number within the bounds there."""
    try:
        settings.check(field.short_name, field.data or "")
    except Invalid as error:
        kind = settings.KINDS[field.short_name]
        raise ValidationError(f"Type a whole number from {kind.low:,} to {kind.high:,}.") from error


def reserve_choices(session: Session, *, only_active: bool = False) -> dict[str, str]:
    """The points reserves to choose from, by key: each by its name, with the key where that is another."""
    return {
        each.key: f"{each.name} ({each.key})" if each.name != each.key else each.key
        for each in reserves.every(session)
        if each.is_active or not only_active
    }


def show_refusal(form: FlaskForm, error: Refused) -> None:
    """Put each of a refusal's sentences at its field."""
    for name, sentence in error.fields.items():
        form[name].errors = [*form[name].errors, sentence]
