"""Every component of the panel in each of its states, on one page, for those who build it: in debug mode only."""

from flask import Flask
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from wtforms import BooleanField, PasswordField, RadioField, SelectField, StringField, TextAreaField

from pointsync.admin.activity.deliveries import DeliveryFilter
from pointsync.admin.shell.panel import page
from pointsync.admin.styleguide import samples


class SampleForm(FlaskForm):  # type: ignore[misc]
    """A field of each kind."""

    plain = StringField("Plain")
    helped = StringField("With help and a badge", default="As typed")
    wrong = StringField("With what is wrong", default="no such!")
    number = StringField("A number of seconds between two attempts", default="180")
    secret = PasswordField("A secret")
    chosen = SelectField("One of a list", choices={"default": "Points (default)", "gold": samples.LONG_NAME})
    lines = TextAreaField("Several lines", default="alice@example.com\nbob@example.com")
    short = StringField("With a button", default="default")
    radio = RadioField("One of a few", choices={"a": "The first", "b": "The second"}, default="a")
    radio_wrong = RadioField("One of a few, none chosen", choices={"a": "The first", "b": "The second"})
    on = BooleanField("Switched on", default=True)
    off = BooleanField("Switched off")


def register(app: Flask) -> None:
    """Add the page where Flask runs in debug mode; it exists nowhere else. The panel's guards stand before it."""
    if app.debug:
        app.add_url_rule("/components", "admin.components", components, provide_automatic_options=False)


def components() -> ResponseReturnValue:
    """The page."""
    form, lines = SampleForm(), samples.lines()
    remotes = [line.remote for line in lines]
    form.wrong.errors = ["Type letters, digits, - and _ only, such as gold-points."]
    form.radio_wrong.errors = ["Choose one of the two."]
    narrowed = DeliveryFilter(remotes)
    narrowed.customer.errors = ["There is no customer nobody@example.com here."]
    return page(
        "styleguide/components.html", form=form, lines=lines, remotes=remotes, narrowed=narrowed, samples=samples
    )
