"""What an admin types about a remote: a sharing key, a URL, credentials; read and checked here."""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

from pointsync import ids, urls
from pointsync.errors import InvalidInput
from pointsync.sync.protocol import woorewards
from pointsync.text_limits import is_reserve_key


@dataclass(frozen=True, slots=True)
class RemoteInput:
    """A line of the Remote sites list as typed, checked: each field can be right."""

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
    """The fields of a remote; what is given beside a sharing key wins over what is in it.

    Raises Invalid naming the field: `sharing_key`, `url`, `auth`, `pass`, `target` or `query_template`.
    """
    if sharing_key:
        key_parts = parse_sharing_key(sharing_key)
        url, auth, password = url or key_parts[0], auth or key_parts[1], password or key_parts[2]
    url, auth, password = (url or "").strip(), (auth or "").strip(), (password or "").strip()
    for field, value in (("url", url), ("auth", auth), ("pass", password)):
        if not value:
            raise InvalidInput(field, f"{field} is missing: give the sharing key, or URL, Auth. and Pass.")
    if not ids.is_auth(auth):
        raise InvalidInput(
            "auth", "Auth. is wrk_ and 16 hex digits; copy it from the other site's Local site information."
        )
    if not ids.is_pass(password):
        raise InvalidInput(
            "pass",
            "Pass. is wrs_ and 16 letters and digits; copy it from the other site's Local site information.",
        )
    if not is_reserve_key(target_reserve):
        raise InvalidInput("target", "The target reserve's id has letters, digits, - and _ only, such as default.")
    return RemoteInput(parse_url(url), auth, password, target_reserve, observed_reserve, parse_template(query_template))


def parse_sharing_key(text: str) -> tuple[str, str, str]:
    """URL, Auth and Pass of a sharing key, `<URL without scheme>|<auth>:<pass>`. Raises Invalid."""
    url, bar, credentials = text.strip().rpartition("|")
    auth, colon, password = credentials.partition(":")
    if not bar or not colon or not url or not ids.is_auth(auth) or not ids.is_pass(password):
        raise InvalidInput(
            "sharing_key",
            "The sharing key is cut short or changed: it reads like shop.example|wrk_…:wrs_… with 16 characters "
            "behind wrk_ and wrs_. Copy it again with the button beside it.",
        )
    return url, auth, password


def parse_url(text: str) -> str:
    """A remote's URL with its scheme, https where none was typed, and no slash at its end. Raises Invalid."""
    text = text.strip()
    if not re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", text):
        text = f"https://{text}"
    text = text.rstrip("?#")
    if problem := urls.find_problem(text):
        raise InvalidInput("url", f"The URL {problem}.")
    parts = urlsplit(text)
    return urlunsplit((parts.scheme, parts.netloc.lower(), parts.path.rstrip("/"), "", ""))


def parse_template(text: str | None) -> str:
    """A Query Template: a path with its four placeholders, the add-on's own where none was typed. Raises Invalid."""
    template = (text or "").strip() or woorewards.DEFAULT_TEMPLATE
    if not template.startswith("/"):
        template = f"/{template}"
    missing = [placeholder for placeholder in woorewards.PLACEHOLDERS if template.count(placeholder) != 1]
    if missing:
        raise InvalidInput("query_template", f"The Query Template needs {', '.join(missing)} exactly once.")
    if len(template) > urls.MAX_URL_LENGTH or not template.isascii() or re.search(r"[\s?#\\]", template):
        raise InvalidInput(
            "query_template", "The Query Template is a path: no spaces, ? or #, and letters of ASCII only."
        )
    return template
