"""How a call of a shop's REST API proves that it has the key. Pure.

WooCommerce takes key and secret as a name and password over HTTPS only. Over plain HTTP it asks for a signature of
OAuth 1.0a without a token, so that the secret is not sent. See WooCommerce's class-wc-rest-authentication.php and RFC
5849, section 3.4.
"""

import base64
from collections.abc import Mapping
from urllib.parse import quote

from pointsync.crypto import sign_hmac

SIGNATURE_METHOD = "HMAC-SHA256"


def encode_query(params: Mapping[str, str]) -> str:
    """The query string, without the question mark, encoded as RFC 3986 says."""
    return "&".join(f"{_quote(name)}={_quote(value)}" for name, value in params.items())


def basic_header(key: str, secret: str) -> str:
    """The value of the Authorization header."""
    return f"Basic {base64.b64encode(f'{key}:{secret}'.encode()).decode()}"


def sign_params(
    method: str, url: str, params: Mapping[str, str], key: str, secret: str, *, timestamp: int, nonce: str
) -> dict[str, str]:
    """`params` with those of OAuth 1.0a. `url` is without a query; `timestamp` is in seconds since 1970."""
    signed = dict(params) | {
        "oauth_consumer_key": key,
        "oauth_timestamp": str(timestamp),
        "oauth_nonce": nonce,
        "oauth_signature_method": SIGNATURE_METHOD,
    }
    pairs = sorted((_quote(name), _quote(value)) for name, value in signed.items())
    normalised = "&".join(f"{name}={value}" for name, value in pairs)
    text = f"{method}&{_quote(url)}&{_quote(normalised)}"
    signature = base64.b64encode(sign_hmac(f"{secret}&", text.encode())).decode()
    return signed | {"oauth_signature": signature}


def _quote(text: str) -> str:
    return quote(text, safe="~")
