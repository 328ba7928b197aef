"""Every component of the panel in each of its states on one page, for developers: in debug mode only."""

from flask import Flask
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from wtforms import BooleanField, PasswordField, RadioField, SelectField, StringField, TextAreaField

from pointsync.admin.activity.deliveries import DeliveryFilter
from pointsync.admin.settings.order_rule import OrderRuleFields
from pointsync.admin.shell.panel import render_page
from pointsync.admin.styleguide import family_samples, people_samples, samples, shop_samples


class SampleForm(FlaskForm):  # type: ignore[misc]
    """A field of each kind."""

    plain = StringField("Plain")
    with_help = StringField("With help and a help tip", default="As typed")
    invalid = StringField("With an error", default="no such!")
    number = StringField("Seconds between two attempts", default="180")
    shop_read_minutes = StringField("Minutes", default="5")
    secret = PasswordField("A secret")
    select = SelectField("A select field", choices={"default": "Points (default)", "gold": samples.LONG_NAME})
    lines = TextAreaField("Several lines", default="alice@example.com\nbob@example.com")
    short = StringField("With a button", default="default")
    radio = RadioField("Radio buttons", choices={"a": "The first", "b": "The second"}, default="a")
    radio_invalid = RadioField("Radio buttons, none selected", choices={"a": "The first", "b": "The second"})
    on = BooleanField("On", default=True)
    off = BooleanField("Off")


def register(app: Flask) -> None:
    """Add the page if Flask runs in debug mode. It needs a signed-in admin, like the panel's other pages."""
    if app.debug:
        app.add_url_rule("/components", "admin.components", show_components)


def show_components() -> ResponseReturnValue:
    """The page."""
    form, rule_form, remote_rows = SampleForm(), OrderRuleFields(), samples.remote_rows()
    rule_form.reserve.choices = {"default": "Points (default)"}
    remotes = [row.remote for row in remote_rows]
    form.invalid.errors = ["Type letters, digits, - and _ only, such as gold-points."]
    form.radio_invalid.errors = ["Choose one of them."]
    delivery_filter = DeliveryFilter(remotes)
    delivery_filter.customer.errors = ["No customer here has the e-mail address nobody@example.com."]
    return render_page(
        "styleguide/components.html",
        form=form,
        rule_form=rule_form,
        remote_rows=remote_rows,
        remotes=remotes,
        delivery_filter=delivery_filter,
        samples=samples,
        family_samples=family_samples,
        people_samples=people_samples,
        shop_samples=shop_samples,
    )
