"""The forms of signing in and of a new admin."""

from flask_wtf import FlaskForm
from wtforms import PasswordField, StringField
from wtforms.validators import EqualTo, InputRequired, ValidationError

from pointsync.accounts import admins
from pointsync.errors import InvalidInput


class SignInForm(FlaskForm):  # type: ignore[misc]
    """Name and password; what is wrong with them is not told apart."""

    name = StringField("Name", [InputRequired("Type your name.")])
    password = PasswordField("Password", [InputRequired("Type your password.")])


class NewAdminForm(FlaskForm):  # type: ignore[misc]
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
        except InvalidInput as error:
            raise ValidationError(error.message) from error
