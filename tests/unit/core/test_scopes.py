"""What a key's scopes allow."""

from itertools import combinations

import pytest

from pointsync.scopes import SCOPES, allows

INCLUDED = {"record", "read"}
"""What the scope `shop` includes."""


@pytest.mark.parametrize("needed", SCOPES)
def test_a_scope_allows_itself_and_what_it_includes(needed: str) -> None:
    for count in range(len(SCOPES) + 1):
        for scopes in combinations(SCOPES, count):
            assert allows(scopes, needed) == (needed in scopes or ("shop" in scopes and needed in INCLUDED)), scopes
