"""What a remote's status says about the changes of customers that its site gets."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ChangeFacts:
    """The changes of customers that this site sends to a remote's site."""

    waiting_count: int = 0
    refused_count: int = 0
    strange_count: int = 0
    """Changes of this site that the other site has, and that are missing here or have other content here."""
    is_equal_there: bool | None = True
    is_equal_here: bool | None = True
    """Whether each site has the changes that the other one has sent; None before the first comparison."""

    @property
    def needs_decision(self) -> bool:
        """Whether only an admin can settle something."""
        return bool(self.refused_count or self.strange_count)

    @property
    def is_in_step(self) -> bool:
        """Whether both sites have the same changes, and none waits."""
        return not self.waiting_count and self.is_equal_there is True and self.is_equal_here is True

    def describe(self) -> str:
        """In one sentence; empty if there is nothing to say."""
        if self.refused_count:
            return f"{_count(self.refused_count)} refused there: see why under Activity › Changes of customers."
        if self.strange_count:
            return (
                f"{_count(self.strange_count)} not the same on both sites: if this site was restored from a backup, "
                "run pointsync confirm restored."
            )
        if self.waiting_count:
            return f"{_count(self.waiting_count)} waiting."
        if not self.is_in_step:
            return "The changes of customers are being compared."
        return ""


def _count(number: int) -> str:
    return f"{number:,} change{'' if number == 1 else 's'} of customers"
