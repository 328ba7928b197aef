"""A hook's secret is the one that the shop signs with."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsync.errors import InvalidInput
from pointsync.woocommerce.hooks import check_secret

KEPT = ["s3cret", "a b", "100% sure", "50%off", "a>b", "it's", '"a" or b', "käse", "a\\b", "a&b", "%", "x\u00a0y"]
REFUSED = {
    "a<b": "a < in it",
    "<b>bold</b>": "a < in it",
    "a%41b": "removes a %",
    "50%ffer": "removes a %",
    "two  spaces": "one space of several",
    '"s3cret"': "quotation marks",
    "'s3cret'": "quotation marks",
    "“s3cret”": "quotation marks",
    "two\nlines": "on one line",
    "a\tb": "on one line",
    "": "1 to 500",
    " \n": "1 to 500",
    "x" * 501: "1 to 500",
}


def sanitize_text_field(text: str) -> str:
    """What WordPress makes of a text without control characters (`_sanitize_text_fields`)."""
    if "<" in text:
        text = re.sub(r"<[^>]*>", "", text).replace("<", "&lt;")
    text = re.sub(r"[\r\n\t ]+", " ", text).strip(" \n\r\t\v\0")
    while match := re.search("%[a-f0-9]{2}", text, re.IGNORECASE):
        text = re.sub(" +", " ", text.replace(match[0], "")).strip()
    return text


@pytest.mark.parametrize("text", KEPT)
def test_a_secret_that_wordpress_keeps(text):
    for pasted in (text, f"  {text}\r\n", f"\t{text} "):
        assert check_secret(pasted) == text == sanitize_text_field(pasted)


@pytest.mark.parametrize(("text", "reason"), REFUSED.items(), ids=lambda each: ascii(each[:20]))
def test_a_secret_that_cannot_be_right_is_refused_with_the_reason(text, reason):
    with pytest.raises(InvalidInput) as refusal:
        check_secret(text)
    assert list(refusal.value.fields) == ["secret"]
    assert reason in refusal.value.message


@given(st.text(st.sampled_from(" %<>abf41'\"x") | st.characters(exclude_categories=["Cs", "Cc", "Z"]), max_size=12))
def test_wordpress_keeps_every_secret_that_is_accepted(text):
    try:
        secret = check_secret(text)
    except InvalidInput:
        return
    assert sanitize_text_field(text) == secret == sanitize_text_field(secret)
