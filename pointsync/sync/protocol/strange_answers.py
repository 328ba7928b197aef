"""Answers that no site gives: redirects, and what a proxy or a firewall says in a site's place."""

import re

from pointsync import urls
from pointsync.net import failed_answer
from pointsync.net.http_client import HttpResponse
from pointsync.sync.protocol.errors import RemoteError, not_a_site_message
from pointsync.text_limits import printable

MAX_LOCATION_LENGTH = 200
_REFUSALS = (401, 403, 407)
_REFUSES_ALL = 403
_IN_BETWEEN_MESSAGES = {
    401: "{url} is behind something that asks for a password of its own (401). Let calls to {folder} through there.",
    403: "Something before {url}, such as a firewall, refuses calls (403). Let calls to {folder} through there.",
    407: "Something before {url} asks for a sign-in at a proxy (407). Let calls to {folder} through there.",
    408: "Something before {url} says that a call took too long (408). It is repeated later.",
    421: "The web server at {url} says that it does not serve this host (421). Check the host names and certificates "
    "there.",
}

_PAGE = re.compile(rb"<(?:!doctype|html|head|body|!--|\?xml)", re.IGNORECASE)


def redirect_error(response: HttpResponse, url: str, path: str) -> RemoteError | None:
    """The error for an answer that redirects a call of `path` at the site's `url`; None if it does not redirect.

    Its message names the address to enter, if the redirect leads to the same path elsewhere.
    """
    location = response.headers.get("location", "")
    if not (300 <= response.status < 400 and location):
        return None
    moved_url = urls.find_moved_url(url, path, location)
    if moved_url is None:
        shown = printable(_without_secrets(location), MAX_LOCATION_LENGTH)
        message = (
            f"{url} redirects calls to {shown}, where no site is. Let calls to {_folder(path)} through there without a "
            "redirect, or correct the URL."
        )
    elif url.lower().startswith("https:") and moved_url.startswith("http:"):
        message = f"{url} redirects to {moved_url}, which is not encrypted. Correct the redirect there."
    else:
        message = f"{url} redirects to {moved_url}. Enter {moved_url} as the URL instead."
    return RemoteError(
        "not_a_site", message, is_permanent=True, was_answered=False, is_not_a_site=True, status=response.status
    )


def in_between_error(response: HttpResponse, url: str, path: str) -> RemoteError | None:
    """The error for a status that, without an error in the dialect's format, comes from something before the site.

    So it says nothing about Auth and Pass. `path` is what was called below `url`. None for other statuses.
    """
    status = response.status
    if status not in _IN_BETWEEN_MESSAGES:
        return None
    is_permanent = status == _REFUSES_ALL
    return RemoteError(
        "not_a_site" if is_permanent else "bad_answer",
        _IN_BETWEEN_MESSAGES[status].format(url=url, folder=_folder(path)),
        is_permanent=is_permanent,
        was_answered=False,
        is_not_a_site=status in _REFUSALS,
        status=status,
    )


def describe(response: HttpResponse, url: str) -> str:
    """What an answer without the dialect's JSON is, as sentences that say what to do."""
    if failure := failed_answer.describe(response, url):
        return failure
    if _PAGE.match(failed_answer.strip(response.body)):
        return (
            f"{url} answered with a web page ({response.status}) and not with data. Check the URL, and whether the "
            "shop is in maintenance or behind a firewall."
        )
    return not_a_site_message(url)


def _folder(path: str) -> str:
    """What must be let through for calls of this path, such as `/pointsync/`."""
    first, _, rest = path.lstrip("/").partition("/")
    return f"/{first}/{rest.partition('/')[0]}/" if first == "wp-json" else f"/{first}/"


def _without_secrets(location: str) -> str:
    """A location without a query and without a user name and password."""
    return re.sub(r"//[^/?#]*@", "//", location.partition("?")[0].partition("#")[0])
