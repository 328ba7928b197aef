"""The SMTP client: each connection has a time limit, and each failure is a sentence for admins."""

import ipaddress
import smtplib
import socket
import ssl
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from email.message import EmailMessage
from time import monotonic
from urllib.parse import unquote, urlsplit

from pointsync.net import address_guard
from pointsync.text_limits import sanitise

CONNECT_SECONDS = 5.0
READ_SECONDS = 15.0
TOTAL_SECONDS = 45.0
"""The limit for one connection with all its mails, in wall-clock time."""
MAX_REPLY_CHARS = 200
CLOSING_CODE = 421


class MailServerError(Exception):
    """The mail server cannot be used now. The text says why and what to do."""


class MailRefused(Exception):
    """The mail server refused this mail, but may accept others. `is_final`: a retry is useless."""

    def __init__(self, message: str, *, is_final: bool) -> None:
        super().__init__(message)
        self.is_final = is_final


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """The mail server in POINTSYNC_SMTP_URL."""

    host: str
    port: int
    is_tls: bool
    user: str = ""
    password: str = field(default="", repr=False)

    @property
    def is_loopback(self) -> bool:
        """Whether the server runs on this machine, so that nobody can listen in."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host.lower() == "localhost"

    def __str__(self) -> str:
        return f"The mail server {self.host}:{self.port}"


def parse_server_url(url: str) -> SmtpServer:
    """The server in a valid URL. The default port is 465 for smtps, 587 with a user, and else 25."""
    parts = urlsplit(url)
    is_tls, user = parts.scheme == "smtps", unquote(parts.username or "")
    port = parts.port or (465 if is_tls else 587 if user else 25)
    return SmtpServer(parts.hostname or "", port, is_tls, user, unquote(parts.password or ""))


class SmtpConnection:
    """A connection to the mail server, signed in if it has a user. Use it as a context manager, in one thread.

    Entering it raises MailServerError.
    """

    def __init__(self, server: SmtpServer, helo: str) -> None:
        self._server = server
        self._smtp = _SmtpClient(server, helo)
        self._timed_out = False
        self._deadline = monotonic() + TOTAL_SECONDS
        self._timer = threading.Timer(TOTAL_SECONDS, self._abort)
        self._timer.daemon = True

    def __enter__(self) -> "SmtpConnection":
        self._timer.start()
        try:
            self._connect()
        except (OSError, smtplib.SMTPException, UnicodeError) as error:
            server_error = self._build_server_error(error)
            self._close()
            raise server_error from None  # without its cause, which may hold the password
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError, smtplib.SMTPException):
            self._smtp.quit()
        self._close()

    @property
    def is_out_of_time(self) -> bool:
        """Whether too little time is left to send another mail."""
        return monotonic() > self._deadline - READ_SECONDS

    def send(self, message: EmailMessage, sender: str, to: str) -> None:
        """Send a mail. Raises MailRefused, or MailServerError if it is unknown whether the mail was sent."""
        try:
            self._smtp.send_message(message, sender, [to])
        except smtplib.SMTPRecipientsRefused as error:
            raise self._build_refusal(*error.recipients[to]) from None
        except smtplib.SMTPDataError as error:
            raise self._build_refusal(error.smtp_code, error.smtp_error) from None
        except smtplib.SMTPNotSupportedError:
            text = f"{self._server} does not accept addresses with non-ASCII letters (it does not offer SMTPUTF8)."
            raise MailRefused(text, is_final=True) from None
        except (OSError, smtplib.SMTPException) as error:
            raise self._build_server_error(error) from None
        except ValueError as error:
            raise MailRefused(
                f"This mail cannot be written: {sanitise(str(error), MAX_REPLY_CHARS)}", is_final=True
            ) from None

    def _connect(self) -> None:
        server, smtp = self._server, self._smtp
        code, reply = smtp.connect(server.host, server.port)
        if code != 220:
            raise smtplib.SMTPConnectError(code, reply)
        smtp.ehlo_or_helo_if_needed()
        if not server.is_tls and smtp.has_extn("starttls"):
            smtp.starttls(context=_build_tls_context(server))
            smtp.ehlo_or_helo_if_needed()
        elif not server.is_tls and server.user and not server.is_loopback:
            raise MailServerError(
                f"{server} offers no encryption, and PointSync does not send a password without it. Use smtps:// in "
                "POINTSYNC_SMTP_URL, or a port that offers STARTTLS."
            )
        if server.user:
            smtp.login(server.user, server.password)

    def _abort(self) -> None:
        self._timed_out = True
        self._smtp.abort()

    def _close(self) -> None:
        self._timer.cancel()
        self._timer.join()
        self._smtp.close_all()

    def _build_refusal(self, code: int, reply: bytes | str) -> Exception:
        formatted = self._format_reply(code, reply)
        if code == CLOSING_CODE or not 400 <= code < 600:
            return MailServerError(f"{self._server} ended the connection: {formatted}.")
        return MailRefused(f"{self._server} refused this mail: {formatted}.", is_final=code >= 500)

    def _build_server_error(self, error: Exception) -> MailServerError:
        return MailServerError(sanitise(self._explain(error), 500))

    def _explain(self, error: Exception) -> str:
        server = self._server
        cause = error.__context__ if isinstance(error, smtplib.SMTPServerDisconnected) else error
        if self._timed_out:
            return f"{server} took longer than {TOTAL_SECONDS:.0f} seconds. Is it overloaded?"
        match error:
            case smtplib.SMTPAuthenticationError():
                reply = self._format_reply(error.smtp_code, error.smtp_error)
                return f"{server} refused the user name or password in POINTSYNC_SMTP_URL: {reply}."
            case smtplib.SMTPSenderRefused(smtp_code=530):
                reply = self._format_reply(error.smtp_code, error.smtp_error)
                return f"{server} requires a sign-in or encryption first: {reply}. Correct POINTSYNC_SMTP_URL."
            case smtplib.SMTPSenderRefused():
                reply = self._format_reply(error.smtp_code, error.smtp_error)
                return f"{server} refused the sender {error.sender}: {reply}. Change it under System › Mails."
            case smtplib.SMTPResponseException(smtp_code=code) if not 200 <= code < 600:
                return f"The server at {server.host}:{server.port} is not a mail server. Correct POINTSYNC_SMTP_URL."
            case smtplib.SMTPResponseException():
                return f"{server} answered with an error: {self._format_reply(error.smtp_code, error.smtp_error)}."
            case smtplib.SMTPNotSupportedError():
                return (
                    f"{server} does not offer a sign-in. Remove the user name and password from POINTSYNC_SMTP_URL, or "
                    "change its port."
                )
        match cause:
            case TimeoutError():
                return f"{server} did not answer in time. It may be overloaded, or a firewall may block the connection."
            case ssl.SSLCertVerificationError():
                reason = cause.verify_message.rstrip(".")
                return (
                    f"{server} has an invalid certificate: {reason}. Use the host name in the certificate, or renew it."
                )
            case ssl.SSLError():
                return f"{server} does not use TLS on this port. Check whether POINTSYNC_SMTP_URL needs smtp:// or smtps://."
            case socket.gaierror():
                return f"There is no host {server.host}. Correct POINTSYNC_SMTP_URL."
            case ConnectionRefusedError():
                return f"{server} refused the connection. Is it running, and is the port right?"
            case UnicodeError():
                return "The user name and password in POINTSYNC_SMTP_URL can contain ASCII characters only."
            case smtplib.SMTPServerDisconnected() | ConnectionError() | None:
                return f"{server} closed the connection. Check its log."
            case OSError():
                return f"{server} cannot be reached: {cause.strerror or cause}."
        return f"{server} cannot be used: {error}."

    def _format_reply(self, code: int, reply: bytes | str) -> str:
        text = reply.decode("utf-8", "replace") if isinstance(reply, bytes) else reply
        if self._server.password:
            text = text.replace(self._server.password, "…")
        return sanitise(f"{code} {text}", MAX_REPLY_CHARS).rstrip(".")


class _SmtpClient(smtplib.SMTP):
    """smtplib's client with separate timeouts for connecting and reading, and a way to cut the connection."""

    def __init__(self, server: SmtpServer, helo: str) -> None:
        super().__init__(local_hostname=helo, timeout=READ_SECONDS)
        self._host = server.host  # the name that the certificate must hold, also with STARTTLS
        self._tls_context = _build_tls_context(server) if server.is_tls else None
        self._raw_socket: socket.socket | None = None

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        raw = _open_socket(host, port)
        self._raw_socket = raw.dup()  # can still be shut down after TLS has wrapped the other one
        raw.settimeout(timeout)
        return self._tls_context.wrap_socket(raw, server_hostname=host) if self._tls_context else raw

    def abort(self) -> None:
        """Cut the connection at once. May be called from another thread."""
        if self._raw_socket:
            with suppress(OSError):
                self._raw_socket.shutdown(socket.SHUT_RDWR)

    def close_all(self) -> None:
        """Close the connection and its duplicate socket."""
        self.close()
        if self._raw_socket:
            self._raw_socket.close()


def _open_socket(host: str, port: int) -> socket.socket:
    """Connect to the first allowed address of the host that answers.

    Private addresses are always allowed: the server's operator sets the URL, not an admin in the panel. Raises OSError,
    or MailServerError if no address is allowed.
    """
    addresses = [str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    refusals = {
        address: address_guard.explain_refusal(
            address, allow_private=True, target_noun="mail server", setting_name="POINTSYNC_SMTP_URL"
        )
        for address in addresses
    }
    allowed = [address for address, refusal in refusals.items() if refusal is None]
    if not allowed:
        raise MailServerError(str(refusals[addresses[0]]))
    last_error: OSError = TimeoutError()
    for address in allowed:
        try:
            return socket.create_connection((address, port), CONNECT_SECONDS / len(allowed))
        except OSError as error:
            last_error = error
    raise last_error


def _build_tls_context(server: SmtpServer) -> ssl.SSLContext:
    """Verify certificates, except with STARTTLS on this machine: local mail servers often have self-signed ones."""
    context = ssl.create_default_context()
    if server.is_loopback and not server.is_tls:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context
