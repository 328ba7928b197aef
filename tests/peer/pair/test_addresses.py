"""Two sites agree about every customer, whichever spelling of the address each of them has seen."""

from sqlalchemy import select

from pointsync.models import Customer
from tests.peer.pair.edited_sites import Pair, status
from tests.peer.peer_site import PeerSite
from tests.peer.signed_caller import SignedCaller, have, make_movement

SPELLINGS = [
    *("straße@x.example", "STRASSE@x.example", "Strasse@X.example"),
    *("İnci@x.example", "inci@x.example", "ınci@x.example"),
    *("ΣΑΣ@x.example", "σας@x.example", "ju\u0308rgen@müller.example", "JÜRGEN@xn--mller-kva.example"),
    *("ken..taro@docomo.example", "Ken..Taro@docomo.example", ".yuki@docomo.example", "a@r3--cdn.x.example"),
]
CUSTOMERS = 7


def test_both_sites_hold_the_same_customers(pair: Pair) -> None:
    a, b = pair
    to_b, _ = a.list_site(b)
    to_a, _ = b.list_site(a)
    for number, address in enumerate(SPELLINGS):
        a.record(address, 10 + number)
        b.record(SPELLINGS[-1 - number], 100 + number)
    a.deliver(to_b)
    b.deliver(to_a)
    a.check(to_b)
    b.check(to_a)
    assert a.balances() == b.balances()
    assert len(a.balances()) == CUSTOMERS
    for site, remote_id in ((a, to_b), (b, to_a)):
        assert status(site, remote_id)[0] == "green"


def test_other_sites_get_the_spelling_by_which_a_customer_was_first_known(site: PeerSite) -> None:
    """A site of an earlier version knows two customers, where this one knows one: it must go on with the same."""
    for address in ("Straße@x.example", "STRASSE@x.example", "strasse@x.example"):
        site.record(address, 5)
    assert site.balances() == {"strasse@x.example": 15}
    assert [each.sent_customer for each in site.movements()] == ["straße@x.example"] * 3
    customer = site.read(lambda session: session.scalars(select(Customer)).one())
    assert customer.mail_address == "straße@x.example"


def test_what_an_earlier_version_sends_is_compared_as_it_was_sent(site: PeerSite, caller: SignedCaller) -> None:
    movements = [
        make_movement(1, customer="straße@x.example"),
        make_movement(2, customer="strasse@x.example"),
        make_movement(3, customer="i\u0307nci@x.example"),
    ]
    answer = caller.send(*movements)
    assert [each["status"] for each in answer.json["results"]] == ["applied"] * 3
    assert answer.json["have"] == have(*movements)
    assert site.balances() == {"strasse@x.example": 20, "inci@x.example": 10}
    again = caller.send(*movements)
    assert [each["status"] for each in again.json["results"]] == ["duplicate"] * 3
    assert again.json["have"] == have(*movements)
