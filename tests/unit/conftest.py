"""How property tests run in this tier."""

from tests.support import hypothesis_profile

assert hypothesis_profile
