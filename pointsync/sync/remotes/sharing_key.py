"""Validating what an admin enters for a remote: a sharing key, a URL, credentials."""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

from pointsync import ids, urls
from pointsync.errors import InvalidInput
from pointsync.sync.protocol import woorewards
from pointsync.text_limits import is_reserve_key, trim_pasted


@dataclass(frozen=True, slots=True)
class RemoteInput:
    """The validated fields of a remote."""

    url: str
    auth: str
    password: str
    target_reserve: str
    observed_reserve: str
    query_template: str


def parse(
    *,
    sharing_key: str | None,
    url: str | None,
    auth: str | None,
    password: str | None,
    target_reserve: str,
    observed_reserve: str,
    query_template: str | None,
) -> RemoteInput:
    """Validate the fields of a remote. Values given beside a sharing key take precedence over those in the key.

    Raises InvalidInput for the field: `sharing_key`, `url`, `auth`, `pass`, `target` or `query_template`.
    """
    if sharing_key:
        key_parts = parse_sharing_key(sharing_key)
        url, auth, password = url or key_parts[0], auth or key_parts[1], password or key_parts[2]
    url, password = trim_pasted(url or ""), trim_pasted(password or "")
    auth = ids.normalise_auth(trim_pasted(auth or ""))
    for label, value in (("URL", url), ("Auth", auth), ("Pass", password)):
        if not value:
            raise InvalidInput(label.lower(), f"The {label} is missing. Enter the sharing key, or URL, Auth and Pass.")
    if not ids.is_auth(auth):
        raise InvalidInput(
            "auth",
            "An Auth is wrk_ followed by 16 hex digits. Copy it from Local site information on the other site.",
        )
    if not ids.is_pass(password):
        raise InvalidInput(
            "pass",
            "A Pass is wrs_ followed by 16 letters and digits. Copy it from Local site information on the other site.",
        )
    if not is_reserve_key(target_reserve):
        raise InvalidInput("target", "A reserve's id has only letters, digits, - and _, for example: default.")
    return RemoteInput(parse_url(url), auth, password, target_reserve, observed_reserve, parse_template(query_template))


def parse_sharing_key(text: str) -> tuple[str, str, str]:
    """URL, Auth and Pass of a sharing key, `<URL without scheme>|<auth>:<pass>`. Raises InvalidInput."""
    url, bar, credentials = trim_pasted(text).rpartition("|")
    auth, colon, password = credentials.partition(":")
    auth = ids.normalise_auth(auth)
    if not bar or not colon or not url or not ids.is_auth(auth) or not ids.is_pass(password):
        raise InvalidInput(
            "sharing_key",
            "The sharing key is incomplete or changed. It looks like shop.example|wrk_…:wrs_… with 16 characters after "
            "wrk_ and wrs_. Copy it again with its copy button.",
        )
    return url, auth, password


def parse_url(text: str) -> str:
    """A remote's URL with its scheme (https if there is none) and without a slash at its end. Raises InvalidInput."""
    text = text.strip()
    if not re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", text):
        text = f"https://{text}"
    text = text.rstrip("?#")
    if problem := urls.find_problem(text):
        raise InvalidInput("url", f"The URL {problem}.")
    parts = urlsplit(text)
    return urlunsplit((parts.scheme, parts.netloc.lower(), parts.path.rstrip("/"), "", ""))


def parse_template(text: str | None) -> str:
    """A Query Template, a path with four placeholders; the add-on's own if it is empty. Raises InvalidInput."""
    template = (text or "").strip() or woorewards.DEFAULT_TEMPLATE
    if not template.startswith("/"):
        template = f"/{template}"
    missing = [placeholder for placeholder in woorewards.PLACEHOLDERS if template.count(placeholder) != 1]
    if missing:
        raise InvalidInput("query_template", f"The Query Template must contain {', '.join(missing)} exactly once.")
    if len(template) > urls.MAX_URL_LENGTH or not template.isascii() or re.search(r"[\s?#\\]", template):
        raise InvalidInput(
            "query_template", "The Query Template is a path of ASCII characters without spaces, ? and #."
        )
    return template
