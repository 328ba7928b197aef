"""The forms of signing in and of a new admin."""

from flask_wtf import FlaskForm
from wtforms import PasswordField, StringField
from wtforms.validators import EqualTo, InputRequired, ValidationError

from pointsync.accounts import admins
from pointsync.errors import InvalidInput


class SignInForm(FlaskForm):  # type: ignore[misc]
    """Name and password. An error does not say which of them is wrong."""

    name = StringField("Name", [InputRequired("Type your name.")])
    password = PasswordField("Password", [InputRequired("Type your password.")])


class NewAdminForm(FlaskForm):  # type: ignore[misc]
    """A new admin: the first one, created with the setup link, or one that another admin adds."""

    name = StringField("Name", [InputRequired("Choose a name to sign in with.")])
    password = PasswordField("Password", [InputRequired("Choose a password.")])
    again = PasswordField(
        "Password again",
        [
            InputRequired("Type the password again."),
            EqualTo("password", "The two passwords differ. Type the same one twice."),
        ],
    )

    def validate_password(self, field: PasswordField) -> None:
        """Show an error of the password together with the errors of the other fields."""
        try:
            admins.check_password(field.data)
        except InvalidInput as error:
            raise ValidationError(error.message) from error
