"""System › General: the site's name, its public URL, and its time zone."""

from collections.abc import Callable

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from sqlalchemy.orm import Session
from wtforms import StringField

from pointsync import db, urls
from pointsync.admin.shell.forms import ChangeForm, show_refusal
from pointsync.admin.shell.panel import blueprint, page
from pointsync.errors import Conflict, Invalid, Refused
from pointsync.models import Site
from pointsync.runtime import runtime
from pointsync.sync.site import general as facts

TAB = "admin.general"

_MOVED = (
    "The public URL has changed: the lines that other sites have for this one must be changed, too. "
    "Hand their admins the new sharing key; it stands under Points Sync."
)


class GeneralForm(ChangeForm):
    """What `sync.general` keeps, under its names."""

    site_name = StringField("Site name")
    public_url = StringField("Public URL")
    time_zone = StringField("Time zone")


@blueprint.get("/system/general", provide_automatic_options=False)
def general() -> ResponseReturnValue:
    """The tab."""
    values = _values(db.db.session())
    return _page(GeneralForm(data=values).made_from(values))


@blueprint.post("/system/general", provide_automatic_options=False)
def save_general() -> ResponseReturnValue:
    """Save what the environment does not set: all of it, or nothing."""
    form = GeneralForm()
    try:
        has_moved = db.in_write(lambda session: _save(session, form))
    except Refused as error:
        show_refusal(form, error)
        return _page(form), 422
    flash("Saved.", "done")
    if has_moved:
        flash(_MOVED, "warning")
    return redirect(url_for(TAB), 303)


@blueprint.post("/system/general/address", provide_automatic_options=False)
def confirm_address() -> ResponseReturnValue:
    """Take the address that the admin's browser has used as the public URL, as the page offered it."""
    offered, config = request.form.get("public_url", ""), runtime().config
    try:
        url = db.in_write(lambda session: facts.set_public_url(session, config, offered))
    except (Invalid, Conflict) as error:
        flash(error.message, "error")
    else:
        flash(f"Other sites call this one at {url} from now on. The sharing key is ready, under Points Sync.", "done")
    return redirect(url_for(TAB), 303)


def _save(session: Session, form: GeneralForm) -> bool:
    """Store what was typed; whether other sites call another URL now. Raises Refused with every faulty field."""
    config, site = runtime().config, session.get_one(Site, 1)
    before, typed = site.url, {name: form[name].data or "" for name in ("site_name", "public_url", "time_zone")}
    form.check_seen(_values(session))
    wrong: dict[str, str] = {}

    def keep(work: Callable[[], object]) -> None:
        try:
            work()
        except (Invalid, Conflict) as error:
            wrong.update(error.fields)

    if not config.site_name_is_set:
        keep(lambda: facts.set_site_name(session, config, typed["site_name"]))
    # The URL at which `serve` answers is shown, but only what an admin types over it is confirmed.
    if not config.public_url and typed["public_url"] != (facts.known_url(site, config) or ""):
        keep(lambda: facts.set_public_url(session, config, typed["public_url"]))
    keep(lambda: facts.set_time_zone(session, typed["time_zone"]))
    if wrong:
        raise Refused("invalid", "Something cannot be as it was typed; nothing was saved.", wrong)
    return before is not None and site.url != before


def _values(session: Session) -> dict[str, str]:
    """What the form is about, as it is now."""
    config = runtime().config
    return {
        "site_name": facts.site_name(session, config),
        "public_url": facts.known_url(session.get_one(Site, 1), config) or "",
        "time_zone": facts.time_zone(session).key,
    }


def _page(form: GeneralForm) -> str:
    session, config = db.db.session(), runtime().config
    site = session.get_one(Site, 1)
    # A readonly field is sent along, and may be sent with anything in it.
    if config.site_name_is_set:
        form.site_name.data = config.site_name
    if config.public_url:
        form.public_url.data = config.public_url
    return page(
        "settings/general.html",
        TAB,
        form=form,
        zones=sorted(facts.zones()),
        name_is_set=config.site_name_is_set,
        url_is_set=bool(config.public_url),
        offered=_offered(site),
        served=site.served_url,
    )


def _offered(site: Site) -> str | None:
    """The address that the browser has used, while nobody has said by which one other sites call this one.

    Not one that leads past the sign-in of the shop's proxy: other sites would be stopped there.
    """
    address = request.url_root.rstrip("/")
    is_open = not (runtime().config.public_url or site.url) and address != site.served_url
    return address if is_open and not current_user.is_by_proxy and not urls.fault(address) else None
