"""Serve a page with the standard library's server, bound to this machine only.

Whoever opens the page needs the token in its address, and the browser must ask for this machine's own name (a page
elsewhere cannot reach it by pointing a name of its own at 127.0.0.1). Nothing in an address is ever taken for a path.
A page derives a handler from :class:`LocalHandler`, which answers only what its server knows by name.
"""

import hmac
import json
import logging
import secrets
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

from hvdbench.errors import HvdbenchError, InputError
from hvdbench.workspace.parsing import parse_json

ADDRESS = "127.0.0.1"
POST_BYTES = 2_000
SHARED = Path(__file__).resolve().parent
"""The folder of the style, the script and the icon that all pages share."""
HTML, CSS = "text/html; charset=utf-8", "text/css; charset=utf-8"
JAVASCRIPT, SVG = "text/javascript; charset=utf-8", "image/svg+xml"

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}

logger = logging.getLogger(__name__)


class LocalServer(ThreadingHTTPServer):
    """Serves one page at :attr:`url`.

    Args:
        handler: the class that answers requests.
        port: 0 takes a free one.

    Raises:
        InputError: if the port is taken or not allowed.
    """

    daemon_threads = True
    allow_reuse_address = sys.platform != "win32"  # there it would let two servers share a port

    def __init__(self, handler: "type[LocalHandler]", *, port: int = 0) -> None:
        self.token = secrets.token_urlsafe(24)
        try:
            super().__init__((ADDRESS, port), handler)
        except OSError as error:
            raise InputError(
                f"port {port} cannot be used ({error.strerror}): name another with --port, or leave it out"
            ) from error
        self.hosts = frozenset(f"{name}:{self.server_port}" for name in (ADDRESS, "localhost"))
        self.url = f"http://{ADDRESS}:{self.server_port}/{self.token}/"

    def server_bind(self) -> None:
        """Bind without the name look-up of the base class, which may wait for a name server."""
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = ADDRESS, int(self.server_address[1])

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore a broken connection, since the page asks again; report anything else in full."""
        error = sys.exception()
        if not isinstance(error, ConnectionError | TimeoutError):
            logger.error("a request failed", exc_info=error)

    def serve_until_stopped(self, ready: Callable[[str], None]) -> None:
        """Serve until Ctrl-C.

        Args:
            ready: function called with the page's address, including the token, once it can be opened.
        """
        try:
            ready(self.url)
            self.serve_forever(poll_interval=0.2)
        except KeyboardInterrupt:
            logger.info("stopped")


class LocalHandler(BaseHTTPRequestHandler, ABC):
    """Answers one connection; a derived class states its files and writes :meth:`get` and :meth:`post`.

    Attributes:
        files: the files of the page: name in the address → the file and its type.
        answer_fields: what a posted body consists of, for the sentence about one that does not.
    """

    server: LocalServer
    files: ClassVar[Mapping[str, tuple[Path, str]]] = {}
    answer_fields: ClassVar[str] = ""
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "hvdbench", ""
    timeout = 60
    disable_nagle_algorithm = True

    @abstractmethod
    def get(self, name: str) -> bool:
        """Answer a request for something other than the page's files; return False if there is no such thing."""

    @abstractmethod
    def posted(self, name: str) -> Callable[[Any], object] | None:
        """Return the function that takes what was posted, decoded from JSON, and returns the JSON answer.

        The function raises ValueError, TypeError or KeyError for a body of another kind. None stands for a name that
        nothing can be posted to.
        """

    def do_GET(self) -> None:
        """Serve the page, or what :meth:`get` knows."""
        self._guarded(self._get)

    def do_POST(self) -> None:
        """Take an answer."""
        self._guarded(self._post)

    def log_message(self, format: str, *args: Any) -> None:
        """Keep requests out of the terminal, since their addresses contain the token."""

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer what the base class refuses, such as an unknown method, in a sentence and as the client's fault."""
        status = {HTTPStatus.NOT_IMPLEMENTED: HTTPStatus.METHOD_NOT_ALLOWED}.get(HTTPStatus(code), HTTPStatus(code))
        self.refuse(status if status < 500 else HTTPStatus.BAD_REQUEST, "this request is not one of the page's own")

    def _guarded(self, serve: Callable[[str], None]) -> None:
        if self.headers.get("Host", "").lower() not in self.server.hosts:
            return self.refuse(HTTPStatus.FORBIDDEN, f"open the page as http://{ADDRESS}:{self.server.server_port}")
        token, _, name = self.path.partition("?")[0].lstrip("/").partition("/")
        if not hmac.compare_digest(token.encode("utf-8", "replace"), self.server.token.encode()):
            return self.refuse(
                HTTPStatus.NOT_FOUND, "this page does not exist: open the whole address that was printed"
            )
        try:
            return serve(name)
        except HvdbenchError as error:
            return self.refuse(HTTPStatus.CONFLICT, self.told(error))
        except (BrokenPipeError, ConnectionError):
            self.close_connection = True
        return None

    def told(self, error: HvdbenchError) -> str:
        """Return the sentence that the page shows for an error."""
        return str(error)

    def _get(self, name: str) -> None:
        if name in self.files:
            file, kind = self.files[name]
            self.send(kind, file.read_bytes())
        elif not self.get(name):
            self.refuse(HTTPStatus.NOT_FOUND, "this page does not exist")

    def _post(self, name: str) -> None:
        take = self.posted(name)
        if take is None:
            return self.refuse(HTTPStatus.NOT_FOUND, "this page does not exist")
        origin = self.headers.get("Origin")
        if origin is not None and origin.removeprefix("http://").lower() not in self.server.hosts:
            return self.refuse(HTTPStatus.FORBIDDEN, "answers are accepted from this server's own page only")
        if self.headers.get_content_type() != "application/json":
            return self.refuse(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "an answer must be JSON")
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit()):
            return self.refuse(HTTPStatus.LENGTH_REQUIRED, "an answer must state its length")
        if len(length) > 9 or int(length) > POST_BYTES:
            return self.refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"an answer must have {POST_BYTES} bytes at most")
        body = self.rfile.read(int(length))
        try:
            found = take(parse_json(body))
        except (ValueError, TypeError, KeyError) as error:
            if isinstance(error, HvdbenchError):
                raise
            return self.refuse(HTTPStatus.BAD_REQUEST, f"an answer must consist of {self.answer_fields}")
        return self.send_json(found)

    def send_json(self, value: Any) -> None:
        """Send a value as JSON."""
        self.send("application/json", json.dumps(value).encode())

    def refuse(self, status: HTTPStatus, sentence: str) -> None:
        """Refuse a request with a sentence, and close the connection, since what was sent may not have been read."""
        self.close_connection = True
        self.send("application/json", json.dumps({"error": sentence}).encode(), {"Connection": "close"}, status)

    def send(
        self, kind: str, data: bytes, more: Mapping[str, str] | None = None, status: HTTPStatus = HTTPStatus.OK
    ) -> None:
        """Send data of a kind, with further headers."""
        self.send_response(status)
        headers = {"Content-Type": kind, "Content-Length": str(len(data)), "Cache-Control": "no-store"}
        for name, value in (headers | _HEADERS | dict(more or {})).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)


def whole_numbers(said: Mapping[str, Any], *names: str) -> list[int]:
    """Return whole numbers of a posted body by their names.

    Raises:
        KeyError, TypeError: if one is missing, or is something else.
    """
    found = [said[name] for name in names]
    if not all(type(value) is int for value in found):
        raise TypeError
    return found
