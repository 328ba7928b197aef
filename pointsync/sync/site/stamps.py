"""Stamps: what a site was at a call, signed by its own key. Others show it to the site itself as a proof.

The signed text is `<Auth>.<run>.<call>.<last id>`.
"""

import base64
import binascii
from dataclasses import dataclass
from typing import Any

from pointsync import crypto, ids

MAX_CALL = 2**62
"""Higher call numbers are refused: a new run must still be able to use the next one."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """A site's run, the number of its call, and the last movement id that it had used; `signature` is base64."""

    run: str
    call: int
    last_id: int
    signature: str

    def to_json(self) -> dict[str, Any]:
        """As it is shown in an answer."""
        return {"run": self.run, "call": self.call, "last_id": str(self.last_id), "signature": self.signature}

    def is_of(self, auth: str, public_key: str) -> bool:
        """Whether the site `auth` with this key made it."""
        try:
            signature = base64.b64decode(self.signature, validate=True)
        except (binascii.Error, ValueError):
            return False
        return crypto.verify_ed25519(public_key, signature, _signed_text(auth, self.run, self.call, self.last_id))


def make(auth: str, private_key: str, run: str, call: int, last_id: int) -> Stamp:
    """A stamp of this site."""
    signature = crypto.sign_ed25519(private_key, _signed_text(auth, run, call, last_id))
    return Stamp(run, call, last_id, base64.b64encode(signature).decode())


def parse(run: object, call: object, last_id: object, signature: object) -> Stamp | None:
    """The stamp in these values of a JSON body, not verified; None if one of them cannot be right."""
    if not isinstance(run, str) or not ids.is_run(run):
        return None
    if type(call) is not int or not ids.first_call_of(run) <= call <= MAX_CALL:
        return None
    if not isinstance(last_id, str) or not isinstance(signature, str) or not 0 < len(signature) <= 128:
        return None
    number = 0 if last_id == "0" else ids.parse_movement_id(last_id)
    return None if number is None else Stamp(run, call, number, signature)


def parse_json(shown: object) -> Stamp | None:
    """The stamp that an answer shows, not verified; None if there is none."""
    if not isinstance(shown, dict):
        return None
    return parse(shown.get("run"), shown.get("call"), shown.get("last_id"), shown.get("signature"))


def _signed_text(auth: str, run: str, call: int, last_id: int) -> bytes:
    return f"{auth}.{run}.{call}.{last_id}".encode()
