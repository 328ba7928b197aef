"""The site's name, time zone and public URL, which an admin sets; stored as texts in the table of settings."""

from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

from sqlalchemy.orm import Session

from pointsync import urls
from pointsync.config import Config
from pointsync.errors import Conflict, InvalidInput
from pointsync.models import Setting, Site
from pointsync.text_limits import MAX_NAME_LENGTH, validate_text

TIME_ZONE, SITE_NAME, PUBLIC_URL = "time_zone", "site_name", "public_url"
DEFAULT_ZONE = "UTC"


def get_site_name(session: Session, config: Config) -> str:
    """The name that other sites show: from the environment, else set by an admin, else the host name."""
    return config.site_name if config.site_name_is_set else Setting.read(session, SITE_NAME) or config.site_name


def set_site_name(session: Session, config: Config, name: str) -> str:
    """Set the site's name and return it without surrounding space.

    Raises InvalidInput for `site_name`, Conflict if the environment sets it.
    """
    if config.site_name_is_set:
        raise _set_in_environment("POINTSYNC_SITE_NAME", SITE_NAME)
    name = validate_text(name, MAX_NAME_LENGTH, SITE_NAME)
    if not name:
        raise InvalidInput(SITE_NAME, "The name is empty. Enter the name that other sites show, such as Mug shop.")
    Setting.write(session, SITE_NAME, name)
    return name


def get_time_zone(session: Session) -> ZoneInfo:
    """The time zone in which the panel shows times and counts days."""
    name = Setting.read(session, TIME_ZONE)
    # After a move to another machine its zone files may lack the stored zone.
    return ZoneInfo(name if name in list_time_zones() else DEFAULT_ZONE)


def set_time_zone(session: Session, name: str) -> ZoneInfo:
    """Set the site's time zone by its IANA name. Raises InvalidInput for `time_zone`."""
    name = name.strip()
    if name not in list_time_zones():
        raise InvalidInput(TIME_ZONE, f"There is no time zone {name[:64]!r}. Enter an IANA name, such as Europe/Paris.")
    Setting.write(session, TIME_ZONE, name)
    return ZoneInfo(name)


@lru_cache(maxsize=1)
def list_time_zones() -> frozenset[str]:
    """The names of all time zones; cached, because they are read from files."""
    return frozenset(available_timezones())


def set_public_url(session: Session, config: Config, url: str) -> str:
    """Set the URL that other sites call, and return it without a slash at its end.

    Raises InvalidInput for `public_url`, Conflict if the environment sets it.
    """
    if config.public_url:
        raise _set_in_environment("POINTSYNC_PUBLIC_URL", PUBLIC_URL)
    url = url.strip()
    if problem := urls.find_problem(url):
        raise InvalidInput(PUBLIC_URL, f"The public URL {problem}.")
    url = url.rstrip("/")
    Setting.write(session, PUBLIC_URL, url)
    Site.get_for_update(session).url = url
    session.flush()
    return url


def get_effective_url(site: Site, config: Config) -> str | None:
    """The URL that other sites call: from the environment, else set by an admin, else where `serve` listens."""
    return config.public_url or site.url or site.served_url


def get_public_url(session: Session) -> str | None:
    """The URL that an admin has set; None if no admin has."""
    return Setting.read(session, PUBLIC_URL)


def clear_public_url(session: Session, site: Site) -> None:
    """Delete the URL from a copy: it does not answer at the original site's URL."""
    if (setting := session.get(Setting, PUBLIC_URL)) is not None:
        session.delete(setting)
    site.url = None


def _set_in_environment(variable: str, field: str) -> Conflict:
    message = f"{variable} sets this value. Change it there and restart PointSync."
    return Conflict("set_in_environment", message, {field: message})
