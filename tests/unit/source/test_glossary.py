"""One word for one thing, and plain words: names and phrases that were replaced do not come back.

The words are in the manual's glossary. What is left out has its reason beside it.
"""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

from tests.support.paths import CHECKOUT, MANUAL, PACKAGE

REPLACED_NAMES = {
    "every": "list_all",
    "Came": "HourTotals",
    "Pot": "BalanceKey",
    "pot": "key",
    "pots": "keys",
    "Book": "LockedBalances",
    "owe": "enqueue_deliveries",
    "owed": "outstanding",
    "Taken": "HookOutcome",
    "Unused": "DeliveryIgnored",
    "Trouble": "RemoteError",
    "Flight": "HttpCall",
    "grip": "socket_handle",
    "Typed": "RemoteInput",
    "Wanted": "Filter",
    "Asked": "PageQuery or ImportOptions",
    "Hands": "AttentionCounts",
    "Told": "PingReport",
    "told": "say what it is",
    "Desk": "MailContext",
    "Line": "RemoteRow, SmtpConnection or ImportLine",
    "Parcel": "BatchItem",
    "weigh": "detect_restore",
    "restate": "refresh_status",
    "_went_ill": "_check_failed",
    "turn_away": "refuse_origin",
    "turned_away": "refused",
    "seal": "encrypt",
    "Gate": "TrustedProxyMiddleware",
    "Door": "HttpServer",
    "door": "server",
    "doorman": "dispatcher",
    "bell": "wake_event",
    "here": "state",
    "acts": "set_actor",
    "is_passing": "is_transient",
    "in_write": "run_in_transaction",
    "turn": "fetch_page",
    "Step": "PageRequest",
    "once": "idempotency_key",
    "way": "delivery_summary",
    "amid": "during",
    "shape": "to_json",
    "give": "print_result",
    "Work": "Task",
    "WorkState": "TaskState",
    "works": "tasks",
    "History": "Backfill",
    "Flow": "HourlyTotal",
    "Moment": "UtcDateTime",
    "Busy": "DatabaseBusy",
}
"""Identifiers that the code used before, and what it says now."""

NAME_EXCEPTIONS = {
    ("imports/run.py", "shape"): "a field of the published JSON",
    ("sync/remotes/backfill.py", "owed"): "a field of the published JSON",
    ("cli/points/why.py", "why"): "the command's name",
}
"""Places where such a name is right: (file, name) and the reason."""

REPLACED_PHRASES = (
    r"\bmend(s|ed|ing)?\b",
    r"\bamid\b",
    r"\blest\b",
    r"\bstands? (in|for|beside|there|so)\b",
    r"\b(is|are|was|were|be) told\b",
    r"\bby hand\b",
    r"\bin one go\b",
    r"\bso often\b",
    r"\bcomes? to nothing\b",
    r"\blet be\b",
    r"\bthought of\b",
    r"\bdoorman\b",
    r"\bneeds? a hand\b",
    r"\blong work\b",
    r"\bits turn\b",
    r"\bturned away\b",
    r"\bis no (JSON|e-mail address)\b",
    r"\bunless changed\b",
    r"\bpots?\b",
    r"\bowed\b",
    r"\bof a hand\b",
    r"\bwhat became of\b",
    r"\bwhat came of\b",
)
"""Phrases that puzzle somebody who reads English as a second language, or that another word has replaced."""
PHRASES = re.compile("|".join(REPLACED_PHRASES), re.IGNORECASE)

PHRASE_EXCEPTIONS: dict[tuple[str, str], str] = {
    ("ledger/audit_specs.py", "long work"): "a noun that is stored in the audit log",
    ("reports/audit_log.py", "long work"): "a noun that is stored in the audit log",
    ("reports/balance_breakdown.py", "owed"): "a field of the published JSON",
}
"""(file, phrase in lower case): the reason why it is right there."""

SOURCES = [path for path in sorted(PACKAGE.rglob("*.py")) if "versions" not in path.parts]
TEXTS = [
    *sorted((PACKAGE / "templates").rglob("*.html")),
    *sorted((PACKAGE / "static").rglob("*.js")),
    *sorted((PACKAGE / "static").rglob("*.css")),
    *sorted(MANUAL.glob("*.md")),
    *(CHECKOUT / name for name in ("README.md", "SECURITY.md", "CONTRIBUTING.md", "CHANGELOG.md")),
]


def names(tree: ast.AST) -> Iterator[str]:
    """Every identifier that a module gives to something: modules, classes, functions, parameters, variables, fields."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr
        elif isinstance(node, ast.alias) and node.asname:
            yield node.asname


def prose(path: Path) -> str:
    """What people read in a file: of Python its comments and texts, of others all of it."""
    text = path.read_text()
    if path.suffix != ".py":
        return text
    kinds = {tokenize.COMMENT, tokenize.STRING, getattr(tokenize, "FSTRING_MIDDLE", tokenize.STRING)}
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    return "\n".join(token.string for token in tokens if token.type in kinds)


def replaced_names(source: str, file: str = "") -> list[str]:
    """The replaced names that a module still gives."""
    return sorted(
        {name for name in names(ast.parse(source)) if name in REPLACED_NAMES and (file, name) not in NAME_EXCEPTIONS}
    )


def replaced_phrases(text: str, file: str = "") -> list[str]:
    """The replaced phrases in a text, each in lower case; a line break counts as a space."""
    found = {match[0].lower() for match in PHRASES.finditer(re.sub(r"\s*\n[\s#*]*", " ", text))}
    return sorted(phrase for phrase in found if (file, phrase) not in PHRASE_EXCEPTIONS)


def relative(path: Path) -> str:
    """A file's name below the package, or below the checkout."""
    return str(path.relative_to(PACKAGE if path.is_relative_to(PACKAGE) else CHECKOUT))


def test_no_replaced_name_is_given():
    found = {relative(path): replaced_names(path.read_text(), relative(path)) for path in SOURCES}
    assert {file: given for file, given in found.items() if given} == {}


def test_no_replaced_phrase_is_written():
    found = {relative(path): replaced_phrases(prose(path), relative(path)) for path in [*SOURCES, *TEXTS]}
    assert {file: phrases for file, phrases in found.items() if phrases} == {}


def test_exceptions_are_needed():
    """One that is not needed any more goes."""
    for file, name in NAME_EXCEPTIONS:
        assert name in set(names(ast.parse((PACKAGE / file).read_text()))), (file, name)
    for file, phrase in PHRASE_EXCEPTIONS:
        path = PACKAGE / file if (PACKAGE / file).exists() else CHECKOUT / file
        assert phrase in replaced_phrases(prose(path)), (file, phrase)


def test_control_a_replaced_name_is_seen():
    assert replaced_names("def owe(here): pass\nclass Book: pass\nimport x as told") == ["Book", "here", "owe", "told"]
    assert replaced_names("open(path)\nwork(1)") == []


def test_control_a_replaced_phrase_is_seen():
    assert replaced_phrases("Who is told,\nand what\nneeds a hand?") == ["is told", "needs a hand"]
    assert replaced_phrases("# a comment that stands\n# for another") == ["stands for"]
    assert replaced_phrases("Understand this: recommended, amended, spots.") == []
