"""The forms of signing in and of the first admin, and what all forms share."""

from flask_wtf import FlaskForm
from wtforms import PasswordField, StringField
from wtforms.validators import EqualTo, InputRequired, ValidationError
from wtforms.widgets import PasswordInput

from pointsync.errors import Invalid, Refused
from pointsync.sync import admins


class SignInForm(FlaskForm):  # type: ignore[misc]
    """Name and password; what is wrong with them is not told apart."""

    name = StringField("Name", [InputRequired("Type your name.")])
    password = PasswordField("Password", [InputRequired("Type your password.")])


class SetupForm(FlaskForm):  # type: ignore[misc]
    """The first admin."""

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


class _SecretInput(PasswordInput):  # type: ignore[misc]
    """Readable while it is typed, and never sent back."""

    input_type = "text"


class SecretField(StringField):  # type: ignore[misc]
    """A text that carries a secret, such as a sharing key, which is to be seen while it is pasted."""

    widget = _SecretInput()


def show_refusal(form: FlaskForm, error: Refused) -> None:
    """Put each of a refusal's sentences at its field."""
    for name, sentence in error.fields.items():
        form[name].errors = [*form[name].errors, sentence]
