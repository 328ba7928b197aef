"""Keys and signatures: what is stored is encrypted or hashed, what travels is signed."""

import base64
import binascii
import hashlib
import hmac

from cryptography.exceptions import InvalidSignature
from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from pointsync.errors import ConfigError


class WrongSecretKey(ConfigError):
    """What is stored was not encrypted with this secret."""

    def __init__(self) -> None:
        super().__init__(
            "POINTSYNC_SECRET_KEY is not the one that this database's secrets are encrypted with. Give that one back "
            "(where PointSync has made it, it is the file secret_key in POINTSYNC_DATA); or, where it was changed on "
            "purpose, set the one before as POINTSYNC_SECRET_KEY_OLD, stop all processes of this site, and run: "
            "pointsync rotate-key"
        )


class Vault:
    """Encrypts what the database must keep but not show, with a key derived for this purpose alone."""

    def __init__(self, secret_key: str) -> None:
        derived = HKDF(hashes.SHA256(), length=32, salt=None, info=b"pointsync stored secrets").derive(
            secret_key.encode()
        )
        self._fernet = Fernet(base64.urlsafe_b64encode(derived))

    def encrypt(self, text: str) -> str:
        """`text`, encrypted, as text."""
        return self._fernet.encrypt(text.encode()).decode()

    def decrypt(self, encrypted: str) -> str:
        """What `seal` was given. Raises WrongSecret where the secret key is another."""
        try:
            return self._fernet.decrypt(encrypted.encode()).decode()
        except InvalidToken as error:
            raise WrongSecretKey from error


def new_signing_key() -> tuple[str, str]:
    """A fresh Ed25519 key pair: (private, public), each the 32 raw bytes in base64."""
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
    """What two people compare of a public key: 128 bits of its SHA-256 in hex, in eight groups of four."""
    digits = hashlib.sha256(base64.b64decode(public_key)).hexdigest()[:32]
    return " ".join(digits[at : at + 4] for at in range(0, 32, 4))


def sign_hmac(secret: str, content: bytes) -> bytes:
    """HMAC-SHA256 over `content` with the text `secret` as its key."""
    return hmac.new(secret.encode(), content, hashlib.sha256).digest()


def sign_ed25519(private_key: str, content: bytes) -> bytes:
    """The Ed25519 signature over `content` by a key as `new_signing_key` made it."""
    return Ed25519PrivateKey.from_private_bytes(base64.b64decode(private_key)).sign(content)


def verify_ed25519(public_key: str, signature: bytes, content: bytes) -> bool:
    """Whether `signature` over `content` was made by the owner of `public_key`."""
    try:
        Ed25519PublicKey.from_public_bytes(base64.b64decode(public_key)).verify(signature, content)
    except (InvalidSignature, ValueError):
        return False
    return True


def is_equal_constant_time(left: str | bytes, right: str | bytes) -> bool:
    """Whether two secrets are equal, in a time that tells nothing about where they differ."""
    byte_strings = [
        side.encode("utf-8", "surrogateescape") if isinstance(side, str) else side for side in (left, right)
    ]
    return hmac.compare_digest(*byte_strings)


def sha256_hex(secret: str) -> str:
    """SHA-256 of a secret of high entropy, in hex: what is stored of an API key."""
    return hashlib.sha256(secret.encode()).hexdigest()
