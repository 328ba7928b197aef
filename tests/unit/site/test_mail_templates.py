"""Mail templates: which placeholders are allowed, and how they are filled in. Values are never interpreted."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from pointsync.errors import DomainError, NotFound
from pointsync.mail import templates
from pointsync.mail.templates import MailTemplate
from pointsync.models import MailText

VALUES = templates.SAMPLE_VALUES | {"site": "Mug shop"}


@pytest.fixture
def session() -> Iterator[Session]:
    engine = create_engine("sqlite://")
    MailText.__table__.create(engine)
    with Session(engine) as session:
        yield session
    engine.dispose()


@pytest.mark.parametrize("kind", templates.KINDS)
def test_the_default_texts_are_valid_and_leave_no_placeholder(session, kind):
    template = templates.get(session, kind)
    assert template.is_default
    subject, body = template.render(VALUES)
    assert not set("{}") & set(subject + body)
    assert "Mug shop" in body
    assert templates.change(session, kind, template.subject, template.body) == MailTemplate(
        kind, *templates.DEFAULT_TEXTS[kind], False
    )
    assert templates.reset(session, kind).is_default
    assert templates.reset(session, kind) == templates.get_all(session)[kind] == template


INVALID = [
    ("Hi {name}", "Hello", {"subject": r"\{name\} here. The placeholders are \{customer\}, .*\{reward\}\."}),
    ("Hi {level}", "Hello", {"subject": r"\{level\}"}),
    ("Hi {customer", "Hello", {"subject": "A brace has no partner"}),
    ("Hi", "Hello }", {"body": "A brace has no partner"}),
    ("Hi", "{{customer}}", {"body": "A brace has no partner"}),
    ("Hi", "{customer.__class__}", {"body": r"customer.__class__"}),
    ("Hi", "{0} {}", {"body": "There is no placeholder"}),
    ("", "", {"subject": "Enter a subject", "body": "Enter the text"}),
    ("  ", "\n \n", {"subject": "Enter a subject", "body": "Enter the text"}),
    ("a\nBcc: x@y.example", "b\0", {"subject": "control characters", "body": "control characters"}),
    ("x" * 151, "x" * 5001, {"subject": "At most 150", "body": "At most 5,000"}),
    ("\ud800", "\ud800", {"subject": "control", "body": "control"}),
]


@pytest.mark.parametrize(("subject", "body", "errors"), INVALID)
def test_each_invalid_field_is_reported_and_nothing_changes(session, subject, body, errors):
    with pytest.raises(DomainError) as refusal:
        templates.change(session, "reward", subject, body)
    assert set(refusal.value.fields) == set(errors)
    for name, message in errors.items():
        with pytest.raises(AssertionError, match=message):
            raise AssertionError(refusal.value.fields[name])
    assert templates.get(session, "reward").is_default


@pytest.mark.parametrize("call", [templates.get, templates.reset, lambda s, k: templates.change(s, k, "a", "b")])
def test_unknown_kinds(session, call):
    with pytest.raises(NotFound, match="reward, level, expiry"):
        call(session, "birthday")


@given(st.dictionaries(st.sampled_from(sorted(VALUES)), st.text(), min_size=1))
def test_a_filled_in_subject_is_one_line(values):
    template = MailTemplate("reward", "".join(f"<{{{name}}}>" for name in values), "{customer}")
    subject, body = template.render(VALUES | values)
    assert len(subject) <= 300
    assert len((subject + body).splitlines()) <= 1 or not set("\r\n\0") & set(subject + body)


def test_placeholders_in_values_are_not_filled_in():
    subject, _ = MailTemplate("reward", "{reward}", "x").render(VALUES | {"reward": "{customer} {nobody} {"})
    assert subject == "{customer} {nobody} {"
