"""A figure: what was measured in one round, beside its floor from the same round; and the same of several rounds."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any, Self


@dataclass(frozen=True)
class Figure:
    """One value, and what the machine needs at least for it (or what another product needs)."""

    name: str
    value: float
    unit: str
    floor: float | None = None
    floor_name: str = ""
    is_more_better: bool = True
    note: str = ""
    """What a reader must know to judge it, such as a number of workers."""

    @property
    def ratio(self) -> float | None:
        """The share of the floor where more is better, else the multiple of it."""
        return self.value / self.floor if self.floor else None


@dataclass(frozen=True)
class Spread:
    """The median of the rounds, and the lowest and highest of them."""

    median: float
    lowest: float
    highest: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Self:
        """The spread of at least one value."""
        return cls(median(values), min(values), max(values))


@dataclass(frozen=True)
class Summary:
    """A figure in all rounds. The ratio is computed in each round before its median is taken."""

    name: str
    unit: str
    is_more_better: bool
    value: Spread
    floor: Spread | None
    ratio: Spread | None
    floor_name: str
    note: str

    @classmethod
    def of(cls, rounds: Sequence[Figure]) -> Self:
        """The same figure from each round."""
        last = rounds[-1]
        floors = [each.floor for each in rounds if each.floor is not None]
        ratios = [each.ratio for each in rounds if each.ratio is not None]
        return cls(
            last.name,
            last.unit,
            last.is_more_better,
            Spread.of([each.value for each in rounds]),
            Spread.of(floors) if floors else None,
            Spread.of(ratios) if ratios else None,
            last.floor_name,
            "; ".join(dict.fromkeys(each.note for each in rounds if each.note)),
        )

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        return asdict(self)
