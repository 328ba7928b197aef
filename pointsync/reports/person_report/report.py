"""A report about a person: of this site alone, or of all sites that answer. Who asks for one is in the audit log."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from tempfile import TemporaryFile
from typing import BinaryIO, cast

from sqlalchemy.orm import Session

from pointsync.config import Config
from pointsync.db import run_in_transaction
from pointsync.errors import InvalidInput, NotFound
from pointsync.ledger import audit_recorder
from pointsync.reports.person_report import documents, person
from pointsync.reports.person_report.person import Person
from pointsync.reports.person_report.sites import ReportSite, other_sites, this_site

ALL_SITES = "all"
MAX_BYTES_IN_MEMORY = 4 << 20


@dataclass(frozen=True, slots=True)
class Report:
    """What the sites hold. Other sites were asked for their first rows."""

    person: Person
    sites: list[ReportSite]
    made_at: datetime

    def write_file(self, form: str) -> BinaryIO:
        """The document in memory, or in a temporary file if it is long. So it is complete before anybody gets it."""
        file: BinaryIO = BytesIO()
        for piece in self.iter_document(form):
            if isinstance(file, BytesIO) and file.tell() > MAX_BYTES_IN_MEMORY:
                start = file.getvalue()
                file = cast(BinaryIO, TemporaryFile())  # noqa: SIM115 whoever reads it closes it
                file.write(start)
            file.write(piece)
        file.seek(0)
        return file

    def iter_document(self, form: str) -> Iterator[bytes]:
        """The report as `documents.JSON` or `CSV`, in pieces."""
        if form == documents.CSV:
            pieces = documents.iter_csv(self.sites)
        else:
            pieces = documents.iter_json(self.person.address, self.sites, self.made_at)
        return documents.join_pieces(pieces)


def make_local(session: Session, config: Config, email: str, now: datetime) -> Report:
    """What this site holds, to look at: it is not logged. Raises InvalidInput."""
    about = person.find(session, config, email, now)
    return Report(about, [this_site(about, now)], now)


def make(session: Session, config: Config, email: str, now: datetime, *, is_of_all_sites: bool = False) -> Report:
    """The report about the person with this address. It is logged. No transaction may be open.

    Raises InvalidInput, or NotFound (`unknown_customer`) if nobody here has the address; other sites may know it.
    """
    about = person.find(session, config, email, now)
    if not about.rows and not is_of_all_sites:
        message = (
            f"No customer here has the e-mail address {about.address}. To ask the other sites, ask for the report of "
            "all sites."
        )
        raise NotFound("unknown_customer", message)
    after = {"sites": ALL_SITES} if is_of_all_sites else {}
    run_in_transaction(
        lambda writing: audit_recorder.log_action(writing, "reported", "customer", thing=about.address, after=after)
    )
    others = other_sites(session, about.address) if is_of_all_sites else []
    local = make_local(session, config, email, now)
    return Report(local.person, [*local.sites, *others], now)


def parse_sites(text: str | None) -> bool:
    """Whether `all` sites are wanted. Raises InvalidInput for `sites`."""
    if text not in (None, "", ALL_SITES):
        raise InvalidInput("sites", f"sites must be {ALL_SITES}, or left out.")
    return text == ALL_SITES
