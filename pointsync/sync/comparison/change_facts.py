"""What a remote's status says about the changes of people, which its site gets, too."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ChangeFacts:
    """The changes of people for a remote's site."""

    waiting_count: int = 0
    refused_count: int = 0
    strange_count: int = 0
    """Changes of this site that it holds, and that are not here or have another content here."""
    is_equal_there: bool | None = True
    is_equal_here: bool | None = True
    """Whether each holds what the other one has delivered; None before the first comparison."""

    @property
    def needs_decision(self) -> bool:
        """Whether only an admin can settle something."""
        return bool(self.refused_count or self.strange_count)

    @property
    def is_in_step(self) -> bool:
        """Whether both hold the same, and nothing waits."""
        return not self.waiting_count and self.is_equal_there is True and self.is_equal_here is True

    def describe(self) -> str:
        """In one sentence; empty if there is nothing to say."""
        if self.refused_count:
            return f"{_count(self.refused_count)} refused there: see Activity."
        if self.strange_count:
            return (
                f"{_count(self.strange_count)} not the same on both sites: was this site "
                "restored? Then fetch them back."
            )
        if self.waiting_count:
            return f"{_count(self.waiting_count)} waiting."
        if not self.is_in_step:
            return "The changes of customers are being compared."
        return ""


def _count(number: int) -> str:
    return f"{number:,} change{'' if number == 1 else 's'} of customers"
