"""The one door to the mail server: a connection ends in time, and each failure is a sentence."""

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
from pointsync.text_limits import clean

CONNECT_SECONDS = 5.0
READ_SECONDS = 15.0
TOTAL_SECONDS = 45.0
"""One connection by the wall clock, with all the mails that it carries."""
MAX_SAID = 200
CLOSING = 421


class ServerTrouble(Exception):
    """The mail server cannot be used now; the text is a sentence that says why, and what to do."""


class MailRefused(Exception):
    """The mail server takes others, but not this one; `is_final` where asking again is of no use."""

    def __init__(self, message: str, *, is_final: bool) -> None:
        super().__init__(message)
        self.is_final = is_final


@dataclass(frozen=True, slots=True)
class Server:
    """What POINTSYNC_SMTP_URL says."""

    host: str
    port: int
    is_tls: bool
    user: str = ""
    password: str = field(default="", repr=False)

    @property
    def is_loopback(self) -> bool:
        """Whether it is this very machine, so that nobody stands between."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host.lower() == "localhost"

    def __str__(self) -> str:
        return f"The mail server {self.host}:{self.port}"


def server_of(url: str) -> Server:
    """The server of a URL that was checked. Without a port: 465 by smtps, else 587 to sign in, and 25 without."""
    parts = urlsplit(url)
    is_tls, user = parts.scheme == "smtps", unquote(parts.username or "")
    port = parts.port or (465 if is_tls else 587 if user else 25)
    return Server(parts.hostname or "", port, is_tls, user, unquote(parts.password or ""))


class Line:
    """A connection to the mail server, signed in where it has a user; used by `with`, from one thread.

    Opening it raises ServerTrouble.
    """

    def __init__(self, server: Server, helo: str) -> None:
        self._server = server
        self._smtp = _Smtp(server, helo)
        self._is_late = False
        self._end = monotonic() + TOTAL_SECONDS
        self._watch = threading.Timer(TOTAL_SECONDS, self._cut)
        self._watch.daemon = True

    def __enter__(self) -> "Line":
        self._watch.start()
        try:
            self._open()
        except (OSError, smtplib.SMTPException, UnicodeError) as error:
            trouble = self._trouble(error)
            self._let_go()
            raise trouble from None  # without its cause, which may hold the password
        except BaseException:
            self._let_go()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError, smtplib.SMTPException):
            self._smtp.quit()
        self._let_go()

    @property
    def is_over(self) -> bool:
        """Whether its time has come to an end, so that no other mail should be begun."""
        return monotonic() > self._end - READ_SECONDS

    def send(self, message: EmailMessage, sender: str, to: str) -> None:
        """Hand the mail over; raises MailRefused, or ServerTrouble where it is not known what became of it."""
        try:
            self._smtp.send_message(message, sender, [to])
        except smtplib.SMTPRecipientsRefused as error:
            raise self._refusal(*error.recipients[to]) from None
        except smtplib.SMTPDataError as error:
            raise self._refusal(error.smtp_code, error.smtp_error) from None
        except smtplib.SMTPNotSupportedError:
            said = f"{self._server} takes no addresses with letters beyond a to z (it does not offer SMTPUTF8)."
            raise MailRefused(said, is_final=True) from None
        except (OSError, smtplib.SMTPException) as error:
            raise self._trouble(error) from None
        except ValueError as error:
            raise MailRefused(f"It cannot be written as a mail: {clean(str(error), MAX_SAID)}", is_final=True) from None

    def _open(self) -> None:
        server, smtp = self._server, self._smtp
        code, said = smtp.connect(server.host, server.port)
        if code != 220:
            raise smtplib.SMTPConnectError(code, said)
        smtp.ehlo_or_helo_if_needed()
        if not server.is_tls and smtp.has_extn("starttls"):
            smtp.starttls(context=_context(server))
            smtp.ehlo_or_helo_if_needed()
        elif not server.is_tls and server.user and not server.is_loopback:
            raise ServerTrouble(
                f"{server} offers no encryption, and a password is not sent in clear: use smtps:// in "
                "POINTSYNC_SMTP_URL, or a port that offers STARTTLS."
            )
        if server.user:
            smtp.login(server.user, server.password)

    def _cut(self) -> None:
        self._is_late = True
        self._smtp.cut()

    def _let_go(self) -> None:
        self._watch.cancel()
        self._watch.join()
        self._smtp.let_go()

    def _refusal(self, code: int, said: bytes | str) -> Exception:
        answer = self._said(code, said)
        if code == CLOSING or not 400 <= code < 600:
            return ServerTrouble(f"{self._server} ended the connection: {answer}.")
        return MailRefused(f"{self._server} refuses it: {answer}.", is_final=code >= 500)

    def _trouble(self, error: Exception) -> ServerTrouble:
        return ServerTrouble(clean(self._explain(error), 500))

    def _explain(self, error: Exception) -> str:
        server = self._server
        inner = error.__context__ if isinstance(error, smtplib.SMTPServerDisconnected) else error
        if self._is_late:
            return f"{server} was not done within {TOTAL_SECONDS:.0f} seconds; is it overloaded?"
        match error:
            case smtplib.SMTPAuthenticationError():
                said = self._said(error.smtp_code, error.smtp_error)
                return f"{server} refuses the user or the password of POINTSYNC_SMTP_URL: {said}."
            case smtplib.SMTPSenderRefused(smtp_code=530):
                said = self._said(error.smtp_code, error.smtp_error)
                return f"{server} wants a sign-in, or encryption, first: {said}. Correct POINTSYNC_SMTP_URL."
            case smtplib.SMTPSenderRefused():
                said = self._said(error.smtp_code, error.smtp_error)
                return f"{server} refuses the sender {error.sender}: {said}. Change it under System › Mails."
            case smtplib.SMTPResponseException(smtp_code=code) if not 200 <= code < 600:
                return f"What answers at {server.host}:{server.port} is no mail server; correct POINTSYNC_SMTP_URL."
            case smtplib.SMTPResponseException():
                return f"{server} answers with an error: {self._said(error.smtp_code, error.smtp_error)}."
            case smtplib.SMTPNotSupportedError():
                return (
                    f"{server} offers no sign-in; take user and password out of POINTSYNC_SMTP_URL, or change its port."
                )
        match inner:
            case TimeoutError():
                return f"{server} did not answer in time; is it overloaded, does a firewall swallow the call?"
            case ssl.SSLCertVerificationError():
                why = inner.verify_message.rstrip(".")
                return f"{server} has a certificate that is not valid: {why}. Type the name that it has, or renew it."
            case ssl.SSLError():
                return (
                    f"{server} speaks no TLS as it is called; see whether POINTSYNC_SMTP_URL needs smtp:// or smtps://."
                )
            case socket.gaierror():
                return f"There is no host {server.host}; correct POINTSYNC_SMTP_URL."
            case ConnectionRefusedError():
                return f"{server} is not there: nothing listens. Is it running, and is the port right?"
            case UnicodeError():
                return "The user and the password in POINTSYNC_SMTP_URL can hold plain letters, digits and signs only."
            case smtplib.SMTPServerDisconnected() | ConnectionError() | None:
                return f"{server} hung up; look at its log."
            case OSError():
                return f"{server} cannot be reached: {inner.strerror or inner}."
        return f"{server} cannot be used: {error}."

    def _said(self, code: int, said: bytes | str) -> str:
        text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
        if self._server.password:
            text = text.replace(self._server.password, "…")
        return clean(f"{code} {text}", MAX_SAID).rstrip(".")


class _Smtp(smtplib.SMTP):
    """The library's client with a time for connecting apart from that for reading, and a way to cut the line."""

    def __init__(self, server: Server, helo: str) -> None:
        super().__init__(local_hostname=helo, timeout=READ_SECONDS)
        self._host = server.host  # what a certificate must name, by STARTTLS, too
        self._tls = _context(server) if server.is_tls else None
        self._lifeline: socket.socket | None = None

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        line = _connected(host, port)
        self._lifeline = line.dup()  # stays ours to cut when TLS has taken the other over
        line.settimeout(timeout)
        return self._tls.wrap_socket(line, server_hostname=host) if self._tls else line

    def cut(self) -> None:
        """End the connection at once, from another thread."""
        if self._lifeline:
            with suppress(OSError):
                self._lifeline.shutdown(socket.SHUT_RDWR)

    def let_go(self) -> None:
        """Close all that is open."""
        self.close()
        if self._lifeline:
            self._lifeline.close()


def _connected(host: str, port: int) -> socket.socket:
    """A connection to the first address of the host that answers, of those that the guard lets be called.

    A mail server may well stand in the site's own network, whatever remotes may do: its URL is the owner's, not an
    admin's. Raises OSError, or ServerTrouble where the guard lets none be called.
    """
    addresses = [str(place[4][0]) for place in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    judged = {
        address: address_guard.refusal(address, allow_private=True, called="mail server", setting="POINTSYNC_SMTP_URL")
        for address in addresses
    }
    open_ones = [address for address, refusal in judged.items() if refusal is None]
    if not open_ones:
        raise ServerTrouble(str(judged[addresses[0]]))
    fault: OSError = TimeoutError()
    for address in open_ones:
        try:
            return socket.create_connection((address, port), CONNECT_SECONDS / len(open_ones))
        except OSError as error:
            fault = error
    raise fault


def _context(server: Server) -> ssl.SSLContext:
    """Certificates are verified; but not by STARTTLS on this very machine, whose server often has made its own."""
    context = ssl.create_default_context()
    if server.is_loopback and not server.is_tls:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context
