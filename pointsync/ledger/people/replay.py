"""Who has which addresses: a function of the set of changes. In which order they arrived makes no difference. Pure.

The changes are replayed in the order of their times. An address that no change names is a customer of its own.

- `rename`: the customer gets the address `into`, and is shown with it. The old address stays an alias.
- `alias`: the customer gets one more address.
- `merge`: the customer's addresses belong to the customer of `into`, who is shown as before.
- `unmerge`: the change that it undoes is left out, as if it had never been made. Both name the same address.
- `erase`: changes nothing here. The changes before it name the tokens of the erased addresses (`erasure.erasing`), and
  nothing joins a customer with an erased person. So it is final: an `unmerge` cannot bring anybody back.

A rename or an alias never joins two customers. If its address belongs to somebody else, it is *disputed*: it has no
effect, and an admin decides.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from pointsync.ledger.people.change import JOINING, MERGE, RENAME, UNMERGE, Change, ChangeKey
from pointsync.ledger.people.erased.tokens import is_token


@dataclass(frozen=True, slots=True)
class Person:
    """A customer with all addresses."""

    address: str
    """The address with which the customer is shown."""
    addresses: tuple[str, ...]
    """All of them, sorted."""


@dataclass(frozen=True, slots=True)
class People:
    """What a set of changes says."""

    by_address: dict[str, Person]
    """The customers of now, by each address. An address of which no change says anything is left out."""
    disputed: frozenset[ChangeKey]
    """Renames and aliases without effect, because the address belongs to somebody else."""

    def find(self, address: str) -> Person:
        """The customer who has this address."""
        return self.by_address.get(address) or Person(address, (address,))


@dataclass(slots=True, eq=False)
class _Group:
    """The addresses of one customer, in the order in which they came together."""

    addresses: list[str]
    shown: str


class _Groups:
    """The customers while changes are replayed."""

    def __init__(self) -> None:
        self.by_address: dict[str, _Group] = {}
        self.disputed: set[ChangeKey] = set()

    def get(self, address: str) -> _Group:
        """The customer with this address, who may be new."""
        return self.by_address.setdefault(address, _Group([address], address))

    def join(self, change: Change) -> None:
        """Replay a rename, an alias or a merge."""
        assert change.into is not None
        if is_token(change.customer) != is_token(change.into):
            return
        customer, other = self.get(change.customer), self.by_address.get(change.into)
        if change.change == MERGE:
            self._move(customer, self.get(change.into))
        elif other is not None and other is not customer:
            self.disputed.add(change.key)
        else:
            self._move(self.get(change.into), customer)
            if change.change == RENAME:
                customer.shown = change.into

    def _move(self, group: _Group, into: _Group) -> None:
        if group is not into:
            into.addresses += group.addresses
            for address in group.addresses:
                self.by_address[address] = into


def replay(changes: Iterable[Change]) -> People:
    """What `changes` say, in any order. A change that is there twice counts once."""
    ordered = sorted({change.key: change for change in changes}.values(), key=lambda change: change.order)
    # An unmerge without its change is about nobody: who reads what is related must find both by the same address.
    joining = {(change.key, change.customer) for change in ordered if change.change in JOINING}
    unmerges = [change for change in ordered if change.change == UNMERGE]
    undone = {change.undoes for change in unmerges if (change.undoes, change.customer) in joining}
    groups = _Groups()
    for change in ordered:
        if change.change in JOINING and change.key not in undone:
            groups.join(change)
    return _describe(groups)


def _describe(groups: _Groups) -> People:
    people = {
        address: Person(group.shown, tuple(sorted(group.addresses)))
        for group in set(groups.by_address.values())
        for address in group.addresses
    }
    return People(people, frozenset(groups.disputed))
