"""The call `digest`: what a remote holds of this site, by ranges of ids."""

from collections.abc import Sequence
from dataclasses import dataclass

from pointsync import clock, ids
from pointsync.digests import DigestSum, from_text
from pointsync.net.http_client import HttpClient
from pointsync.sync.protocol import envelope
from pointsync.sync.protocol.errors import RemoteError
from pointsync.sync.protocol.pointsync_client import send_signed
from pointsync.sync.protocol.request import Target
from pointsync.sync.site.local_site import Identity


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
        """The answers in the order of the ranges. Raises RemoteError, also for an answer that makes no sense."""
        content = envelope.encode_members(ranges=[[str(low), str(high)] for low, high in id_ranges])
        reply = send_signed(self.client, self.identity, self.target, "digest", content, clock.now())
        answers = reply.body.get("ranges")
        if not isinstance(answers, list) or len(answers) != len(id_ranges):
            raise self._bad_answer()
        return [self._parse(each) for each in answers]

    def _parse(self, answer: object) -> RangeAnswer:
        total = DigestSum.from_json(answer)
        if total is None or not isinstance(answer, dict):
            raise self._bad_answer()
        listed = answer.get("movements")
        if listed is None:
            return RangeAnswer(total, None)
        digests: dict[int, int] = {}
        for each in listed if isinstance(listed, list) else [None]:
            if not isinstance(each, list) or len(each) != 2 or not isinstance(each[0], str):
                raise self._bad_answer()
            movement_id, digest = ids.parse_movement_id(each[0]), from_text(each[1])
            if movement_id is None or digest is None:
                raise self._bad_answer()
            digests[movement_id] = digest
        return RangeAnswer(total, digests)

    def _bad_answer(self) -> RemoteError:
        return RemoteError("bad_answer", f"{self.target.url} did not answer the comparison as expected.")
