"""An e-mail address has one normalised spelling, however it was typed."""

import re
import string
import tracemalloc
import unicodedata

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pointsync import email_address
from pointsync.email_address import normalise
from pointsync.errors import InvalidInput

SAME = {
    "anna@shop.example": [
        "ANNA@Shop.Example",
        "  anna@shop.example\t",
        "\u00a0anna@shop.example\r\n",
        "Anna@SHOP.EXAMPLE",
    ],
    "anna+news@shop.example": ["Anna+News@shop.example"],
    "o'neil@shop.example": ["O'Neil@shop.example"],
    "jürgen@xn--mller-kva.example": [
        "jürgen@müller.example",
        "JÜRGEN@MÜLLER.EXAMPLE",
        "ju\u0308rgen@mu\u0308ller.example",
        "jürgen@xn--mller-kva.example",
        "jürgen@XN--MLLER-KVA.example",
    ],
    "山田@xn--fsqu00a.example": ["山田@例子.example", "山田@例子。example"],
    "strasse@xn--strae-oqa.example": ["straße@straße.example", "STRAẞE@STRAẞE.example", "STRASSE@straße.example"],
    "istanbul@shop.example": ["İSTANBUL@SHOP.EXAMPLE", "ıstanbul@shop.example", "I\u0307stanbul@shop.example"],
    "inci@shop.example": ["i\u0307nci@shop.example", "i\u0307\u0307nci@shop.example", "İNCİ@shop.example"],
    "σασ@shop.example": ["ΣΑΣ@shop.example", "σας@shop.example"],
    "office@shop.example": ["oﬃce@shop.example", "OFFICE@shop.example"],
    "a.b-c_d@shop.test": ["A.b-c_d@shop.TEST"],
    "till@kasse.local": ["Till@Kasse.local"],
    "ǰ@shop.example": ["J\u030c@shop.example", "j\u030c@shop.example"],
    "a/b%c@shop.example": ["A/B%C@shop.example"],
    "!#$&'*=?^`{|}~@shop.example": ["!#$&'*=?^`{|}~@shop.example"],
    # As Japanese carriers issue them, and as WordPress takes them.
    "ken..taro@docomo.example": ["Ken..Taro@docomo.example"],
    "hanako.@docomo.example": ["Hanako.@DOCOMO.example "],
    ".yuki@docomo.example": [".Yuki@docomo.example"],
    "...@docomo.example": ["...@docomo.example"],
    "山..田.@xn--fsqu00a.example": ["山..田.@例子.example"],
    "o'..neil@shop.example": ["O'..Neil@shop.example"],
    # Two hyphens that announce no international domain, a domain of one label, a number as the last one.
    "anna@r3--cdn.shop.example": ["Anna@R3--CDN.shop.example"],
    "anna@a--b.ab---c.example": ["anna@A--b.ab---C.example"],
    "anna@localhost": ["Anna@LocalHost"],
    "anna@shop.123": ["anna@shop.123"],
}
REASONS = {
    "anna": '"anna" is not a valid e-mail address. It must have an @-sign.',
    "anna@shop_1.example": '"anna@shop_1.example" is not a valid e-mail address. The part after the @-sign contains '
    "invalid characters: '_'.",
}
IMPOSSIBLE = [
    "",
    " ",
    "@",
    "anna",
    "anna@",
    "@shop.example",
    "anna@@shop.example",
    "anna@shop@example",
    "anna shop@shop.example",
    "anna@shop example",
    "anna@.example",
    "anna@shop..example",
    "anna@-shop.example",
    "anna@ab--.example",
    "anna@shop_1.example",
    "anna@shop-.example",
    "\u0308anna@shop.example",
    "..\u0308anna@shop.example",
    "an\x00na@shop.example",
    "an\nna@shop.example",
    "an\u202ena@shop.example",
    "anna@shop.example\x00",
    "anna@[127.0.0.1]",
    "anna@xn--\u00fc.example",
    "anna@xn--a.example",
    '"anna"@shop.example',
    "Anna <anna@shop.example>",
    "anna@shop.example,bob@shop.example",
    "anna\ufffd@shop.example",
    "\ud800@shop.example",
    "anna@\ud800.example",
    "anna@" + "a" * 64 + ".example",
    "a" * 250 + "@shop.example",
    "a" * 100_000,
    "anna@" + "a." * 50_000 + "example",
]


@pytest.mark.parametrize(("address", "typed"), [(one, typed) for one, all_of_it in SAME.items() for typed in all_of_it])
def test_one_customer_has_one_spelling(address, typed):
    assert normalise(typed) == address
    assert normalise(address) == address


@pytest.mark.parametrize("typed", IMPOSSIBLE, ids=lambda typed: ascii(typed[:30]))
def test_an_invalid_address_is_refused_with_a_message(typed):
    with pytest.raises(InvalidInput) as refusal:
        normalise(typed)
    assert list(refusal.value.fields) == ["customer"]
    assert refusal.value.message.isprintable()
    assert len(refusal.value.message) < 400


@pytest.mark.parametrize(("typed", "message"), REASONS.items())
def test_the_message_says_why(typed, message):
    with pytest.raises(InvalidInput) as refusal:
        normalise(typed)
    assert refusal.value.message == message


def test_case_does_not_distinguish_customers_but_dots_and_tags_do():
    assert len({normalise(each) for each in ("anna@a.example", "an.na@a.example", "anna+1@a.example")}) == 3


SPELLINGS = {
    "Straße@Shop.example": ("strasse@shop.example", "straße@shop.example"),
    "İnci@shop.example": ("inci@shop.example", "i\u0307nci@shop.example"),
    "ΣΑΣ@shop.example": ("σασ@shop.example", "σας@shop.example"),
    "Müller@Müller.example": ("müller@xn--mller-kva.example", "müller@xn--mller-kva.example"),
    "Ken..Taro@docomo.example": ("ken..taro@docomo.example", "ken..taro@docomo.example"),
}
"""By text: the key, and the spelling in which the versions before keys were folded know the customer."""


@pytest.mark.parametrize(("text", "address"), SPELLINGS.items())
def test_other_sites_get_the_spelling_that_they_know(text, address):
    assert tuple(email_address.parse(text)) == address
    assert tuple(email_address.parse(address[1])) == address


def test_domains_of_two_owners_are_not_one():
    texts = ("anna@faß.example", "anna@fass.example", "anna@gmaıl.example", "anna@gmail.example")
    assert len({normalise(each) for each in texts}) == 4
    assert normalise("anna@xn--fa-hia.example") == normalise(texts[0])


LETTERS = st.text(
    st.sampled_from("aiIİıßẞſﬁΣςŉǰΐᾳꭰⅷkK") | st.sampled_from("\u0307\u0301\u0323\u0345") | st.characters(), max_size=12
)


@settings(max_examples=300)
@given(LETTERS)
def test_letter_case_and_unicode_forms_make_no_difference(local):
    try:
        address = email_address.parse(f"{local}@shop.example")
    except InvalidInput:
        return
    assert email_address.parse(address.key).key == address.key
    assert email_address.parse(address.spelling) == address
    for form in ("NFC", "NFD"):
        for turned in (local, local.lower(), local.casefold()):
            again = unicodedata.normalize(form, turned)
            assert normalise(f"{again}@shop.example") == address.key, (form, turned)


def test_the_longest_address_fits():
    longest = "a" * 64 + "@" + ".".join(["b" * 63, "b" * 63, "b" * 53, "example"])
    assert len(longest) == email_address.MAX_LENGTH
    assert normalise(longest) == longest
    with pytest.raises(InvalidInput):
        normalise(longest.replace("@b", "@bb"))


ALPHANUMERIC = string.ascii_lowercase + string.digits
END = st.sampled_from(ALPHANUMERIC)
LABEL = END | st.builds("{}{}{}".format, END, st.text(f"{ALPHANUMERIC}-", max_size=20), END)
LOCAL = st.text(f"{ALPHANUMERIC}_+-.", min_size=1, max_size=64)
PLAIN = st.builds(
    lambda local, labels, top: f"{local}@{'.'.join([*labels, top])}",
    LOCAL,
    st.lists(LABEL, min_size=1, max_size=4),
    st.text(string.ascii_lowercase, min_size=2, max_size=12),
)


@settings(max_examples=300)
@given(PLAIN)
def test_the_fast_path_equals_the_full_check(address):
    assume(len(address) <= email_address.MAX_LENGTH)
    by_short_cut = _outcome(normalise, address)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(email_address, "_COMMON_FORM", re.compile(r"(?!)"))
        assert _outcome(normalise, address) == by_short_cut


def test_the_fast_path_is_used():
    assert email_address._COMMON_FORM.match("anna+news@shop.example")


def test_what_is_remembered_is_bounded_whatever_callers_send():
    em_spaces, wide_letters = "\u2003" * 700, "\U00010428" * 4  # as long as the input may be, four bytes a character
    remembered = email_address._normalise_uncommon
    assert remembered.cache_info().maxsize == email_address.MAX_CACHED
    remembered.cache_clear()
    part = email_address.MAX_CACHED // 8
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for number in range(part):
            normalise(f"{em_spaces}{wide_letters}u{number}@x.test")
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert remembered.cache_info().currsize == part
    assert (after - before) / part * email_address.MAX_CACHED < 4 * 1024 * 1024


@settings(max_examples=400)
@given(st.text(max_size=40) | st.builds("{}@{}".format, st.text(max_size=12), st.text(max_size=12)))
def test_any_text_is_one_spelling_or_refused(text):
    try:
        address = normalise(text)
    except InvalidInput:
        return
    assert normalise(address) == address
    assert normalise(f"  {unicodedata.normalize('NFD', text)}\n") == address
    assert unicodedata.is_normalized("NFC", address)
    assert address.rpartition("@")[2].isascii()
    assert len(address) <= email_address.MAX_LENGTH


def _outcome(call, text: str) -> str:
    try:
        return call(text)
    except InvalidInput as refusal:
        return f"refused: {refusal.fields}"
