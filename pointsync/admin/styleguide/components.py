"""Every component of the panel in each of its states, on one page, for those who build it: in debug mode only."""

from flask import Flask
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from wtforms import BooleanField, PasswordField, RadioField, SelectField, StringField, TextAreaField

from pointsync.admin.activity.deliveries import DeliveryFilter
from pointsync.admin.shell.panel import render_page
from pointsync.admin.styleguide import samples


class SampleForm(FlaskForm):  # type: ignore[misc]
    """A field of each kind."""

    plain = StringField("Plain")
    with_help = StringField("With help and a badge", default="As typed")
    invalid = StringField("With what is wrong", default="no such!")
    number = StringField("A number of seconds between two attempts", default="180")
    secret = PasswordField("A secret")
    select = SelectField("One of a list", choices={"default": "Points (default)", "gold": samples.LONG_NAME})
    lines = TextAreaField("Several lines", default="alice@example.com\nbob@example.com")
    short = StringField("With a button", default="default")
    radio = RadioField("One of a few", choices={"a": "The first", "b": "The second"}, default="a")
    radio_invalid = RadioField("One of a few, none chosen", choices={"a": "The first", "b": "The second"})
    on = BooleanField("Switched on", default=True)
    off = BooleanField("Switched off")


def register(app: Flask) -> None:
    """Add the page where Flask runs in debug mode; it exists nowhere else. The panel's guards stand before it."""
    if app.debug:
        app.add_url_rule("/components", "admin.components", show_components, provide_automatic_options=False)


def show_components() -> ResponseReturnValue:
    """The page."""
    form, remote_rows = SampleForm(), samples.remote_rows()
    remotes = [row.remote for row in remote_rows]
    form.invalid.errors = ["Type letters, digits, - and _ only, such as gold-points."]
    form.radio_invalid.errors = ["Choose one of the two."]
    delivery_filter = DeliveryFilter(remotes)
    delivery_filter.customer.errors = ["There is no customer nobody@example.com here."]
    return render_page(
        "styleguide/components.html",
        form=form,
        remote_rows=remote_rows,
        remotes=remotes,
        delivery_filter=delivery_filter,
        samples=samples,
    )
