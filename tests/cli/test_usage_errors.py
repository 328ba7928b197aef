"""Wrong arguments and refused commands: one line on stderr, the right exit code, and nothing changed."""

import pytest

from tests.cli.command_batch import CommandResult, run_commands
from tests.cli.conftest import DumpDatabase
from tests.support.process import SiteProcess

HUGE = "9" * 5000
KEY = "shop.example|wrk_0123456789abcdef:wrs_0123456789abcdef"
STRANGER = "wrk_0123456789abcdef"
LINE = ("--target", "default", "--observed", "default")

#: Wrong arguments, and a word that the line must contain.
WRONG: tuple[tuple[tuple[str, ...], str], ...] = (
    (("nonsense",), "nonsense"),
    (("--nonsense",), "--nonsense"),
    (("-5",), "-5"),
    (("remote",), "ping"),
    (("pass",), "rotate"),
    (("pass", "rotate", "now"), "now"),
    (("remote", "accept-key", "abc"), "ID"),
    (("remote", "nonsense"), "nonsense"),
    (("site", "too", "much"), "too"),
    (("site", "--nonsense=5"), "--nonsense"),
    (("site", "rebirth"), "--sharing-key-stdin"),
    (("fetch-back", "continue"), "--without"),
    (("fetch-back", "decide", "x", "both"), "movement"),
    (("fetch-back", "decide", "5", "neither"), "neither"),
    (("origin", "allow-hand-on", "wrk_0123456789abcdef"), "--by"),
    (("origin", "hand-on", "--stop"), "AUTH"),
    (("customer", "changes", "a@b.example", "--state", "waiting"), "--state"),
    (("record",), "EMAIL"),
    (("record", "a@b.example"), "POINTS"),
    (("record", "a@b.example", "5", "--set", "5"), "POINTS"),
    *((("record", "a@b.example", points), "POINTS") for points in ("1.5", "ten", "1_000", "٣", "", "5 5", "-", "0x5")),
    *(
        (("record", "a@b.example", points), "POINTS")
        for points in ("0", "-0", HUGE, f"-{HUGE}", "2000000001", "1e999999")
    ),
    (("record", "a@b.example", "5", "-6"), "-6"),
    (("record", "a@b.example", "--set", "many"), "--set"),
    (("record", "a@b.example", "--set"), "--set"),
    (("record", "no address", "5"), "no address"),
    (("record", "x" * 5000, "5"), "254"),
    (("record", "a\x00@b.example", "5"), "EMAIL"),
    (("record", "a\udcff@b.example", "5"), "EMAIL"),
    (("record", "a@b.example", "\udcff"), "POINTS"),
    (("record", "a@b.example", "5", "--reason", "two\nlines"), "--reason"),
    (("record", "a@b.example", "5", "--reason", "x" * 501), "500"),
    (("record", "a@b.example", "5", "--reason", "\udcff"), "--reason"),
    (("record", "a@b.example", "5", "--ref", " "), "ref"),
    (("record", "a@b.example", "5", "--ref", "x" * 192), "191"),
    (("record", "a@b.example", "5", "--kind", "expire"), "--kind"),
    (("record", "a@b.example", "5", "--reserve", "nonsense"), "nonsense"),
    (("record", "a@b.example", "5", "--reserve", "no key"), "--reserve"),
    (("balance", "nonsense"), "nonsense"),
    (("balance", "a@b.example", "--reserve", "nonsense"), "nonsense"),
    (("history", "a@b.example", "--limit", "0"), "--limit"),
    (("history", "a@b.example", "--limit", "1001"), "1,000"),
    (("setting", "set", "nonsense", "5"), "nonsense"),
    (("setting", "set", "max_attempts", "0"), "max_attempts"),
    (("setting", "set", "max_attempts", "-5"), "max_attempts"),
    (("setting", "set", "max_attempts", HUGE), "max_attempts"),
    (("setting", "set", "max_attempts", "٣"), "max_attempts"),
    (("setting", "set", "max_attempts", "1_0"), "max_attempts"),
    (("reserve", "add", "no key"), "KEY"),
    (("reserve", "add", "new", "--name", "x" * 192), "--name"),
    *((("reward", "add", "Mug", cost), "COST") for cost in ("0", "-5", "1.5", "many", "2000000001", HUGE)),
    (("reward", "add", "", "5"), "title"),
    (("reward", "add", "x" * 101, "5"), "TITLE"),
    (("reward", "add", "Mug", "5", "--description", "x" * 501), "--description"),
    (("reward", "add", "Mug", "5", "--reserve", "nonsense"), "nonsense"),
    (("reward", "redeem", "x", "a@b.example"), "ID"),
    (("reward", "redeem", "1", "nonsense"), "nonsense"),
    (("level", "add", "Silver", "0"), "POINTS"),
    (("level", "add", " ", "5"), "title"),
    (("level", "list", "--reserve", "nonsense"), "nonsense"),
    (("key", "create", "no name"), "name"),
    (("key", "create", "x", "--scope", "write"), "--scope"),
    (("key", "create", "x", "--expires", "soon"), "--expires"),
    (("key", "create", "x", "--expires", "2001-01-01"), "future day"),
    (("key", "create", "x", "--expires", "9999-12-31"), "future day"),
    (("key", "create", "x", "--per-minute", "0"), "--per-minute"),
    (("key", "create", "\udcff"), "name"),
    (("key", "create", "x", "--shop", "two words"), "name"),
    (("key", "rotate", "x", "--keep-old", "721"), "--keep-old"),
    (("shop", "rule", "x"), "--reserve"),
    (("webhook", "add", "shop.example"), "URL"),
    (("webhook", "test", "one"), "ID"),
    (("shop", "rule", "x", "--reserve", "default", "--base", "gross"), "--base"),
    (("shop", "rule", "x", "--reserve", "default", "--currency", "EUR"), "--currency"),
    (("shop", "rule", "x", "--reserve", "default", "--from", "soon"), "--from"),
    (("hook", "add", "x", "--reserve", "default"), "--secret"),
    (("hook", "add", "x", "--secret", " ", "--reserve", "default"), "secret"),
    (("hook", "add", "x", "--secret", "s", "--reserve", "nonsense"), "nonsense"),
    *(
        (("hook", "add", "x", "--secret", "s", "--reserve", "default", *options), options[0])
        for options in (
            *(("--rate", rate) for rate in ("nan", "0", "1/0", "1,5")),
            *(("--status", status) for status in ("pending", "Done!", "", "x" * 21)),
            ("--base", "net"),
            *(("--currency", each) for each in ("USD", "USD=", "=1", "USD=x", "US$=1", "USD=0")),
            ("--currency", "USD=1", "--currency", "usd=2"),
            *(("--from", each) for each in ("soon", "", "2026-02-30", "31.12.2026")),
            *(("--minimum", each) for each in ("-1", "many", "USD=", "=5", "1,50")),
            *(("--exclude-product", each) for each in ("mug", "0", "1.5", "1,2")),
            ("--movements", "--rate", "1"),
        )
    ),
    (("hook", "change", "x"), "--rate"),
    (("remote", "add", "--sharing-key", KEY), "--target"),
    (("remote", "add", *LINE), "sharing key"),
    (("remote", "add", "--sharing-key", "shop.example|wrk_:wrs_", *LINE), "sharing key"),
    (("remote", "add", "--sharing-key", "a\x00|b\udcff", *LINE), "sharing key"),
    (("remote", "add", "--sharing-key", KEY, "--url", "ftp://x", *LINE), "URL"),
    (("remote", "add", "--sharing-key", KEY, "--auth", "nonsense", *LINE), "Auth"),
    (("remote", "add", "--sharing-key", KEY, "--target", "default", "--observed", "nonsense"), "nonsense"),
    (("remote", "add", "--sharing-key", KEY, "--query-template", "/x", *LINE), "Query Template"),
    (("remote", "add", "--sharing-key-stdin", *LINE), "--sharing-key-stdin"),
    (("remote", "add", "--sharing-key-stdin", "--pass-stdin", *LINE), "--pass-stdin"),
    *((("remote", "ping", number), "ID") for number in ("abc", "-1", "1.5", "", "٣")),
    (("remote", "change", "1"), "--url"),
    (("remote", "remove", "1", "--drop", "-1"), "--drop"),
    (("refused", "aside", "1"), "--reason"),
    (("refused", "again", "abc"), "ID"),
    (("origin", "block", "nonsense"), "Auth:"),
    (("origin", "block", "nonsense", "--dry-run"), "Auth:"),
    (("origin", "block", STRANGER, "--reserve", "default"), "--reverse-from"),
    (("origin", "block", STRANGER, "--reason", "x" * 501), "500"),
    (("origin", "reverse", STRANGER), "--from"),
    *((("origin", "reverse", STRANGER, "--from", moment), "--from") for moment in ("soon", "2026-02-30", "٣", HUGE)),
    (("mail", "test", "nonsense"), "ADDRESS"),
    (("mail", "test", "a@b.example", "--kind", "nonsense"), "--kind"),
    (("mail", "list", "--state", "nonsense"), "--state"),
    (("mail", "again", "abc"), "ID"),
    (("mail", "sender", "nonsense"), "ADDRESS"),
    (("mail", "sender", "a@b.example", "--name", "two\nlines"), "--name"),
    (("confirm", "nonsense"), "restored"),
    (("admin", "create", "joe"), "--password-stdin"),
    (("admin", "create", "joe", "--password-stdin"), "--password-stdin"),
    (("admin", "reset-password", "joe"), "--password-stdin"),
    (("serve", "--port", "0"), "--port"),
    (("serve", "--port", "65536"), "65,535"),
    (("serve", "--threads", "no"), "--threads"),
    (("serve", "--host", "not a host"), "--host"),
    (("demo", "--sites", "1"), "--sites"),
    (("demo", "--port", "65535"), "--port"),
    (("demo", "--keep", "/dev/null"), "--keep"),
)

#: Correct arguments that are refused by a rule, and a word that the line must contain.
REFUSED: tuple[tuple[tuple[str, ...], str], ...] = (
    (("key", "rotate", "nobody"), "no active key"),
    (("shop", "rule", "nobody", "--reserve", "default"), "No API key with the scope shop belongs"),
    (("webhook", "test", "7"), "no webhook"),
    (("webhook", "remove", "7"), "no webhook"),
    (("record", "a@b.example", "-5", "--kind", "redeem"), "fewer than 5"),
    (("record", "known@b.example", "6", "--ref", "one"), "one"),
    (("balance", "nobody@b.example"), "nobody@b.example"),
    (("history", "nobody@b.example"), "nobody@b.example"),
    (("reserve", "add", "default"), "default"),
    (("remote", "ping", "7"), "7"),
    (("remote", "ping", HUGE), "999"),
    (("remote", "ping", "4294967296"), "4294967296"),
    *((("remote", step, "7"), "7") for step in ("retry", "pause", "resume", "remove", "history")),
    (("remote", "change", "7", "--url", "x.example"), "7"),
    (("refused", "list", "--remote", "7"), "7"),
    *((("refused", step, "7"), "7") for step in ("again", "correct")),
    (("refused", "aside", "7", "--reason", "so"), "7"),
    *((("reward", "redeem", number, "known@b.example"), number[:9]) for number in ("7", "4294967296", HUGE)),
    (("key", "revoke", "nobody"), "nobody"),
    (("hook", "remove", "nobody"), "nobody"),
    (("hook", "change", "nobody", "--rate", "2"), "nobody"),
    (("hook", "discard", "nobody"), "nobody"),
    (("hook", "dismiss", "nobody"), "nobody"),
    (("confirm", "moved"), "not stopped"),
    (("origin", "block", STRANGER, "--reverse-from", "2026-01-01"), "No site"),
    (("origin", "reverse", STRANGER, "--from", "2026-01-01"), "No site"),
    (("origin", "unblock", STRANGER), "blocked"),
    *((("mail", step, number), number[:9]) for step in ("again", "drop") for number in ("7", HUGE)),
    (("pass", "end-old"), "no old Pass"),
    *((("remote", step, "7"), "7") for step in ("key", "accept-key", "refuse-key")),
)


@pytest.fixture(scope="module")
def recorded_site(site: SiteProcess) -> SiteProcess:
    """The site with a movement in it."""
    site.cli("record", "known@b.example", "5", "--ref", "one")
    return site


def test_usage_errors(recorded_site: SiteProcess, dump: DumpDatabase) -> None:
    _assert_refused(recorded_site, dump, WRONG, 2)


def test_refused_commands(recorded_site: SiteProcess, dump: DumpDatabase) -> None:
    _assert_refused(recorded_site, dump, REFUSED, 1)


@pytest.mark.parametrize(
    ("stdin", "word"), [("short\n", "10"), ("\n", "stdin"), ("x" * 20_000, "stdin"), ("a\x00b0123456789\n", "NUL")]
)
def test_invalid_passwords(recorded_site: SiteProcess, dump: DumpDatabase, stdin: str, word: str) -> None:
    before = dump(recorded_site)
    [done] = run_commands(recorded_site, [("admin", "create", "joe", "--password-stdin", "--json")], stdin)
    _assert_one_line(done, word, 2)
    assert dump(recorded_site) == before


def _assert_refused(
    site: SiteProcess, dump: DumpDatabase, cases: tuple[tuple[tuple[str, ...], str], ...], code: int
) -> None:
    before = dump(site)
    for done, (_, word) in zip(run_commands(site, [args for args, _ in cases]), cases, strict=True):
        _assert_one_line(done, word, code)
    assert dump(site) == before


def _assert_one_line(done: CommandResult, word: str, code: int) -> None:
    details = str(done)[:2000]
    assert done.code == code, details
    assert done.out == "", details
    assert done.err.startswith("Error: "), details
    assert done.err.count("\n") == 1, details
    assert word in done.err, details
    assert len(done.err) < 700, details
