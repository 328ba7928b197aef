"""The file from which translators begin has all texts of the plugin."""

import re

from tests.shops import make_pot


def test_the_file_is_current() -> None:
    assert make_pot.POT.read_text(encoding="utf-8") == make_pot.build(), "run: python -m tests.shops.make_pot"


def test_every_text_with_a_number_has_a_note_for_translators() -> None:
    entries = make_pot.build().split("\n\n")
    without = [
        each for each in entries if re.search(r'^msgid ".*%', each, re.MULTILINE) and "#. translators:" not in each
    ]
    assert without == []


def test_scripts_have_no_texts_of_their_own() -> None:
    scripts = list((make_pot.PLUGIN / "assets").glob("*.js"))
    assert scripts
    assert [path.name for path in scripts if "i18n" in path.read_text(encoding="utf-8")] == []
