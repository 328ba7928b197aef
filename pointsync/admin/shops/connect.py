"""System › Shops: connect a shop with a code that is shown once."""

from datetime import datetime

from flask.typing import ResponseReturnValue
from wtforms import RadioField, StringField

from pointsync import clock, db
from pointsync.admin.settings.order_rule import OrderRuleFields, list_rules
from pointsync.admin.shell.forms import show_errors
from pointsync.admin.shell.panel import blueprint, render_page
from pointsync.admin.shell.reserve_choices import reserve_choices
from pointsync.admin.shops.shops import PATH, SHOP_ID, TAB, get_public_url
from pointsync.errors import Conflict, InvalidInput, NotFound
from pointsync.models import ConnectedShop
from pointsync.runtime import get_runtime
from pointsync.shops import connected_shops, plugin_zip
from pointsync.shops.connected_shops import ExistingRule
from pointsync.woocommerce import rules


class ConnectForm(OrderRuleFields):
    """A shop to connect, and how its orders count."""

    name = StringField("Name")
    existing = RadioField(
        "If its orders count already",
        choices={ExistingRule.KEEP.value: "Keep that rule", ExistingRule.REPLACE.value: "Replace it by this one"},
        default=ExistingRule.KEEP.value,
        validate_choice=False,
    )

    def read_existing(self) -> ExistingRule:
        """What was chosen. Raises InvalidInput."""
        if not self.existing.raw_data:
            return ExistingRule.REFUSE  # the form did not ask
        if self.existing.data not in (ExistingRule.KEEP, ExistingRule.REPLACE):
            raise InvalidInput("existing", "Choose whether that rule stays, or is replaced.")
        return ExistingRule(self.existing.data)


@blueprint.get(f"{PATH}/connect")
def connect_shop() -> ResponseReturnValue:
    """Show the form."""
    return _render_form(ConnectForm())


@blueprint.post(f"{PATH}/connect")
def submit_connect_shop() -> ResponseReturnValue:
    """Let a shop connect, and show its code in this one response."""
    form, state, now = ConnectForm(), get_runtime(), clock.now()
    try:
        rule, name = form.read_rule() | {"existing": form.read_existing()}, (form.name.data or "").strip()
        shop, code = db.run_in_transaction(
            lambda session: connected_shops.begin(session, state.vault, state.config, name, now, **rule)
        )
    except (InvalidInput, Conflict, NotFound) as error:
        show_errors(form, error)
        return _render_form(form), 422
    return _render_code(shop, code, now)


@blueprint.get(f"{PATH}/{SHOP_ID}/code")
def renew_code(shop_id: int) -> ResponseReturnValue:
    """Ask whether the shop should get another code."""
    return _render_code_form(shop_id)


@blueprint.post(f"{PATH}/{SHOP_ID}/code")
def submit_renew_code(shop_id: int) -> ResponseReturnValue:
    """Give the shop another code, and show it in this one response."""
    config, now = get_runtime().config, clock.now()
    try:
        shop, code = db.run_in_transaction(lambda session: connected_shops.renew_code(session, config, shop_id, now))
    except Conflict:  # there is no public URL: the form says so
        return _render_code_form(shop_id), 422
    return _render_code(shop, code, now)


def _render_form(form: ConnectForm) -> str:
    session = db.session()
    form.reserve.choices = reserve_choices(session, only_active=True)
    connected = {each.name for each in connected_shops.list_all(session)}
    present = [each for each in list_rules(session) if each.key_shop not in connected]
    return render_page(
        "shops/connect.html",
        TAB,
        form=form,
        url=get_public_url(),
        present=[(each.key_shop, rules.describe(each), each.reserve.name) for each in present],
    )


def _render_code_form(shop_id: int) -> str:
    shop = connected_shops.get(db.session(), shop_id)
    return render_page("shops/code_form.html", TAB, shop=shop, url=get_public_url())


def _render_code(shop: ConnectedShop, code: str, now: datetime) -> ResponseReturnValue:
    assert shop.code_ends_at is not None
    rule = connected_shops.find_rule(db.session(), shop)
    return render_page(
        "shops/code.html",
        TAB,
        shop=shop,
        code=code,
        seconds_left=int((shop.code_ends_at - now).total_seconds()),
        rule=rules.describe(rule) if rule is not None else None,
        reserve=rule.reserve if rule is not None else None,
        url=get_public_url(),
        plugin_version=plugin_zip.get_version(),
    ), 201
