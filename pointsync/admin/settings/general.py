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
from pointsync.sync.site import general as general_settings

TAB = "admin.general"

_URL_CHANGED_MESSAGE = (
    "The public URL has changed, so other sites must update their remote for this one. "
    "Give their admins the new sharing key from Points Sync."
)


class GeneralForm(VersionedForm):
    """The settings of `sync.site.general`, under the same names."""

    site_name = StringField("Site name")
    public_url = StringField("Public URL")
    time_zone = StringField("Time zone")


@blueprint.get("/system/general")
def general() -> ResponseReturnValue:
    """The tab."""
    values = _form_values(db.session())
    return _render_tab(GeneralForm(data=values).with_original_values(values))


@blueprint.post("/system/general")
def save_general() -> ResponseReturnValue:
    """Save the settings that are not set in the environment: all of them, or none."""
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


@blueprint.post("/system/general/address")
def confirm_public_url() -> ResponseReturnValue:
    """Set the public URL to the one that the page suggested."""
    suggested_url, config = request.form.get("public_url", ""), get_runtime().config
    try:
        url = db.run_in_transaction(lambda session: general_settings.set_public_url(session, config, suggested_url))
    except (InvalidInput, Conflict) as error:
        flash(error.message, "error")
    else:
        flash(f"Other sites now call this one at {url}. The sharing key is ready under Points Sync.", "done")
    return redirect(url_for(TAB), 303)


def _save(session: Session, form: GeneralForm) -> bool:
    """Save the form; whether the public URL has changed. Raises DomainError with a message for each invalid field."""
    config, site = get_runtime().config, session.get_one(Site, 1)
    previous_url = site.url
    submitted = {name: form[name].data or "" for name in ("site_name", "public_url", "time_zone")}
    form.check_unchanged(_form_values(session))
    errors: dict[str, str] = {}

    def collect_errors(save: Callable[[], object]) -> None:
        try:
            save()
        except (InvalidInput, Conflict) as error:
            errors.update(error.fields)

    if not config.site_name_is_set:
        collect_errors(lambda: general_settings.set_site_name(session, config, submitted["site_name"]))
    # The field may show the URL at which `serve` answers. Only a URL that an admin types counts as confirmed.
    if not config.public_url and submitted["public_url"] != (general_settings.get_effective_url(site, config) or ""):
        collect_errors(lambda: general_settings.set_public_url(session, config, submitted["public_url"]))
    collect_errors(lambda: general_settings.set_time_zone(session, submitted["time_zone"]))
    if errors:
        raise DomainError("invalid", "Nothing was saved. Correct the marked fields.", errors)
    return previous_url is not None and not urls.is_same_place(site.url or "", previous_url)


def _form_values(session: Session) -> dict[str, str]:
    """The current values of the form's fields."""
    config = get_runtime().config
    return {
        "site_name": general_settings.get_site_name(session, config),
        "public_url": general_settings.get_effective_url(session.get_one(Site, 1), config) or "",
        "time_zone": general_settings.get_time_zone(session).key,
    }


def _render_tab(form: GeneralForm) -> str:
    session, config = db.session(), get_runtime().config
    site = session.get_one(Site, 1)
    # Browsers send read-only fields too, and their values could have been changed.
    if config.site_name_is_set:
        form.site_name.data = config.site_name
    if config.public_url:
        form.public_url.data = config.public_url
    return render_page(
        "settings/general.html",
        TAB,
        form=form,
        zones=sorted(general_settings.list_time_zones()),
        is_name_fixed=config.site_name_is_set,
        is_url_fixed=bool(config.public_url),
        suggested_url=_suggest_url(site),
        served_url=site.served_url,
    )


def _suggest_url(site: Site) -> str | None:
    """The URL that the admin's browser uses, while no public URL is set.

    None if the admin is signed in by the shop's proxy: the proxy would stop other sites at that URL.
    """
    url = request.url_root.rstrip("/")
    is_undecided = not (get_runtime().config.public_url or site.url) and not urls.is_same_place(
        url, site.served_url or ""
    )
    return url if is_undecided and not current_user.is_by_proxy and not urls.find_problem(url) else None
