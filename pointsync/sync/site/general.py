"""What an admin says of the site in general: its name, its time zone, its public URL; texts in the settings' table."""

from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

from sqlalchemy import select
from sqlalchemy.orm import Session

from pointsync import urls
from pointsync.config import Config
from pointsync.errors import Conflict, InvalidInput
from pointsync.models import Setting, Site
from pointsync.text_limits import MAX_NAME_LENGTH, validate_text

TIME_ZONE, SITE_NAME, PUBLIC_URL = "time_zone", "site_name", "public_url"
DEFAULT_ZONE = "UTC"


def get_site_name(session: Session, config: Config) -> str:
    """What other sites show: the environment's word, else the admin's, else the host's name."""
    return config.site_name if config.site_name_is_set else _read(session, SITE_NAME) or config.site_name


def set_site_name(session: Session, config: Config, name: str) -> str:
    """Call the site so; the name without surrounding space.

    Raises Invalid for `site_name`, Conflict where the environment names it.
    """
    if config.site_name_is_set:
        raise _set_in_environment("POINTSYNC_SITE_NAME", SITE_NAME)
    name = validate_text(name, MAX_NAME_LENGTH, SITE_NAME)
    if not name:
        raise InvalidInput(SITE_NAME, "The name is empty; type what the other sites shall show, such as Mug shop.")
    _write(session, SITE_NAME, name)
    return name


def get_time_zone(session: Session) -> ZoneInfo:
    """The zone in which the panel shows moments and counts days."""
    name = _read(session, TIME_ZONE)
    # A zone may be gone where the database was moved to a machine with other files of zones.
    return ZoneInfo(name if name in list_time_zones() else DEFAULT_ZONE)


def set_time_zone(session: Session, name: str) -> ZoneInfo:
    """Show moments in the zone of that IANA name. Raises Invalid for `time_zone`."""
    name = name.strip()
    if name not in list_time_zones():
        raise InvalidInput(TIME_ZONE, f"There is no time zone {name[:64]!r}; give its IANA name, such as Europe/Paris.")
    _write(session, TIME_ZONE, name)
    return ZoneInfo(name)


@lru_cache(maxsize=1)
def list_time_zones() -> frozenset[str]:
    """The names of all time zones; looked up in their files once."""
    return frozenset(available_timezones())


def set_public_url(session: Session, config: Config, url: str) -> str:
    """The URL that other sites call, as an admin confirms it; without a slash at its end.

    Raises Invalid for `public_url`, Conflict where the environment sets it.
    """
    if config.public_url:
        raise _set_in_environment("POINTSYNC_PUBLIC_URL", PUBLIC_URL)
    url = url.strip()
    if fault := urls.find_problem(url):
        raise InvalidInput(PUBLIC_URL, f"The public URL {fault}.")
    url = url.rstrip("/")
    _write(session, PUBLIC_URL, url)
    session.get_one(Site, 1, with_for_update=True, populate_existing=True).url = url
    session.flush()
    return url


def get_effective_url(site: Site, config: Config) -> str | None:
    """What other sites call: the environment's word, else the admin's, else where `serve` answers."""
    return config.public_url or site.url or site.served_url


def get_public_url(session: Session) -> str | None:
    """The URL that an admin has confirmed; None where none has."""
    return _read(session, PUBLIC_URL)


def clear_public_url(session: Session, site: Site) -> None:
    """A copy does not answer where the real site does."""
    if (setting := session.get(Setting, PUBLIC_URL)) is not None:
        session.delete(setting)
    site.url = None


def _set_in_environment(variable: str, field: str) -> Conflict:
    message = f"{variable} sets it: change it there, and start again."
    return Conflict("set_in_environment", message, {field: message})


def _read(session: Session, name: str) -> str | None:
    return session.scalar(select(Setting.value).where(Setting.name == name))


def _write(session: Session, name: str, value: str) -> None:
    setting = session.get(Setting, name) or Setting(name=name)
    setting.value = value
    session.add(setting)
    session.flush()
