"""Encryption of stored secrets, hashes, and signatures."""

import base64
import binascii
import hashlib
import hmac
from functools import lru_cache

from cryptography.exceptions import InvalidSignature
from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from pointsync.errors import ConfigError


class WrongSecretKey(ConfigError):
    """The stored secrets are encrypted with another secret key."""

    def __init__(self) -> None:
        super().__init__(
            "POINTSYNC_SECRET_KEY is not the key that this database's secrets are encrypted with. Restore that key "
            "(if PointSync generated it, it is the file secret_key in POINTSYNC_DATA). If you changed it on purpose, "
            "set POINTSYNC_SECRET_KEY_OLD to the previous key, stop all processes of this site, and run: "
            "pointsync rotate-key"
        )


class Vault:
    """Encrypts the secrets in the database, with a key derived from the secret key for this purpose only."""

    def __init__(self, secret_key: str) -> None:
        derived = HKDF(hashes.SHA256(), length=32, salt=None, info=b"pointsync stored secrets").derive(
            secret_key.encode()
        )
        self._fernet = Fernet(base64.urlsafe_b64encode(derived))

    def encrypt(self, text: str) -> str:
        """Encrypt `text`; the result is text."""
        return self._fernet.encrypt(text.encode()).decode()

    def decrypt(self, encrypted: str) -> str:
        """Decrypt what `encrypt` returned. Raises WrongSecretKey if it was encrypted with another key."""
        try:
            return self._fernet.decrypt(encrypted.encode()).decode()
        except InvalidToken as error:
            raise WrongSecretKey from error


def new_signing_key() -> tuple[str, str]:
    """A new Ed25519 key pair: (private, public), each as 32 raw bytes in base64."""
    key = Ed25519PrivateKey.generate()
    return (
        base64.b64encode(key.private_bytes_raw()).decode(),
        base64.b64encode(key.public_key().public_bytes_raw()).decode(),
    )


def is_public_key(text: str) -> bool:
    """Whether `text` is a raw Ed25519 public key in base64."""
    try:
        Ed25519PublicKey.from_public_bytes(base64.b64decode(text, validate=True))
    except (ValueError, binascii.Error):
        return False
    return True


def format_fingerprint(public_key: str) -> str:
    """The fingerprint that two admins compare: 128 bits of the public key's SHA-256, as eight groups of hex digits."""
    digits = hashlib.sha256(base64.b64decode(public_key)).hexdigest()[:32]
    return " ".join(digits[at : at + 4] for at in range(0, 32, 4))


def sign_hmac(secret: str | bytes, content: bytes) -> bytes:
    """The HMAC-SHA256 of `content` with the key `secret`; a text is taken as UTF-8."""
    key = secret.encode() if isinstance(secret, str) else secret
    return hmac.new(key, content, hashlib.sha256).digest()


def start_hmac(secret: str) -> hmac.HMAC:
    """The same for content that is read part by part: call `update` with each, then `digest`."""
    return hmac.new(secret.encode(), digestmod=hashlib.sha256)


def sign_ed25519(private_key: str, content: bytes) -> bytes:
    """The Ed25519 signature of `content`, with a private key of `new_signing_key`."""
    return _load_private_key(private_key).sign(content)


@lru_cache(maxsize=8)
def _load_private_key(private_key: str) -> Ed25519PrivateKey:
    """Cached, because preparing a key takes as long as using it."""
    return Ed25519PrivateKey.from_private_bytes(base64.b64decode(private_key))


def verify_ed25519(public_key: str, signature: bytes, content: bytes) -> bool:
    """Whether `signature` is the signature of `content` by the owner of `public_key`."""
    try:
        _load_public_key(public_key).verify(signature, content)
    except (InvalidSignature, ValueError):
        return False
    return True


@lru_cache(maxsize=256)
def _load_public_key(public_key: str) -> Ed25519PublicKey:
    """Cached as well. Raises ValueError for what is no key."""
    return Ed25519PublicKey.from_public_bytes(base64.b64decode(public_key))


def is_equal_constant_time(left: str | bytes, right: str | bytes) -> bool:
    """Whether two secrets are equal; the time that this takes does not reveal where they differ."""
    byte_strings = [
        side.encode("utf-8", "surrogateescape") if isinstance(side, str) else side for side in (left, right)
    ]
    return hmac.compare_digest(*byte_strings)


def sha256_hex(secret: str) -> str:
    """The SHA-256 of a random secret in hex, as it is stored of an API key."""
    return hashlib.sha256(secret.encode()).hexdigest()
