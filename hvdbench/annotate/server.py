"""Serve the page on which frames are labelled; :mod:`hvdbench.annotate.local_server` says who can reach it.

Only the page, the frames that it asks about and the other frames of their clips are served.
"""

import math
import re
from collections.abc import Callable
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from pathlib import Path
from threading import Event, Lock
from typing import Any

import cv2
import numpy as np

from hvdbench.annotate.local_server import CSS, HTML, JAVASCRIPT, SHARED, SVG, LocalHandler, LocalServer, whole_numbers
from hvdbench.annotate.places import ClipFlow, Track, clip_flow
from hvdbench.annotate.session import Session
from hvdbench.errors import HvdbenchError, InputError
from hvdbench.frames import read_frame

_AS_IT_IS = {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".webp": "image/webp"}
_KEPT_CLIPS = 8  # whose flow is kept
_FRAME = re.compile(r"frame/(\d{1,7})/(\d{1,7})")
_PLACES = re.compile(r"places/(\d{1,7})")
_PLACE = re.compile(r"place/(\d{1,7})/(\d{1,7})/(\d{1,6})/(\d{1,6})")


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


class AnnotateServer(LocalServer):
    """Serves one session's page at :attr:`url`.

    Args:
        session: the frames to ask about, and the answers.
        port: 0 takes a free one.

    Raises:
        InputError: if the port is taken or not allowed.
    """

    def __init__(self, session: Session, *, port: int = 0) -> None:
        self.session, self.follower = session, Follower(session)
        super().__init__(_Handler, port=port)


class _Handler(LocalHandler):
    """Answers one connection."""

    server: AnnotateServer
    files = {
        "": (SHARED / "annotate.html", HTML),
        "annotate.css": (SHARED / "annotate.css", CSS),
        "annotate.js": (SHARED / "annotate.js", JAVASCRIPT),
        "local.css": (SHARED / "local.css", CSS),
        "local.js": (SHARED / "local.js", JAVASCRIPT),
        "annotate.svg": (SHARED / "annotate.svg", SVG),
    }
    answer_fields = "clip, frame, label, confidence and seconds"

    def get(self, name: str) -> bool:
        """Serve the state, a frame, places or the labels."""
        session, follower = self.server.session, self.server.follower
        if name == "state":
            self.send_json(session.state())
        elif name == "labels.csv":
            disposition = {"Content-Disposition": f'attachment; filename="{session.annotator}.csv"'}
            self.send("text/csv; charset=utf-8", session.export().encode(), disposition)
        elif (found := _FRAME.fullmatch(name)) and self._has(*(numbers := [int(part) for part in found.groups()])):
            self._frame(session.clips[numbers[0]].files[numbers[1]])
        elif (found := _PLACES.fullmatch(name)) and self._has(int(found[1])):
            self.send_json(follower.places(int(found[1])))
        elif (found := _PLACE.fullmatch(name)) and self._has(int(found[1]), int(found[2])):
            clip, frame, x, y = (int(part) for part in found.groups())
            self.send_json({"track": follower.follow(clip, frame, x, y)})
        else:
            return False
        return True

    def posted(self, name: str) -> Callable[[Any], object] | None:
        """Return what keeps an answer, or takes the last one back."""
        return {"answer": self._answer, "undo": self._undo}.get(name)

    def _answer(self, said: dict[str, Any]) -> object:
        clip, frame, confidence = whole_numbers(said, "clip", "frame", "confidence")
        label, seconds = said["label"], float(said["seconds"])
        if not isinstance(label, str):
            raise TypeError
        if not math.isfinite(seconds):
            raise ValueError
        self.server.session.answer(clip, frame, label, confidence=confidence, seconds=seconds)
        return self.server.session.state()

    def _undo(self, said: object) -> object:
        self.server.session.undo()
        return self.server.session.state()

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
        self.send(kind, data)


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
            server.serve_until_stopped(ready)
        finally:
            server.follower.stop()
