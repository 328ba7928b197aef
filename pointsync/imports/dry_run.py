"""The dry run of an import: check each line, and count what the import would do, without recording anything."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field

from sqlalchemy import select
from sqlalchemy.orm import Session

from pointsync.db.chunking import chunks
from pointsync.email_address import normalise
from pointsync.imports import duplicates
from pointsync.imports.drafts import OPENING, DraftOptions, ImportLine, generated_ref_prefix
from pointsync.imports.duplicates import RecordedLine
from pointsync.imports.formats import ADD
from pointsync.imports.scratch import EmailBalanceKey, Scratch
from pointsync.ledger import customers, reserves
from pointsync.ledger.record import Draft
from pointsync.models import Balance, Reserve
from pointsync.text_limits import MAX_POINTS

MAX_LISTED_FAULTS = 100


@dataclass(slots=True)
class ImportTally:
    """The counts of a file. The last three fields do not count lines."""

    lines: int = 0
    new: int = 0
    known: int = 0
    """Lines that are recorded already, or that occur earlier in the file, with the same content."""
    known_otherwise: int = 0
    """Those of `known` that were recorded as opening balances and are now imported as new points, or the reverse."""
    skipped: int = 0
    """Lines of 0 points."""
    repeated: int = 0
    """Lines that are left out, because the customer occurs in another line too, which counts."""
    faulty: int = 0
    below_zero: int = 0
    """Those of `new` that take more points than the balance holds. They are recorded and flagged."""
    points: dict[str, int] = field(default_factory=dict)
    """The points of the new lines, by the key of the reserve."""
    new_customers: int = 0
    customers_below_zero: int = 0


class DryRun:
    """Checks the lines of a file in their order, some at a time. It writes only the scratch file, also all faults."""

    def __init__(
        self,
        session: Session,
        options: DraftOptions,
        digest: str,
        scratch: Scratch,
        *,
        unit: str,
        same_customer: str | None,
        is_balance_list: bool,
    ) -> None:
        """`same_customer` is one of `formats.SAME_CUSTOMER`; None: a second line of a customer is faulty."""
        self._unit, self._same_customer, self._is_balance_list = unit, same_customer, is_balance_list
        self._options, self._scratch, self._generated_ref_prefix = options, scratch, generated_ref_prefix(digest)
        self._nonnegative_reserves = {each.key for each in reserves.list_all(session) if not each.may_go_below_zero}
        self.tally = ImportTally()

    def check_lines(self, session: Session, lines: Sequence[ImportLine]) -> None:
        """Check the next lines, at most 1,000."""
        tally, faults = self.tally, [(line.number, " ".join(line.faults)) for line in lines if line.faults]
        self._scratch.begin()
        recorded = duplicates.find_recorded(session, lines)
        new_lines: list[tuple[int, Draft]] = []
        shown = customers.find_shown(session, (normalise(line.draft.customer) for line in lines if line.draft))
        for line in lines:
            if line.draft is None:
                tally.skipped += not line.faults
                continue
            ref, customer = line.draft.ref or "", shown[normalise(line.draft.customer)]
            duplicate = recorded.get(ref) or self._find_duplicate(ref, line.draft, customer)
            counting = self._find_counting_line(line.number, line.draft)
            if duplicate is None and counting != line.number:
                faults += self._leave_out(line.number, line.draft, counting)
            elif duplicate is None:
                new_lines.append((line.number, line.draft))
            elif fault := duplicate.find_conflict(line.draft, customer):
                faults.append((line.number, fault))
            else:
                tally.known += 1
                tally.known_otherwise += (duplicate.kind == OPENING) != self._options.is_opening
        faults += self._apply_to_balances(session, new_lines, shown)
        tally.lines += len(lines)
        tally.faulty += len(faults)
        self._scratch.save_faults(faults)
        self._scratch.commit()

    def finish(self) -> None:
        """Complete the tally, after all lines were checked."""
        self.tally.new_customers = self._scratch.count_new_customers()
        self.tally.customers_below_zero = self._scratch.count_below_zero(self._nonnegative_reserves)

    def remember_last_lines(self, lines: Sequence[ImportLine]) -> None:
        """Store which line is the last one of each customer, before the lines are checked."""
        self._scratch.begin()
        for line in lines:
            if line.draft:
                key = (normalise(line.draft.customer), line.draft.reserve)
                self._scratch.remember_line(key, line.number, is_last=True)
        self._scratch.commit()

    def _find_counting_line(self, number: int, draft: Draft) -> int:
        """The number of the line that counts for the customer of this one: another one only in a list of balances."""
        if not self._is_balance_list or self._same_customer == ADD:
            return number
        return self._scratch.remember_line((normalise(draft.customer), draft.reserve), number)

    def _leave_out(self, number: int, draft: Draft, counting: int) -> list[tuple[int, str]]:
        """Leave a line out, without a fault if that was chosen."""
        if self._same_customer:
            self.tally.repeated += 1
            self._scratch.save_left_out(number)
            return []
        message = (
            f"{normalise(draft.customer)} is in {self._unit} {counting:,} already. Choose what counts: the sum, "
            "only the first one, or only the last one."
        )
        return [(number, message)]

    def _find_duplicate(self, ref: str, draft: Draft, customer: str) -> RecordedLine | None:
        # No other line can have a ref generated from the digest and the line number.
        return (
            None
            if ref.startswith(self._generated_ref_prefix)
            else self._scratch.remember_ref(ref, duplicates.from_draft(draft, customer))
        )

    def _apply_to_balances(
        self, session: Session, new_lines: Sequence[tuple[int, Draft]], shown: Mapping[str, str]
    ) -> list[tuple[int, str]]:
        """Add new lines to the balances. Return the faults of the lines that do not fit."""
        tally, faults = self.tally, []
        keys = {(shown[normalise(draft.customer)], draft.reserve) for _, draft in new_lines}
        balances = self._load_balances(session, keys)
        changed: dict[EmailBalanceKey, int] = {}
        for number, draft in new_lines:
            key, points = (shown[normalise(draft.customer)], draft.reserve), draft.points or 0
            new_balance = balances[key] + points
            if abs(new_balance) > MAX_POINTS:
                faults.append((number, f"The balance would be {new_balance:,}. It must stay within ±{MAX_POINTS:,}."))
                continue
            balances[key] = changed[key] = new_balance
            tally.new += 1
            tally.below_zero += new_balance < 0 and points < 0 and draft.reserve in self._nonnegative_reserves
            tally.points[draft.reserve] = tally.points.get(draft.reserve, 0) + points
        self._scratch.save_balances(changed)
        return faults

    def _load_balances(self, session: Session, keys: Set[EmailBalanceKey]) -> dict[EmailBalanceKey, int]:
        """The balances before some lines: from earlier lines of the file, else from the database."""
        balances = self._scratch.get_balances(keys)
        missing = keys - balances.keys()
        if not missing:
            return balances
        emails = sorted({email for email, _ in missing})
        customer_ids = customers.find_ids(session, emails)
        self._scratch.save_new_customers(email for email in emails if email not in customer_ids)
        balances |= dict.fromkeys(missing, 0)
        email_by_id = {customer_id: email for email, customer_id in customer_ids.items()}
        for chunk in chunks(sorted(email_by_id)):
            rows = session.execute(
                select(Balance.customer_id, Reserve.key, Balance.points)
                .join(Reserve, Reserve.id == Balance.reserve_id)
                .where(Balance.customer_id.in_(chunk))
            )
            for customer_id, reserve_key, points in rows:
                if (key := (email_by_id[customer_id], reserve_key)) in missing:
                    balances[key] = points
        return balances
