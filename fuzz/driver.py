"""Feed damaged files to every reader: ``python -m fuzz.driver --minutes 5 [HARNESS…]``.

Each harness runs in a process of its own, whose memory is limited and which is ended when one call takes too long. A
reader may return, or raise an ``HvdbenchError`` with a sentence. Any other exception, over 10 seconds of computing (or
30 of any kind, so that a busy machine is no fault), over 1 GB of new memory, and a process that dies are crashes: the
smallest input of each kind is written to ``fuzz/crashes/`` with its traceback. The same ``--seed`` makes the same
inputs.
"""

import argparse
import contextlib
import faulthandler
import hashlib
import importlib
import json
import logging
import multiprocessing
import os
import pkgutil
import resource
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import fuzz.readers
from fuzz.mutation import Mutator
from fuzz.target import Corpus, Target

CRASHES = Path(__file__).resolve().parent / "crashes"
LONGEST_S = 10.0
MOST_NEW_BYTES = 1 << 30
ADDRESS_SPACE_BYTES = 4 << 30
_KILOBYTE = 1024
_ROUND_S = 1.0


@dataclass
class Count:
    """What a harness has done: inputs, how many were read or refused, and the places of crashes."""

    inputs: int = 0
    read: int = 0
    refused: int = 0
    seconds: float = 0.0
    crashes: dict[str, int] = field(default_factory=dict)
    lines: str = ""


class CrashError(Exception):
    """A call that ended, but not as a reader may end."""


def main() -> None:
    """Run the harnesses for the minutes given, print a table, and exit with 1 after a crash."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("harness", nargs="*", help="Names of harnesses, or the beginnings of names; all by default.")
    parser.add_argument("--minutes", type=float, default=5.0, help="Time for all harnesses together (default: 5).")
    parser.add_argument("--seed", type=int, default=0, help="Seed of the damage (default: 0).")
    parser.add_argument("--coverage", action="store_true", help="Count the lines that were run; slower.")
    parser.add_argument("--list", action="store_true", help="List the harnesses.")
    given = parser.parse_args()
    chosen = [one for one in targets() if not given.harness or one.name.startswith(tuple(given.harness))]
    if given.list or not chosen:
        print("\n".join(one.name for one in chosen or targets()))
        sys.exit(0 if given.list else "no harness has such a name")
    counts = {}
    for target in chosen:
        seconds = given.minutes * 60 / len(chosen)
        counts[target.name] = found = run(target, seconds, given.seed, with_coverage=given.coverage)
        print(row(target.name, found), flush=True)
    print(f"{sum(one.inputs for one in counts.values())} inputs", end="; ")
    crashes = [f"{name}: {place}" for name, one in counts.items() for place in one.crashes]
    print(f"{len(crashes)} kinds of crashes")
    print("\n".join(crashes))
    sys.exit(1 if crashes else 0)


def targets() -> list[Target]:
    """List the harnesses of all modules in ``fuzz/readers``, in their order."""
    modules = sorted(one.name for one in pkgutil.iter_modules(fuzz.readers.__path__))
    return [target for name in modules for target in importlib.import_module(f"fuzz.readers.{name}").TARGETS]


def row(name: str, found: Count) -> str:
    """Return a line of the table."""
    rate = found.inputs / max(found.seconds, 1e-9)
    words = f"{name:28} {found.inputs:9} inputs ({rate:6.0f}/s)  read {found.read:9}  refused {found.refused:9}"
    return f"{words}  crashes {len(found.crashes)}{found.lines}"


def run(target: Target, seconds: float, seed: int, *, with_coverage: bool = False) -> Count:
    """Run a harness in processes, one after another dies, until the time is over."""
    total, end = Count(), time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        with tempfile.TemporaryDirectory(prefix="fuzz-") as scratch:
            folder = Path(scratch)
            process = multiprocessing.get_context("fork").Process(
                target=_work, args=(target, folder, left, seed + 1000 * len(total.crashes), with_coverage)
            )
            process.start()
            process.join()
            found = Count(**json.loads(_text(folder / "count.json") or "{}"))
            if process.exitcode and not (folder / "ready").is_file():
                print(f"{target.name} could not begin:\n{_text(folder / 'died.txt')}", flush=True)
                total.crashes["could not begin"] = 1
                return total
            if process.exitcode:
                death = _text(folder / "died.txt") or f"exit code {process.exitcode}"
                data = (folder / "input").read_bytes() if (folder / "input").is_file() else b""
                _keep(target.name, f"died: {_first_own(death)} ({process.exitcode})", data, death, found)
            _add(total, found)
    return total


def _add(total: Count, more: Count) -> None:
    total.inputs, total.read, total.refused = (
        total.inputs + more.inputs,
        total.read + more.read,
        total.refused + more.refused,
    )
    total.seconds += more.seconds
    total.lines = more.lines or total.lines
    for place, number in more.crashes.items():
        total.crashes[place] = total.crashes.get(place, 0) + number


def _work(target: Target, scratch: Path, seconds: float, seed: int, with_coverage: bool) -> None:
    """Run one harness in this process, and write what it counted every second."""
    with (scratch / "died.txt").open("w") as died:
        try:
            files = scratch / "files"
            files.mkdir()
            _quiet()
            watch = _coverage(target) if with_coverage else nullcontext(lambda: "")
            with watch as lines:
                corpus = target.prepare(files)
                _check_seeds(target, corpus, files)
                _limit()
                faulthandler.enable(died)
                (scratch / "ready").touch()
                _loop(target, corpus, scratch, seconds, seed, died, lines)
        except BaseException:
            traceback.print_exc(file=died)
            died.flush()
            os._exit(3)
    os._exit(0)  # without what libraries do at the end of a process


def _loop(
    target: Target, corpus: Corpus, scratch: Path, seconds: float, seed: int, died: Any, lines: Callable[[], str]
) -> None:
    mutator = Mutator(corpus.seeds, corpus.tokens, seed)
    path, count = scratch / "files" / corpus.file, Count()
    began, armed = time.monotonic(), 0.0
    while (now := time.monotonic()) - began < seconds:
        data = corpus.wrap(mutator.make())
        if now - armed > _ROUND_S:
            faulthandler.dump_traceback_later(3 * LONGEST_S + _ROUND_S, exit=True, file=died)
            count.seconds, count.lines = now - began, lines()
            (scratch / "count.json").write_text(json.dumps(count.__dict__))
            armed = now
        (scratch / "input").write_bytes(data)
        path.write_bytes(data)
        count.inputs += 1
        try:
            if _call(corpus.read, path):
                count.read += 1
            else:
                count.refused += 1
        except Exception as error:
            said = traceback.format_exc()
            _keep(target.name, f"{type(error).__name__} {_first_own(said)}", data, said, count)
    faulthandler.cancel_dump_traceback_later()
    count.seconds, count.lines = time.monotonic() - began, lines()
    (scratch / "count.json").write_text(json.dumps(count.__dict__))


def _call(read: Callable[[Path], object], path: Path) -> bool:
    """Return whether a reader read its file rather than refusing it; anything else is raised."""
    from hvdbench.errors import HvdbenchError

    began, before = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    is_read = True
    try:
        read(path)
    except HvdbenchError as error:
        is_read = False
        if not str(error).strip():
            raise CrashError("an error without a sentence") from error
    took, more = time.process_time() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    if took > LONGEST_S:
        raise CrashError(f"took {took:.1f} s")
    if more * _KILOBYTE > MOST_NEW_BYTES:
        raise CrashError(f"took {more // _KILOBYTE} MB of memory")
    return is_read


def _check_seeds(target: Target, corpus: Corpus, folder: Path) -> None:
    """Make sure that the valid inputs are read, for a harness whose seeds are refused tests nothing."""
    for data in corpus.seeds:
        (folder / corpus.file).write_bytes(corpus.wrap(data))
        corpus.read(folder / corpus.file)


def _keep(harness: str, place: str, data: bytes, said: str, count: Count) -> None:
    """Count a crash, and keep the smallest input of its kind."""
    count.crashes[place] = count.crashes.get(place, 0) + 1
    name = f"{harness}-{hashlib.sha256(place.encode()).hexdigest()[:8]}"
    CRASHES.mkdir(exist_ok=True)
    kept = CRASHES / f"{name}.bin"
    if not kept.is_file() or kept.stat().st_size > len(data):
        kept.write_bytes(data)
        (CRASHES / f"{name}.txt").write_text(f"{place}\n\n{said}", encoding="utf-8", errors="replace")


def _first_own(said: str) -> str:
    """Return the innermost line of hvdbench in a traceback; that of a dead process begins with the innermost."""
    lines = [line.strip() for line in said.splitlines() if "/hvdbench/" in line and "File " in line]
    line = (lines[0] if "most recent call first" in said else lines[-1]) if lines else "outside hvdbench"
    return line.partition("/hvdbench/")[2].replace('", line ', ":").partition(",")[0].partition(" in ")[0] or line


def _limit() -> None:
    """Limit the address space to 4 GB more than this process has."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + ADDRESS_SPACE_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def _quiet() -> None:
    """Silence what libraries say about damage."""
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    nothing = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(nothing, stream)


@contextlib.contextmanager
def _coverage(target: Target) -> Iterator[Callable[[], str]]:
    """Count the lines of the modules that a harness covers; yield a function that returns their share as words."""
    import coverage

    counted = coverage.Coverage(source=list(target.covers), data_file=None)
    counted.start()

    def share() -> str:
        with open(os.devnull, "w") as nothing:  # noqa: PTH123 - the device, not a file
            counted.stop()
            percent = counted.report(file=nothing) if target.covers else 0.0
            counted.start()
        return f"  lines {percent:.0f} %"

    yield share
    counted.stop()


def _text(path: Path) -> str:
    return path.read_text(errors="replace") if path.is_file() else ""


if __name__ == "__main__":
    main()
