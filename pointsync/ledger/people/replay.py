"""Who has which addresses: a function of the set of changes. In which order they arrived makes no difference. Pure.

The changes are replayed in the order of their times. An address that no change names is a customer of its own.

- `rename`: the customer gets the address `into`, and is shown with it. The old address stays an alias.
- `alias`: the customer gets one more address.
- `merge`: the customer's addresses belong to the customer of `into`, who is shown as before.
- `unmerge`: the change that it undoes is left out, as if it had never been made.
- `erase`: the customer's addresses are taken away. What is dated before belongs to the erased person, and what is
  dated later to a new customer. An erasure is final: a later `unmerge` changes nothing about whom it has erased.

A rename or an alias never joins two customers. If its address belongs to somebody else, it is *disputed*: it has no
effect, and an admin decides.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from pointsync.ledger.people.change import ERASE, JOINING, MERGE, RENAME, UNMERGE, Change, ChangeKey


@dataclass(frozen=True, slots=True)
class Person:
    """A customer with all addresses."""

    address: str | None
    """The address with which the customer is shown; None if the person was erased."""
    addresses: tuple[str, ...]
    """All of them, sorted. Those of an erased person may belong to other customers since."""
    erased_by: ChangeKey | None = None


@dataclass(frozen=True, slots=True)
class Erasure:
    """Whom an erasure has erased."""

    key: ChangeKey
    at: datetime
    addresses: frozenset[str]

    @property
    def person(self) -> Person:
        """The erased person."""
        return Person(None, tuple(sorted(self.addresses)), self.key)


@dataclass(frozen=True, slots=True)
class People:
    """What a set of changes says."""

    by_address: dict[str, Person]
    """The customers of now, by each address. An address of which no change says anything is left out."""
    erasures: tuple[Erasure, ...]
    """In the order in which they took place."""
    disputed: frozenset[ChangeKey]
    """Renames and aliases without effect, because the address belongs to somebody else."""

    def find(self, address: str, at: datetime | None = None) -> Person:
        """Whom a movement belongs to that was recorded under `address` and is dated `at`; None is now."""
        if at is not None:
            for erasure in self.erasures:
                if at < erasure.at and address in erasure.addresses:
                    return erasure.person
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
        customer, other = self.get(change.customer), self.by_address.get(change.into)
        if change.change == MERGE:
            self._move(customer, self.get(change.into))
        elif other is not None and other is not customer:
            self.disputed.add(change.key)
        else:
            self._move(self.get(change.into), customer)
            if change.change == RENAME:
                customer.shown = change.into

    def remove(self, addresses: Iterable[str]) -> None:
        """Replay an erasure."""
        for address in addresses:
            if group := self.by_address.pop(address, None):
                group.addresses.remove(address)
                if group.shown == address and group.addresses:
                    group.shown = group.addresses[-1]

    def _move(self, group: _Group, into: _Group) -> None:
        if group is not into:
            into.addresses += group.addresses
            for address in group.addresses:
                self.by_address[address] = into


def replay(changes: Iterable[Change]) -> People:
    """What `changes` say, in any order. A change that is there twice counts once."""
    ordered = sorted({change.key: change for change in changes}.values(), key=lambda change: change.order)
    joining = {change.key: index for index, change in enumerate(ordered) if change.change in JOINING}
    undone: set[ChangeKey] = set()
    erasures: dict[int, Erasure] = {}
    groups = _Groups()
    for index, change in enumerate(ordered):
        if change.change == ERASE:
            erased = frozenset(groups.get(change.customer).addresses)
            erasures[index] = Erasure(change.key, change.at, erased)
            groups.remove(erased)
        elif change.change == UNMERGE:
            if change.undoes in joining and change.undoes not in undone:
                undone.add(change.undoes)
                groups = _replay_joins(ordered[:index], undone, erasures)
        elif change.key not in undone:
            groups.join(change)
    return _describe(groups, [erasures[index] for index in sorted(erasures)])


def _replay_joins(ordered: Sequence[Change], undone: set[ChangeKey], erasures: dict[int, Erasure]) -> _Groups:
    """Replay the changes that are not undone; erasures erase whom they erased when they were made."""
    groups = _Groups()
    for index, change in enumerate(ordered):
        if index in erasures:
            groups.remove(erasures[index].addresses)
        elif change.change in JOINING and change.key not in undone:
            groups.join(change)
    return groups


def _describe(groups: _Groups, erasures: Sequence[Erasure]) -> People:
    people = {
        address: Person(group.shown, tuple(sorted(group.addresses)))
        for group in set(groups.by_address.values())
        for address in group.addresses
    }
    return People(people, tuple(erasures), frozenset(groups.disputed))
