"""What an admin types about a remote: a sharing key, a URL, credentials; read and checked here."""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

from pointsync import ids
from pointsync.errors import Invalid
from pointsync.ledger.bounds import is_reserve_key
from pointsync.sync import woorewards

MAX_URL = 500


@dataclass(frozen=True, slots=True)
class Typed:
    """A line of the Remote sites list as typed, checked: each field can be right."""

    url: str
    auth: str
    password: str
    target: str
    observed: str
    template: str


def read(
    *,
    sharing_key: str | None,
    url: str | None,
    auth: str | None,
    password: str | None,
    target: str,
    observed: str,
    template: str | None,
) -> Typed:
    """The fields of a remote; what is given beside a sharing key wins over what is in it.

    Raises Invalid naming the field: `sharing_key`, `url`, `auth`, `pass`, `target` or `query_template`.
    """
    if sharing_key:
        in_key = read_sharing_key(sharing_key)
        url, auth, password = url or in_key[0], auth or in_key[1], password or in_key[2]
    url, auth, password = (url or "").strip(), (auth or "").strip(), (password or "").strip()
    for field, value in (("url", url), ("auth", auth), ("pass", password)):
        if not value:
            raise Invalid(field, f"{field} is missing: give the sharing key, or URL, Auth. and Pass.")
    if not ids.is_auth(auth):
        raise Invalid("auth", "Auth. is wrk_ and 16 hex digits; copy it from the other site's Local site information.")
    if not ids.is_pass(password):
        raise Invalid(
            "pass",
            "Pass. is wrs_ and 16 letters and digits; copy it from the other site's Local site information.",
        )
    if not is_reserve_key(target):
        raise Invalid("target", "The target reserve's id has letters, digits, - and _ only, such as default.")
    return Typed(read_url(url), auth, password, target, observed, read_template(template))


def read_sharing_key(text: str) -> tuple[str, str, str]:
    """URL, Auth and Pass of a sharing key, `<URL without scheme>|<auth>:<pass>`. Raises Invalid."""
    url, bar, credentials = text.strip().rpartition("|")
    auth, colon, password = credentials.partition(":")
    if not bar or not colon or not url or not ids.is_auth(auth) or not ids.is_pass(password):
        raise Invalid(
            "sharing_key",
            "The sharing key is cut short or changed: it reads like shop.example|wrk_…:wrs_… with 16 characters "
            "behind wrk_ and wrs_. Copy it again with the button beside it.",
        )
    return url, auth, password


def read_url(text: str) -> str:
    """A remote's URL with its scheme, https where none was typed, and no slash at its end. Raises Invalid."""
    text = text.strip()
    if not re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", text):
        text = f"https://{text}"
    try:
        parts = urlsplit(text)
        port = parts.port
        host = parts.hostname or ""
    except ValueError as error:
        raise Invalid("url", f"The URL's host or port cannot be: {error}. Ports go from 1 to 65535.") from error
    if parts.scheme not in ("http", "https"):
        raise Invalid("url", "The URL must begin with https:// (or http:// inside your own network).")
    behind = parts.netloc.rpartition("]")[2]  # of an address in brackets only a port may follow
    if (
        not host
        or len(host) > 253
        or not re.fullmatch(r"[^\s/?#@\\%]+", host)
        or (":" in host and behind[:1] not in ("", ":"))
    ):
        raise Invalid("url", "The URL has no host; type one such as shop.example or https://shop.example/fr.")
    if port == 0:
        raise Invalid("url", "The URL's port is 0; ports go from 1 to 65535.")
    if parts.username or parts.password or "@" in parts.netloc:
        raise Invalid("url", "The URL must not carry a name or password; Auth. and Pass. have their own fields.")
    if parts.query or parts.fragment:
        raise Invalid("url", "The URL must end with its path, without ? and #.")
    if len(text) > MAX_URL or not text.isprintable() or re.search(r"\s", text):
        raise Invalid("url", f"The URL must have at most {MAX_URL} characters and no spaces.")
    return urlunsplit((parts.scheme, parts.netloc.lower(), parts.path.rstrip("/"), "", ""))


def read_template(text: str | None) -> str:
    """A Query Template: a path with its four placeholders, the add-on's own where none was typed. Raises Invalid."""
    template = (text or "").strip() or woorewards.DEFAULT_TEMPLATE
    if not template.startswith("/"):
        template = f"/{template}"
    missing = [placeholder for placeholder in woorewards.PLACEHOLDERS if template.count(placeholder) != 1]
    if missing:
        raise Invalid("query_template", f"The Query Template needs {', '.join(missing)} exactly once.")
    if len(template) > MAX_URL or not template.isascii() or re.search(r"[\s?#\\]", template):
        raise Invalid("query_template", "The Query Template is a path: no spaces, ? or #, and letters of ASCII only.")
    return template
