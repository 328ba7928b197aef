"""Why a call to a remote failed, and the messages that both dialects use."""

from email.utils import parsedate_to_datetime

from pointsync import clock
from pointsync.net.http_client import HttpResponse
from pointsync.sync.protocol import wire
from pointsync.sync.site.stamps import Stamp

MAX_RETRY_AFTER_SECONDS = 10**9


class RemoteError(Exception):
    """A call to a remote failed. `code` is one of the ping's codes; `message` says what to do and where.

    `is_permanent`: retrying cannot fix it. `was_answered`: the other side answered, so it is certain that nothing
    was applied. `is_not_a_site`: something answered, but not PointSync. `status`: the HTTP status, 0 if there was
    none. `offered_key`: the public key that signed the answer, if it is not to be trusted. `stamp`: what the other side
    has shown as a proof that this site's database is not the latest one; not verified.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        is_permanent: bool = False,
        was_answered: bool = True,
        is_not_a_site: bool = False,
        status: int = 0,
        retry_after_seconds: float | None = None,
        offered_key: str | None = None,
        stamp: Stamp | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.is_permanent = is_permanent
        self.was_answered = was_answered
        self.is_not_a_site = is_not_a_site
        self.status = status
        self.retry_after_seconds = retry_after_seconds
        self.offered_key = offered_key
        self.stamp = stamp

    @property
    def is_unknown_endpoint(self) -> bool:
        """Whether a PointSync answered that does not know the call: an earlier version."""
        return self.status == 404 and self.code == "bad_answer"


_REFUSALS = {
    wire.BLOCKED: "An admin of {url} has blocked this site. Ask them why.",
    wire.NOT_LISTED: "{url} accepts only listed sites. Ask its admin to add this site to Remote sites there.",
}


def refused_error(code: str, url: str, status: int) -> RemoteError:
    """The other site does not accept this one: `code` is a key of `wire.REFUSAL_MESSAGES`."""
    return RemoteError(code, _REFUSALS[code].format(url=url), is_permanent=True, status=status)


def pass_changed_error(url: str, status: int) -> RemoteError:
    """The other site's Pass was rotated. The text is ours: nobody has signed the text of a refusal."""
    message = (
        f"{url} has a new Pass, and the old one has expired. Ask its admin for the new sharing key and paste it into "
        "this remote."
    )
    return RemoteError("bad_credentials", message, is_permanent=True, status=status)


def retry_later_error(response: HttpResponse, url: str) -> RemoteError:
    """The other side answered 429."""
    return RemoteError(
        "bad_answer",
        f"{url} asked to try again later.",
        status=response.status,
        retry_after_seconds=read_retry_after(response),
    )


def server_error(status: int, url: str) -> RemoteError:
    """The other side answered 500 or above, so it is unknown whether anything was applied."""
    message = f"{url} failed with an internal error ({status}). Check that server's log."
    return RemoteError("bad_answer", message, status=status, was_answered=False)


def not_a_site_message(url: str) -> str:
    """Something answered at `url`, but it speaks neither dialect."""
    return f"{url} is reachable, but neither PointSync nor WooRewards answers there. Check the URL."


def read_retry_after(response: HttpResponse) -> float | None:
    """The Retry-After header, given in seconds or as a date; None if it is missing or invalid."""
    text = response.headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text), MAX_RETRY_AFTER_SECONDS)
    try:
        retry_at = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max((retry_at - clock.now()).total_seconds(), 0.0) if retry_at.tzinfo else None
