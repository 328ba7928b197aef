"""Which customer the digest of a movement contains, by its row and its customer's row as they are now."""

from pointsync.digests import digest
from pointsync.email_address import parse
from pointsync.errors import InvalidInput
from pointsync.ledger.people.erased.tokens import is_token


def digest_of_row(movement_id: str, points: int, sent: str | None, email: str | None, stored: int | None) -> int:
    """The digest of a movement's columns as they are now, which is not the `stored` one if somebody edited a row.

    Of the movements of an erased person, nothing shows any more which customer their digests contain: they are taken to
    be right. Whoever edits one of them is seen by the triggers.
    """
    if stored is not None and email is not None and is_token(email):
        return stored
    return digest(movement_id, points, digested_customer(sent, email))


def digested_customer(sent: str | None, email: str | None) -> str:
    """The customer for the digest, which is another one than the stored digest contains if somebody edited a row.

    `sent` is the movement's `sent_customer`. It counts only if it is still an address of the customer to whom the
    movement belongs, whose `email` is None if the customer's row was deleted.
    """
    if email is None:
        return ""
    return email if sent is None or not _is_address_of(sent, email) else sent


def _is_address_of(sent: str, email: str) -> bool:
    try:
        return parse(sent).key == email
    except InvalidInput:
        return True  # an earlier version accepted it, and nothing says that it was edited
