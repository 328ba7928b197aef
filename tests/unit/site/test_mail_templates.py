"""The texts of mails: what may stand in braces, and what comes of it; nothing in a fact is looked into."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from pointsync.errors import NotFound, Refused
from pointsync.mail import templates
from pointsync.mail.templates import Words
from pointsync.models import MailText

FACTS = templates.SAMPLE | {"site": "Mug shop"}


@pytest.fixture
def session() -> Iterator[Session]:
    engine = create_engine("sqlite://")
    MailText.__table__.create(engine)
    with Session(engine) as session:
        yield session
    engine.dispose()


@pytest.mark.parametrize("kind", templates.KINDS)
def test_the_default_words_pass_their_own_check_and_leave_no_brace(session, kind):
    words = templates.get(session, kind)
    assert words.is_default
    subject, body = words.filled(FACTS)
    assert not set("{}") & set(subject + body)
    assert "Mug shop" in body
    assert templates.change(session, kind, words.subject, words.body) == Words(kind, *templates.DEFAULTS[kind], False)
    assert templates.reset(session, kind).is_default
    assert templates.reset(session, kind) == templates.every(session)[kind] == words


WRONG = [
    ("Hi {name}", "Hello", {"subject": r"\{name\}; what can stand here is \{customer\}, .*\{reward\}\."}),
    ("Hi {level}", "Hello", {"subject": r"\{level\}"}),
    ("Hi {customer", "Hello", {"subject": "A brace stands alone"}),
    ("Hi", "Hello }", {"body": "A brace stands alone"}),
    ("Hi", "{{customer}}", {"body": "A brace stands alone"}),
    ("Hi", "{customer.__class__}", {"body": r"customer.__class__"}),
    ("Hi", "{0} {}", {"body": "Nothing is known"}),
    ("", "", {"subject": "Type a subject", "body": "Type what"}),
    ("  ", "\n \n", {"subject": "Type a subject", "body": "Type what"}),
    ("a\nBcc: x@y.example", "b\0", {"subject": "control characters", "body": "control characters"}),
    ("x" * 151, "x" * 5001, {"subject": "At most 150", "body": "At most 5,000"}),
    ("\ud800", "\ud800", {"subject": "control", "body": "control"}),
]


@pytest.mark.parametrize(("subject", "body", "faults"), WRONG)
def test_what_cannot_be_names_each_field_and_changes_nothing(session, subject, body, faults):
    with pytest.raises(Refused) as refusal:
        templates.change(session, "reward", subject, body)
    assert set(refusal.value.fields) == set(faults)
    for name, words in faults.items():
        with pytest.raises(AssertionError, match=words):
            raise AssertionError(refusal.value.fields[name])
    assert templates.get(session, "reward").is_default


@pytest.mark.parametrize("call", [templates.get, templates.reset, lambda s, k: templates.change(s, k, "a", "b")])
def test_there_is_no_such_text(session, call):
    with pytest.raises(NotFound, match="reward, level, expiry"):
        call(session, "birthday")


@given(st.dictionaries(st.sampled_from(sorted(FACTS)), st.text(), min_size=1))
def test_whatever_is_filled_in_a_subject_is_one_line_and_facts_are_text(facts):
    words = Words("reward", "".join(f"<{{{name}}}>" for name in facts), "{customer}")
    subject, body = words.filled(FACTS | facts)
    assert len(subject) <= 300
    assert len((subject + body).splitlines()) <= 1 or not set("\r\n\0") & set(subject + body)


def test_a_fact_with_braces_is_not_filled_again():
    subject, _ = Words("reward", "{reward}", "x").filled(FACTS | {"reward": "{customer} {nobody} {"})
    assert subject == "{customer} {nobody} {"
