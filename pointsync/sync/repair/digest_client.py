"""The call `digest`: what a remote holds of this site, by ranges of ids."""

from collections.abc import Sequence
from dataclasses import dataclass

from pointsync import clock, ids
from pointsync.digests import DigestSum, from_text
from pointsync.net.http_client import HttpClient
from pointsync.sync.comparison import ranges
from pointsync.sync.protocol import envelope
from pointsync.sync.protocol.errors import RemoteError
from pointsync.sync.protocol.pointsync_client import send_signed
from pointsync.sync.protocol.request import Target
from pointsync.sync.site.local_site import Identity

MAX_SURELY_LISTED = ranges.MAX_LISTED // ranges.LISTED_BELOW
"""Of so few ranges, an answer lists every movement of each one that has fewer than 1,000."""


@dataclass(frozen=True, slots=True)
class RangeAnswer:
    """What the remote holds in a range: the sum, and each movement's digest by id if there are few."""

    total: DigestSum
    digests: dict[int, int] | None


@dataclass(frozen=True, slots=True)
class DigestClient:
    """Asks a remote what it holds of this site."""

    client: HttpClient
    identity: Identity
    target: Target

    def ask(self, id_ranges: Sequence[tuple[int, int]]) -> list[RangeAnswer]:
        """The answers in the order of the ranges, which ascend.

        Raises RemoteError, also for an answer that makes no sense: then splitting its ranges would never end.
        """
        content = envelope.encode_members(ranges=[[str(low), str(high)] for low, high in id_ranges])
        reply = send_signed(self.client, self.identity, self.target, "digest", content, clock.now())
        answers = reply.body.get("ranges")
        if not isinstance(answers, list) or len(answers) != len(id_ranges):
            raise self._bad_answer()
        parsed = [self._parse(each, *bounds) for each, bounds in zip(answers, id_ranges, strict=True)]
        are_listed = len(id_ranges) <= MAX_SURELY_LISTED
        if are_listed and any(each.digests is None and each.total.count < ranges.LISTED_BELOW for each in parsed):
            raise self._bad_answer()
        return parsed

    def _parse(self, answer: object, low: int, high: int) -> RangeAnswer:
        """The answer for the ids from `low` to `high`, of which it cannot hold more than there are."""
        total = DigestSum.from_json(answer)
        if total is None or not isinstance(answer, dict) or not 0 <= total.count <= high - low + 1:
            raise self._bad_answer()
        listed = answer.get("movements")
        if listed is None:
            return RangeAnswer(total, None)
        digests: dict[int, int] = {}
        for each in listed if isinstance(listed, list) else [None]:
            if not isinstance(each, list) or len(each) != 2 or not isinstance(each[0], str):
                raise self._bad_answer()
            movement_id, digest = ids.parse_movement_id(each[0]), from_text(each[1])
            if movement_id is None or digest is None or not low <= movement_id <= high:
                raise self._bad_answer()
            digests[movement_id] = digest
        if DigestSum.of(digests.values()) != total:
            raise self._bad_answer()
        return RangeAnswer(total, digests)

    def _bad_answer(self) -> RemoteError:
        return RemoteError("bad_answer", f"{self.target.url} did not answer the comparison as expected.")
