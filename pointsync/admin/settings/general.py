"""System › General: the site's name, its public URL, and its time zone."""

from collections.abc import Callable

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from sqlalchemy.orm import Session
from wtforms import StringField

from pointsync import db, urls
from pointsync.admin.shell.forms import VersionedForm, show_errors
from pointsync.admin.shell.panel import blueprint, render_page
from pointsync.errors import Conflict, DomainError, InvalidInput
from pointsync.models import Site
from pointsync.runtime import get_runtime
from pointsync.sync.site import general as facts

TAB = "admin.general"

_URL_CHANGED_MESSAGE = (
    "The public URL has changed: the lines that other sites have for this one must be changed, too. "
    "Hand their admins the new sharing key; it stands under Points Sync."
)


class GeneralForm(VersionedForm):
    """What `sync.general` keeps, under its names."""

    site_name = StringField("Site name")
    public_url = StringField("Public URL")
    time_zone = StringField("Time zone")


@blueprint.get("/system/general", provide_automatic_options=False)
def general() -> ResponseReturnValue:
    """The tab."""
    values = _form_values(db.session())
    return _render_tab(GeneralForm(data=values).with_original_values(values))


@blueprint.post("/system/general", provide_automatic_options=False)
def save_general() -> ResponseReturnValue:
    """Save what the environment does not set: all of it, or nothing."""
    form = GeneralForm()
    try:
        url_changed = db.run_in_transaction(lambda session: _save(session, form))
    except DomainError as error:
        show_errors(form, error)
        return _render_tab(form), 422
    flash("Saved.", "done")
    if url_changed:
        flash(_URL_CHANGED_MESSAGE, "warning")
    return redirect(url_for(TAB), 303)


@blueprint.post("/system/general/address", provide_automatic_options=False)
def confirm_public_url() -> ResponseReturnValue:
    """Take the address that the admin's browser has used as the public URL, as the page offered it."""
    address, config = request.form.get("public_url", ""), get_runtime().config
    try:
        url = db.run_in_transaction(lambda session: facts.set_public_url(session, config, address))
    except (InvalidInput, Conflict) as error:
        flash(error.message, "error")
    else:
        flash(f"Other sites call this one at {url} from now on. The sharing key is ready, under Points Sync.", "done")
    return redirect(url_for(TAB), 303)


def _save(session: Session, form: GeneralForm) -> bool:
    """Store what was typed; whether other sites call another URL now. Raises Refused with every faulty field."""
    config, site = get_runtime().config, session.get_one(Site, 1)
    previous_url, submitted = (
        site.url,
        {name: form[name].data or "" for name in ("site_name", "public_url", "time_zone")},
    )
    form.check_unchanged(_form_values(session))
    errors: dict[str, str] = {}

    def collect_errors(save: Callable[[], object]) -> None:
        try:
            save()
        except (InvalidInput, Conflict) as error:
            errors.update(error.fields)

    if not config.site_name_is_set:
        collect_errors(lambda: facts.set_site_name(session, config, submitted["site_name"]))
    # The URL at which `serve` answers is shown, but only what an admin types over it is confirmed.
    if not config.public_url and submitted["public_url"] != (facts.get_effective_url(site, config) or ""):
        collect_errors(lambda: facts.set_public_url(session, config, submitted["public_url"]))
    collect_errors(lambda: facts.set_time_zone(session, submitted["time_zone"]))
    if errors:
        raise DomainError("invalid", "Something cannot be as it was typed; nothing was saved.", errors)
    return previous_url is not None and site.url != previous_url


def _form_values(session: Session) -> dict[str, str]:
    """What the form is about, as it is now."""
    config = get_runtime().config
    return {
        "site_name": facts.get_site_name(session, config),
        "public_url": facts.get_effective_url(session.get_one(Site, 1), config) or "",
        "time_zone": facts.get_time_zone(session).key,
    }


def _render_tab(form: GeneralForm) -> str:
    session, config = db.session(), get_runtime().config
    site = session.get_one(Site, 1)
    # A readonly field is sent along, and may be sent with anything in it.
    if config.site_name_is_set:
        form.site_name.data = config.site_name
    if config.public_url:
        form.public_url.data = config.public_url
    return render_page(
        "settings/general.html",
        TAB,
        form=form,
        zones=sorted(facts.list_time_zones()),
        is_name_fixed=config.site_name_is_set,
        is_url_fixed=bool(config.public_url),
        suggested_url=_suggest_url(site),
        served_url=site.served_url,
    )


def _suggest_url(site: Site) -> str | None:
    """The address that the browser has used, while nobody has said by which one other sites call this one.

    Not one that leads past the sign-in of the shop's proxy: other sites would be stopped there.
    """
    address = request.url_root.rstrip("/")
    is_undecided = not (get_runtime().config.public_url or site.url) and address != site.served_url
    return address if is_undecided and not current_user.is_by_proxy and not urls.find_problem(address) else None
