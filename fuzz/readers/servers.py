"""The servers of labels and studies: a damaged request must be answered, by the client's fault at most."""

import contextlib
import json
import re
import socket
import threading
from pathlib import Path
from typing import Any

from fuzz.readers.datasets import noise
from fuzz.readers.labels import made_study
from fuzz.target import FEW, Corpus, Target, words
from hvdbench.annotate.local_server import LocalServer
from hvdbench.annotate.server import AnnotateServer
from hvdbench.annotate.session import AnnotateRequest, open_session
from hvdbench.annotate.study.server import StudyServer
from hvdbench.errors import InputError
from hvdbench.frames import write_clip

_TOKENS = words(
    "GET POST HEAD PUT Host: Content-Length: Content-Type: application/json Origin: Expect: 100-continue HTTP/0.9"
)
_LONGEST_WAIT_S = 10
_LENGTH = re.compile(rb"Content-Length: \d*")


class _FailedError(Exception):
    """A request that the server failed at, rather than refusing it."""


def _corpus(server: LocalServer, gets: tuple[str, ...], posts: dict[str, object]) -> Corpus:
    """Serve in a thread; a request's token and address are filled in after it was damaged."""
    failures: list[str] = []

    def note(request: Any, client: Any) -> None:
        import traceback

        failures.append(traceback.format_exc())

    server.handle_error = note  # type: ignore[method-assign]
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    head = "Host: HOST\r\nConnection: close\r\n"
    seeds = [f"GET /TOKEN/{name} HTTP/1.1\r\n{head}\r\n" for name in gets]
    for name, body in posts.items():
        text = json.dumps(body)
        about = f"Content-Type: application/json\r\nContent-Length: {len(text)}\r\n"
        seeds.append(f"POST /TOKEN/{name} HTTP/1.1\r\n{head}{about}\r\n{text}")
    host = f"127.0.0.1:{server.server_port}".encode()

    def wrap(data: bytes) -> bytes:
        """Fill in token and host, and the length of a body where it was damaged."""
        before, gap, body = data.replace(b"TOKEN", server.token.encode()).replace(b"HOST", host).partition(b"\r\n\r\n")
        if gap and len(body) % 4:  # in one of four cases, the stated length stays
            before = _LENGTH.sub(b"Content-Length: %d" % len(body), before)
        return before + gap + body

    def read(path: Path) -> object:
        with socket.create_connection(server.server_address[:2], timeout=_LONGEST_WAIT_S) as connection:  # type: ignore[arg-type]
            answer = b""
            try:
                connection.sendall(path.read_bytes())
                with contextlib.suppress(OSError):  # the server may have closed it by now
                    connection.shutdown(socket.SHUT_WR)
                while part := connection.recv(1 << 16):
                    answer += part
            except ConnectionError:
                pass  # the server need not read all of a refused request
        if failures:
            raise _FailedError(failures.pop())
        status = answer[9:12]
        if status.startswith(b"5"):
            raise _FailedError(answer[:200].decode(errors="replace"))
        if not status.startswith(b"2"):
            raise InputError(f"the server refused with {status!r}")
        return status

    return Corpus("request", [seed.encode() for seed in seeds], read, _TOKENS, wrap)


def _annotate(folder: Path) -> Corpus:
    write_clip(folder / "clips" / "a" / "blur", noise(3, 0))
    server = AnnotateServer(open_session(AnnotateRequest(folder / "clips", "anna")))
    answer = {"clip": 0, "frame": 1, "label": "sharp", "confidence": 2, "seconds": 1.5}
    gets = ("", "state", "labels.csv", "frame/0/1", "places/0", "place/0/1/10/10", "annotate.js")
    return _corpus(server, gets, {"answer": answer, "undo": {}})


def _study(folder: Path) -> Corpus:
    server = StudyServer(made_study(folder / "study"))
    gets = ("", "voter/anna/state", "voter/anna/pair/0", "voter/berta/state", "study.css")
    return _corpus(
        server, gets, {"voter/anna/vote": {"question": 0, "answer": "left", "seconds": 2.0}, "voter/anna/undo": {}}
    )


TARGETS = (
    Target("servers.annotate", _annotate, ("hvdbench.annotate",), FEW),
    Target("servers.study", _study, ("hvdbench.annotate.study",), FEW),
)
