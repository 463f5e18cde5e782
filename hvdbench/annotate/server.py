"""Serve the page with the standard library's server, bound to this machine only.

Whoever opens the page needs the token in its address, and the browser must ask for this machine's own name (a page
elsewhere cannot reach it by pointing a name of its own at 127.0.0.1). Only the page, the frames that it asks about and
the other frames of their clips are served; nothing in an address is ever taken for a path.
"""

import hmac
import json
import logging
import math
import re
import secrets
import sys
from collections.abc import Callable
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Lock
from typing import Any

import cv2
import numpy as np

from hvdbench.annotate.places import ClipFlow, Track, clip_flow
from hvdbench.annotate.session import Session
from hvdbench.errors import HvdbenchError, InputError
from hvdbench.frames import read_frame

ADDRESS = "127.0.0.1"
POST_BYTES = 2_000
_FOLDER = Path(__file__).resolve().parent
_PAGE = {
    "": ("annotate.html", "text/html; charset=utf-8"),
    "annotate.css": ("annotate.css", "text/css; charset=utf-8"),
    "annotate.js": ("annotate.js", "text/javascript; charset=utf-8"),
    "annotate.svg": ("annotate.svg", "image/svg+xml"),
}
_AS_IT_IS = {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".webp": "image/webp"}
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
_KEPT_CLIPS = 8  # whose flow is kept
_FRAME = re.compile(r"frame/(\d{1,7})/(\d{1,7})")
_PLACES = re.compile(r"places/(\d{1,7})")
_PLACE = re.compile(r"place/(\d{1,7})/(\d{1,7})/(\d{1,6})/(\d{1,6})")

logger = logging.getLogger(__name__)


class Follower:
    """Follows places through clips in the background, one clip at a time; the latest few are kept."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._pool = ThreadPoolExecutor(1, "follow")
        self._lock = Lock()
        self._stop = Event()
        self._work: dict[int, Future[tuple[ClipFlow, list[Track]]]] = {}
        self._done: dict[int, int] = {}

    def places(self, clip: int) -> dict[str, Any]:
        """Return a clip's places, or how far the work on them is; the work begins with the first request."""
        with self._lock:
            work = self._work.pop(clip, None) or self._pool.submit(self._follow, clip)
            self._work[clip] = work
            finished = [other for other in self._work if other != clip and self._work[other].done()]
            for other in finished[: max(0, len(self._work) - _KEPT_CLIPS)]:
                del self._work[other]
        if not work.done():
            return {"state": "working", "done": self._done.get(clip, 0), "total": len(self._session.clips[clip].files)}
        try:
            return {"state": "ready", "places": work.result()[1]}
        except (HvdbenchError, CancelledError) as error:
            return {"state": "failed", "error": str(error)}

    def follow(self, clip: int, frame: int, x: int, y: int) -> list[tuple[int, int] | None] | None:
        """Follow a point of a frame; None until the clip's flow is there."""
        with self._lock:
            work = self._work.get(clip)
        if work is None or not work.done() or work.exception() is not None:
            return None
        return work.result()[0].follow(frame, x, y)

    def stop(self) -> None:
        """Stop the work in progress."""
        self._stop.set()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _follow(self, clip: int) -> tuple[ClipFlow, list[Track]]:
        def tell(done: int) -> None:
            self._done[clip] = done
            if self._stop.is_set():
                raise CancelledError

        flow = clip_flow(self._session.clips[clip].files, progress=tell)
        return flow, flow.places()


class AnnotateServer(ThreadingHTTPServer):
    """Serves one session's page at :attr:`url`.

    Args:
        session: the frames to ask about, and the answers.
        port: 0 takes a free one.

    Raises:
        InputError: if the port is taken or not allowed.
    """

    daemon_threads = True
    allow_reuse_address = sys.platform != "win32"  # there it would let two servers share a port

    def __init__(self, session: Session, *, port: int = 0) -> None:
        self.session, self.follower, self.token = session, Follower(session), secrets.token_urlsafe(24)
        try:
            super().__init__((ADDRESS, port), _Handler)
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


class _Handler(BaseHTTPRequestHandler):
    """Answers one connection."""

    server: AnnotateServer
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "hvdbench", ""
    timeout = 60
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        """Serve the page, its state, a frame, places or the labels."""
        self._guarded(self._get)

    def do_POST(self) -> None:
        """Keep an answer, or take the last one back."""
        self._guarded(self._post)

    def log_message(self, format: str, *args: Any) -> None:
        """Keep requests out of the terminal, since their addresses contain the token."""

    def _guarded(self, serve: Callable[[str], None]) -> None:
        if self.headers.get("Host", "").lower() not in self.server.hosts:
            return self._refuse(HTTPStatus.FORBIDDEN, f"open the page as http://{ADDRESS}:{self.server.server_port}")
        token, _, name = self.path.partition("?")[0].lstrip("/").partition("/")
        if not hmac.compare_digest(token.encode("utf-8", "replace"), self.server.token.encode()):
            return self._refuse(
                HTTPStatus.NOT_FOUND, "this page does not exist: open the whole address that was printed"
            )
        try:
            return serve(name)
        except HvdbenchError as error:
            return self._refuse(HTTPStatus.CONFLICT, str(error))
        except (BrokenPipeError, ConnectionError):
            self.close_connection = True
        return None

    def _get(self, name: str) -> None:
        session, follower = self.server.session, self.server.follower
        if name in _PAGE:
            file, kind = _PAGE[name]
            self._send(HTTPStatus.OK, kind, (_FOLDER / file).read_bytes())
        elif name == "state":
            self._json(session.state())
        elif name == "labels.csv":
            disposition = {"Content-Disposition": f'attachment; filename="{session.annotator}.csv"'}
            self._send(HTTPStatus.OK, "text/csv; charset=utf-8", session.export().encode(), disposition)
        elif (found := _FRAME.fullmatch(name)) and self._has(*(numbers := [int(part) for part in found.groups()])):
            self._frame(session.clips[numbers[0]].files[numbers[1]])
        elif (found := _PLACES.fullmatch(name)) and self._has(int(found[1])):
            self._json(follower.places(int(found[1])))
        elif (found := _PLACE.fullmatch(name)) and self._has(int(found[1]), int(found[2])):
            clip, frame, x, y = (int(part) for part in found.groups())
            self._json({"track": follower.follow(clip, frame, x, y)})
        else:
            self._refuse(HTTPStatus.NOT_FOUND, "this page does not exist")

    def _post(self, name: str) -> None:
        if name not in ("answer", "undo"):
            return self._refuse(HTTPStatus.NOT_FOUND, "this page does not exist")
        origin = self.headers.get("Origin")
        if origin is not None and origin.removeprefix("http://").lower() not in self.server.hosts:
            return self._refuse(HTTPStatus.FORBIDDEN, "answers are accepted from this server's own page only")
        if self.headers.get_content_type() != "application/json":
            return self._refuse(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "an answer must be JSON")
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit()):
            return self._refuse(HTTPStatus.LENGTH_REQUIRED, "an answer must state its length")
        if len(length) > 9 or int(length) > POST_BYTES:
            return self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"an answer must have {POST_BYTES} bytes at most")
        body = self.rfile.read(int(length))
        try:
            if name == "answer":
                self._answer(json.loads(body))
            else:
                self.server.session.undo()
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            if isinstance(error, HvdbenchError):
                raise
            return self._refuse(
                HTTPStatus.BAD_REQUEST, "an answer must consist of clip, frame, label, confidence and seconds"
            )
        return self._json(self.server.session.state())

    def _answer(self, said: dict[str, Any]) -> None:
        clip, frame, label = said["clip"], said["frame"], said["label"]
        confidence, seconds = said["confidence"], float(said["seconds"])
        if not all(type(value) is int for value in (clip, frame, confidence)) or not isinstance(label, str):
            raise TypeError
        if not math.isfinite(seconds):
            raise ValueError
        self.server.session.answer(clip, frame, label, confidence=confidence, seconds=seconds)

    def _has(self, clip: int, frame: int = 0) -> bool:
        clips = self.server.session.clips
        return clip < len(clips) and frame < len(clips[clip].files)

    def _frame(self, path: Path) -> None:
        """Send a file unchanged; formats that browsers do not read are sent as PNG, losslessly."""
        kind = _AS_IT_IS.get(path.suffix.lower())
        if kind is None:
            kind = "image/png"
            data = cv2.imencode(".png", np.ascontiguousarray(read_frame(path)[..., ::-1]))[1].tobytes()
        else:
            try:
                data = path.read_bytes()
            except OSError as error:
                raise InputError(f"{path} cannot be read: {error.strerror}") from error
        self._send(HTTPStatus.OK, kind, data)

    def _json(self, value: Any) -> None:
        self._send(HTTPStatus.OK, "application/json", json.dumps(value).encode())

    def _refuse(self, status: HTTPStatus, sentence: str) -> None:
        self.close_connection = True  # what was sent may not have been read
        self._send(status, "application/json", json.dumps({"error": sentence}).encode(), {"Connection": "close"})

    def _send(self, status: HTTPStatus, kind: str, data: bytes, more: dict[str, str] | None = None) -> None:
        self.send_response(status)
        headers = {"Content-Type": kind, "Content-Length": str(len(data)), "Cache-Control": "no-store"}
        for name, value in (headers | _HEADERS | (more or {})).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)


def serve(session: Session, *, port: int = 0, ready: Callable[[str], None] = lambda url: None) -> None:
    """Serve the page until Ctrl-C; every answer is on disk before the page shows the next frame.

    Args:
        session: the frames to ask about, and the answers.
        port: 0 takes a free one.
        ready: function called with the page's address, including the token, once it can be opened.

    Raises:
        InputError: if the port is taken or not allowed.
    """
    with AnnotateServer(session, port=port) as server:
        try:
            ready(server.url)
            server.serve_forever(poll_interval=0.2)
        except KeyboardInterrupt:
            logger.info("stopped")
        finally:
            server.follower.stop()
