"""Stamps: who can make them, and what is not one."""

import json

import pytest

from pointsync import crypto
from pointsync.sync.site import stamps
from pointsync.sync.site.stamps import MAX_CALL, Stamp

AUTH = "wrk_0123456789abcdef"
PRIVATE_KEY, PUBLIC_KEY = crypto.new_signing_key()
RUN = "0000000000000007" + "0123456789abcdef"
FIELDS = {"run": RUN, "call": 7, "last_id": "914835421114925056", "signature": "A" * 88}


def test_a_stamp_survives_its_way_over_the_wire():
    made = stamps.make(AUTH, PRIVATE_KEY, RUN, 7, 914835421114925056)
    read = stamps.parse_json(json.loads(json.dumps(made.to_json())))
    assert read == made
    assert read.is_of(AUTH, PUBLIC_KEY)


def test_a_stamp_is_of_one_site_key_and_state():
    made = stamps.make(AUTH, PRIVATE_KEY, RUN, 7, 9)
    _, other_key = crypto.new_signing_key()
    assert not made.is_of(AUTH, other_key)
    assert not made.is_of("wrk_00000000000000ff", PUBLIC_KEY)
    assert not Stamp(RUN, 8, 9, made.signature).is_of(AUTH, PUBLIC_KEY)
    assert not Stamp(RUN, 7, 10, made.signature).is_of(AUTH, PUBLIC_KEY)
    assert not Stamp("0" * 32, 7, 9, made.signature).is_of(AUTH, PUBLIC_KEY)


@pytest.mark.parametrize("call", [7, 8, MAX_CALL])
@pytest.mark.parametrize("last_id", ["0", "1", str(2**63 - 1)])
def test_the_bounds_are_accepted(call, last_id):
    assert stamps.parse_json(FIELDS | {"call": call, "last_id": last_id})


@pytest.mark.parametrize(
    "wrong",
    [
        *({"call": call} for call in (MAX_CALL + 1, 6, -1, True, False, 7.0, "7", None)),
        *({"run": run} for run in (RUN[:31], RUN + "0", RUN.upper(), "f" * 32, "", None, 7)),
        *({"last_id": last_id} for last_id in ("", "00", "-1", "1.0", str(2**63), 7, None)),
        *({"signature": signature} for signature in ("", "A" * 129, None, 7)),
    ],
    ids=str,
)
def test_values_that_cannot_be_right(wrong):
    assert stamps.parse_json(FIELDS | wrong) is None


@pytest.mark.parametrize("shown", [None, [], "stamp", 7, {}])
def test_what_is_no_stamp(shown):
    assert stamps.parse_json(shown) is None


@pytest.mark.parametrize("signature", ["!", "é", "A", "AAAA", "A" * 128])
def test_a_signature_that_is_none(signature):
    assert not Stamp(RUN, 7, 9, signature).is_of(AUTH, PUBLIC_KEY)
