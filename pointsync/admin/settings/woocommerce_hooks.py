"""The hooks of System › WooCommerce: adding, changing and removing them, and their last deliveries."""

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from pointsync import clock, db, ids
from pointsync.admin.settings.hook_form import HookForm, read_values
from pointsync.admin.settings.woocommerce import PATH, TAB, get_public_url
from pointsync.admin.shell.panel import blueprint, render_page
from pointsync.admin.shell.reserve_choices import reserve_choices
from pointsync.admin.shell.template_filters import strip_bidi
from pointsync.admin.shell.time_zone import get_time_zone
from pointsync.errors import Conflict, InvalidInput, NotFound
from pointsync.models import Hook
from pointsync.runtime import get_runtime
from pointsync.woocommerce import example, hooks, problems, rule_input, rules
from pointsync.woocommerce.rule_input import RuleInput

HOOK_ID = "<row_id:hook_id>"
MAX_DELIVERIES = 20


@blueprint.get(f"{PATH}/add")
def add_hook() -> ResponseReturnValue:
    """Show the form for a new hook."""
    return _render_form(HookForm(), None)


@blueprint.post(f"{PATH}/add")
def submit_add_hook() -> ResponseReturnValue:
    """Create a hook and show, in this one response, what to type into the shop; or show the example again."""
    form, now = HookForm(), clock.now()
    if _is_preview():
        return _render_form(form, None)
    submitted_secret = (form.secret.data or "").strip()
    secret = submitted_secret or ids.new_token()
    try:
        if form.rule.data not in ("orders", "movements"):
            raise InvalidInput("rule", "Choose what counts: orders, or the shop plugin's movements.")
        by_movements = form.rule.data == "movements"
        # A hook for the plugin has no rule for orders, so errors in those fields must not refuse it.
        typed = RuleInput() if by_movements else form.read_rule(get_time_zone())
        hook = db.run_in_transaction(
            lambda session: hooks.add(
                session,
                get_runtime().vault,
                name=(form.name.data or "").strip(),
                secret=secret,
                reserve_key=form.reserve.data or "",
                typed=typed,
                by_movements=by_movements,
                now=now,
            )
        )
    except (InvalidInput, Conflict, NotFound) as error:
        form.show_rule_error(error)
        return _render_form(form, None), 422
    secret_to_show = None if submitted_secret else secret
    url = get_public_url()
    return render_page(
        "settings/hook_created.html",
        TAB,
        hook=hook,
        delivery_url=hooks.delivery_url(hook, url),
        secret=secret_to_show,
        url=url,
    ), 201


@blueprint.get(f"{PATH}/{HOOK_ID}/edit")
def edit_hook(hook_id: int) -> ResponseReturnValue:
    """Show the form with the hook's rule."""
    hook, form = hooks.get(db.session(), hook_id), HookForm()
    if hook.rule == "orders":
        form.fill(read_values(hook, get_time_zone()))
    return _render_form(form, hook)


@blueprint.post(f"{PATH}/{HOOK_ID}/edit")
def submit_edit_hook(hook_id: int) -> ResponseReturnValue:
    """Save the rule and, if one was typed, the secret; or show the example again."""
    form, hook, zone = HookForm(), hooks.get(db.session(), hook_id), get_time_zone()
    if _is_preview():
        return _render_form(form, hook)

    def change(session: Session) -> None:
        current = hooks.get(session, hook_id, for_update=True)
        typed = None
        if current.rule == "orders":
            form.check_unchanged(read_values(current, zone))
            typed = form.read_rule(zone, current)
        secret = (form.secret.data or "").strip() or None
        hooks.change(session, get_runtime().vault, hook_id, secret=secret, typed=typed)

    try:
        db.run_in_transaction(change)
    except (InvalidInput, Conflict) as error:
        form.show_rule_error(error)
        return _render_form(form, hook), 422
    flash(f"Saved {hook.name}. Orders that have counted keep the rule by which they did.", "done")
    return redirect(url_for(TAB), 303)


@blueprint.post(f"{PATH}/preview")
def preview_new_hook() -> ResponseReturnValue:
    """The example for what was typed, `{message}`, for the script."""
    return {"message": _describe_example(HookForm(), None)}


@blueprint.post(f"{PATH}/{HOOK_ID}/preview")
def preview_hook(hook_id: int) -> ResponseReturnValue:
    """The same for a hook that exists."""
    return {"message": _describe_example(HookForm(), hooks.get(db.session(), hook_id))}


@blueprint.get(f"{PATH}/{HOOK_ID}")
def hook_deliveries(hook_id: int) -> ResponseReturnValue:
    """Show a hook and its last deliveries."""
    session = db.session()
    hook, url = hooks.get(session, hook_id), get_public_url()
    return render_page(
        "settings/hook.html",
        TAB,
        hook=hook,
        delivery_url=hooks.delivery_url(hook, url),
        describe_rule=rules.describe,
        deliveries=hooks.list_deliveries(session, hook.id, MAX_DELIVERIES),
        unusable=problems.list_deliveries(session, hook.id, MAX_DELIVERIES, clock.now()),
        max_deliveries=MAX_DELIVERIES,
        url=url,
    )


@blueprint.post(f"{PATH}/{HOOK_ID}/dismiss")
def dismiss_deliveries(hook_id: int) -> ResponseReturnValue:
    """Say that the deliveries that could not be used need no attention any more."""
    db.run_in_transaction(lambda session: problems.dismiss(session, hook_id))
    flash("Dismissed.", "done")
    return redirect(url_for("admin.hook_deliveries", hook_id=hook_id), 303)


@blueprint.get(f"{PATH}/{HOOK_ID}/remove")
def remove_hook(hook_id: int) -> ResponseReturnValue:
    """Ask for confirmation."""
    return render_page("settings/hook_remove.html", TAB, hook=hooks.get(db.session(), hook_id))


@blueprint.post(f"{PATH}/{HOOK_ID}/remove")
def submit_remove_hook(hook_id: int) -> ResponseReturnValue:
    """Remove a hook."""

    def remove(session: Session) -> str:
        name = hooks.get(session, hook_id).name
        hooks.remove(session, name, clock.now())
        return name

    name = db.run_in_transaction(remove)
    flash(f"The hook {name} is removed. Deliveries to it are now refused.", "done")
    return redirect(url_for(TAB), 303)


def _is_preview() -> bool:
    return "preview" in request.form


def _render_form(form: HookForm, hook: Hook | None) -> str:
    form.reserve.choices = reserve_choices(db.session(), only_active=True)
    form.set_choices(is_new=hook is None)
    has_rule = hook is None or hook.rule == "orders"
    return render_page(
        "settings/hook_form.html",
        TAB,
        form=form,
        hook=hook,
        example=_describe_example(form, hook) if has_rule else None,
        has_focus_on_example=_is_preview(),
    )


def _describe_example(form: HookForm, hook: Hook | None) -> str:
    """What the last order gives by the rule that was typed, or what is wrong with it."""
    try:
        rule = rule_input.build(form.read_rule(get_time_zone(), hook), clock.now())
    except InvalidInput as error:
        return f"No example yet. {error.message}"
    return strip_bidi(example.describe(db.session(), rule, hook, get_time_zone()))
