"""Stored secrets cannot be read without the key; signatures equal the published examples."""

import base64
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsync import crypto
from pointsync.crypto import Vault, WrongSecretKey

SECRET = "a secret of the tests"

# RFC 8032, section 7.1, test 1
SEED = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
PUBLIC = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
SIGNATURE = bytes.fromhex(
    "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24"
    "655141438e7a100b"
)


def b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_encrypted_text_decrypts(text):
    assert Vault(SECRET).decrypt(Vault(SECRET).encrypt(text)) == text


def test_the_same_text_is_encrypted_differently_each_time():
    vault = Vault(SECRET)
    first, second = vault.encrypt("wrs_0123456789abcdef"), vault.encrypt("wrs_0123456789abcdef")
    assert first != second
    assert "wrs_" not in first


def test_another_secret_opens_nothing():
    with pytest.raises(WrongSecretKey):
        Vault(SECRET + "!").decrypt(Vault(SECRET).encrypt("Pass"))


@pytest.mark.parametrize("fake", ["", "rubbish", "é", "gAAAAA"])
def test_other_text_does_not_decrypt(fake):
    with pytest.raises(WrongSecretKey):
        Vault(SECRET).decrypt(fake)


def test_changed_text_does_not_decrypt():
    sealed = Vault(SECRET).encrypt("Pass")
    middle = len(sealed) // 2
    changed = sealed[:middle] + ("A" if sealed[middle] != "A" else "B") + sealed[middle + 1 :]
    with pytest.raises(WrongSecretKey):
        Vault(SECRET).decrypt(changed)


def test_hmac_is_that_of_the_rfc():
    # RFC 4231, test case 2
    expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    assert crypto.sign_hmac("Jefe", b"what do ya want for nothing?").hex() == expected


def test_ed25519_is_that_of_the_rfc():
    assert crypto.sign_ed25519(b64(SEED), b"") == SIGNATURE
    assert crypto.verify_ed25519(b64(PUBLIC), SIGNATURE, b"")


@pytest.mark.parametrize(
    ("key", "signature", "content"),
    [
        (b64(PUBLIC), SIGNATURE, b"x"),
        (b64(PUBLIC), SIGNATURE[:-1], b""),
        (b64(PUBLIC), b"", b""),
        (b64(PUBLIC), bytes(64), b""),
        (b64(SEED), SIGNATURE, b""),
        (b64(PUBLIC[:-1]), SIGNATURE, b""),
        ("", SIGNATURE, b""),
        ("rubbish!", SIGNATURE, b""),
        ("é", SIGNATURE, b""),
    ],
)
def test_a_wrong_signature_does_not_verify(key, signature, content):
    assert not crypto.verify_ed25519(key, signature, content)


def test_a_new_key_signs_what_its_other_half_verifies():
    private_key, public_key = crypto.new_signing_key()
    assert crypto.is_public_key(public_key)
    assert len(base64.b64decode(private_key)) == 32
    assert crypto.verify_ed25519(public_key, crypto.sign_ed25519(private_key, b"body"), b"body")
    assert crypto.new_signing_key() != (private_key, public_key)


def test_a_fingerprint_is_half_of_the_keys_hash_as_people_read_it_out():
    expected = hashlib.sha256(PUBLIC).hexdigest()[:32]
    assert crypto.format_fingerprint(b64(PUBLIC)).replace(" ", "") == expected
    assert [len(group) for group in crypto.format_fingerprint(b64(PUBLIC)).split(" ")] == [4] * 8
    assert crypto.format_fingerprint(b64(PUBLIC[:-1] + b"x")) != crypto.format_fingerprint(b64(PUBLIC))


@pytest.mark.parametrize("text", ["", "x", "é", b64(PUBLIC)[:-4], b64(PUBLIC + b"x"), b64(PUBLIC) + "\n", "=" * 44])
def test_invalid_public_keys(text):
    assert not crypto.is_public_key(text)


@pytest.mark.parametrize(
    ("left", "right", "alike"),
    [
        ("wrs_1", "wrs_1", True),
        ("wrs_1", "wrs_2", False),
        ("wrs_1", "wrs_", False),
        ("", "", True),
        ("é", "é", True),
        ("é", "é".encode(), True),
        (b"\xff", "\udcff", True),
    ],
)
def test_same(left, right, alike):
    assert crypto.is_equal_constant_time(left, right) is alike


def test_a_digest_tells_keys_apart():
    # FIPS 180-2, appendix B.1
    assert crypto.sha256_hex("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert crypto.sha256_hex("abd") != crypto.sha256_hex("abc")
