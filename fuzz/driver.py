"""Feed damaged files to every reader: ``python -m fuzz.driver --minutes 5 [HARNESS…]``.

Each harness runs in a process of its own, whose memory is limited and which is ended when one call takes too long. A
reader may return, or raise an ``HvdbenchError`` with a sentence. Any other exception, over 10 seconds of computing (or
30 of any kind, so that a busy machine is no fault), over 1 GB of new memory, and a process that dies are crashes: the
smallest input of each kind is written to ``fuzz/found/`` with its traceback, and ``--again`` tries these inputs again.

The harnesses take turns: each does a twentieth of its goal, and then those come first that need the least computing to
reach theirs. What they did is added up over all runs in
``fuzz/found/counts.json``, and a run goes on where the last one ended: the same ``--seed`` and the same count make the
same inputs.
"""

import argparse
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
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import fuzz.readers
from fuzz.counts import Count, load, save, table
from fuzz.mutation import Mutator
from fuzz.target import Corpus, Target

FOUND = Path(__file__).resolve().parent / "found"
MEMORY = Path("/dev/shm")
LONGEST_S = 10.0
MOST_NEW_BYTES = 1 << 30
ADDRESS_SPACE_BYTES = 4 << 30
_KILOBYTE = 1024
_NOTED_BYTES = 64 << 20
_ROUND_S = 1.0
_TURN_S = 20.0


class CrashError(Exception):
    """A call that ended, but not as a reader may end."""


@dataclass(frozen=True)
class Turn:
    """What a process of a harness shall do: inputs until a time or a number is reached, or one input once more.

    Attributes:
        end: on the clock ``time.monotonic``, in seconds.
        seconds: of computing, so that a busy machine does not shorten what a harness does between two preparations.
        seed: of the damage.
        most_inputs: that are made.
        again: an input that is given to the reader instead.
        counted: what counts lines, where they are counted.
    """

    end: float
    seconds: float
    seed: str = ""
    most_inputs: int = sys.maxsize
    again: bytes | None = None
    counted: Any = None


def main() -> None:
    """Run the harnesses for the minutes given, print what each did, and exit with 1 after a crash."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("harness", nargs="*", help="Names of harnesses, or the beginnings of names; all by default.")
    parser.add_argument("--minutes", type=float, default=5.0, help="Time for all harnesses together (default: 5).")
    parser.add_argument("--seed", type=int, default=0, help="Seed of the damage (default: 0).")
    parser.add_argument("--found", type=Path, default=FOUND, help="Folder of counts and crashes.")
    parser.add_argument("--again", action="store_true", help="Try the kept inputs of crashes again instead.")
    parser.add_argument("--lines", type=int, metavar="INPUTS", help="Count the lines that some inputs run instead.")
    parser.add_argument("--table", action="store_true", help="Print the table of all runs instead.")
    parser.add_argument("--list", action="store_true", help="List the harnesses.")
    given = parser.parse_args()
    counted = _begin_counting() if given.lines else None
    chosen = [one for one in targets() if not given.harness or one.name.startswith(tuple(given.harness))]
    if given.list or not chosen:
        print("\n".join(one.name for one in chosen or targets()))
        sys.exit(0 if given.list else "no harness has such a name")
    counts = load(given.found)
    counts = {one.name: counts.get(one.name, Count()) for one in targets()} | counts
    if given.table:
        print(table(counts))
    elif given.again:
        sys.exit(1 if _try_again(chosen, counts, given.found) else 0)
    elif given.lines:
        for target in chosen:
            turn = Turn(time.monotonic() + 600.0, 60.0, f"lines {given.seed}", given.lines, counted=counted)
            sample = run(target, turn, given.found)
            counts[target.name].lines, counts[target.name].sample = sample.lines, sample.inputs
            save(given.found, counts)
            print(f"{target.name:36} {sample.inputs:6} inputs  lines {sample.lines} %", flush=True)
    else:
        sys.exit(1 if _take_turns(chosen, counts, given.minutes * 60, given.seed, given.found) else 0)


def targets() -> list[Target]:
    """List the harnesses of all modules in ``fuzz/readers``, in their order."""
    modules = sorted(one.name for one in pkgutil.iter_modules(fuzz.readers.__path__))
    return [target for name in modules for target in importlib.import_module(f"fuzz.readers.{name}").TARGETS]


def _take_turns(chosen: Sequence[Target], counts: dict[str, Count], seconds: float, seed: int, folder: Path) -> bool:
    """Run the harnesses in turns until the time is over; return whether anything crashed."""
    end, fresh = time.monotonic() + seconds, {one.name: Count() for one in chosen}
    turn_s = min(_TURN_S, seconds / len(chosen))
    while time.monotonic() < end:
        able = [one for one in chosen if "could not begin" not in fresh[one.name].crashes]
        if not able:
            break
        target = min(able, key=lambda one: _need(counts[one.name], one.goal))
        done = counts[target.name].inputs
        most = target.goal - done if 0 < done < target.goal else target.goal // 20
        found = run(target, Turn(end, turn_s if done else turn_s / 4, f"{seed} {done}", most), folder)
        counts[target.name].add(found)
        fresh[target.name].add(found)
        save(folder, counts)
        print(row(target.name, fresh[target.name]), flush=True)
    crashes = [f"{name}: {place}" for name, one in fresh.items() for place in one.crashes]
    print(f"{sum(one.inputs for one in fresh.values())} inputs; {len(crashes)} kinds of crashes")
    print("\n".join(crashes))
    return bool(crashes)


def _need(count: Count, goal: int) -> tuple[bool, float]:
    """Return what orders the harnesses: the seconds that one below its goal needs, or how far beyond it one is."""
    is_there = count.inputs >= goal
    return is_there, count.inputs / goal if is_there else (goal - count.inputs) * count.seconds / max(1, count.inputs)


def row(name: str, found: Count) -> str:
    """Return a line about a harness."""
    rate = found.inputs / max(found.seconds, 1e-9)
    words = f"{name:36} {found.inputs:8} inputs ({rate:6.0f}/s)  read {found.read:7}  refused {found.refused:7}"
    return f"{words}  slowest {found.slowest_s:5.2f} s  {found.peak_bytes >> 20:4} MB  crashes {len(found.crashes)}"


def _try_again(chosen: Sequence[Target], counts: dict[str, Count], folder: Path) -> bool:
    """Read each kept input once more, and note which still break their readers; return whether any does."""
    for target in chosen:
        counts[target.name].open = []
        for kept in sorted(folder.glob(f"{target.name}-????????.bin")):
            found = run(target, Turn(time.monotonic() + 60.0, 60.0, again=kept.read_bytes()), folder)
            counts[target.name].open += found.crashes
            print(f"{kept.name:50} {next(iter(found.crashes), 'ends as it may')}", flush=True)
    save(folder, counts)
    return any(counts[one.name].open for one in chosen)


def run(target: Target, turn: Turn, found_in: Path) -> Count:
    """Run a harness in a process, and return what it did; a process that dies leaves its last input as a crash."""
    place = MEMORY if MEMORY.is_dir() and os.access(MEMORY, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="fuzz-", dir=place) as scratch:
        folder = Path(scratch)
        process = multiprocessing.get_context("fork").Process(target=_work, args=(target, folder, turn, found_in))
        process.start()
        try:
            process.join()
        finally:
            process.kill()
        found = Count(**json.loads(_text(folder / "count.json") or "{}"))
        if process.exitcode and not (folder / "ready").is_file():
            print(f"{target.name} could not begin:\n{_text(folder / 'died.txt')}", flush=True)
            found.crashes["could not begin"] = 1
        elif process.exitcode:
            death = _text(folder / "died.txt") or f"exit code {process.exitcode}"
            last = Path(_text(folder / "ready"))
            data = last.read_bytes() if last.is_file() else b""
            _keep(found_in, target.name, f"died: {_first_own(death)} ({process.exitcode})", data, death, found)
    return found


def _work(target: Target, scratch: Path, turn: Turn, found_in: Path) -> None:
    """Run one harness in this process, and write what it counted every second."""
    with (scratch / "died.txt").open("w") as died:
        try:
            files = scratch / "files"
            files.mkdir()
            _quiet()
            corpus = target.prepare(files)
            if turn.again is None:
                _check_seeds(corpus, files)
            _limit()
            faulthandler.enable(died)
            (scratch / "ready").write_text(str(files / corpus.file))
            _loop(target, corpus, scratch, turn, died, found_in)
        except BaseException:
            traceback.print_exc(file=died)
            died.flush()
            os._exit(3)
    os._exit(0)  # without what libraries do at the end of a process


def _loop(target: Target, corpus: Corpus, scratch: Path, turn: Turn, died: Any, found_in: Path) -> None:
    mutator = Mutator(corpus.seeds, corpus.tokens, turn.seed, corpus.change)
    path, count = scratch / "files" / corpus.file, Count()
    computed, armed = time.process_time(), 0.0
    while (now := time.monotonic()) < turn.end and count.inputs < turn.most_inputs:
        if time.process_time() - computed > turn.seconds:
            break
        if now - armed > _ROUND_S:
            faulthandler.dump_traceback_later(3 * LONGEST_S + _ROUND_S, exit=True, file=died)
            count.seconds = time.process_time() - computed
            (scratch / "count.json").write_text(json.dumps(asdict(count)))
            armed = now
        data = corpus.wrap(mutator.make()) if turn.again is None else turn.again
        path.write_bytes(data)
        count.inputs += 1
        try:
            if _call(corpus.read, path, count):
                count.read += 1
            else:
                count.refused += 1
        except Exception as error:
            said = traceback.format_exc()
            _keep(found_in, target.name, f"{type(error).__name__} {_first_own(said)}", data, said, count)
        if turn.again is not None:
            break
    faulthandler.cancel_dump_traceback_later()
    count.seconds = time.process_time() - computed
    if turn.counted is not None:
        count.lines = _share(turn.counted, target)
    (scratch / "count.json").write_text(json.dumps(asdict(count)))


def _call(read: Callable[[Path], object], path: Path, count: Count) -> bool:
    """Return whether a reader read its file rather than refusing it; anything else is raised."""
    from hvdbench.errors import HvdbenchError

    began, before = time.process_time(), _peak_bytes()
    is_read = True
    try:
        read(path)
    except HvdbenchError as error:
        is_read = False
        if not str(error).strip():
            raise CrashError("an error without a sentence") from error
    took, more = time.process_time() - began, _peak_bytes() - before
    count.slowest_s, count.peak_bytes = max(count.slowest_s, took), max(count.peak_bytes, more)
    if more > _NOTED_BYTES:
        Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew (man 5 proc), so that the next is seen too
    if took > LONGEST_S:
        raise CrashError(f"took {took:.1f} s")
    if more > MOST_NEW_BYTES:
        raise CrashError(f"took {more >> 20} MB of memory")
    return is_read


def _peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _KILOBYTE


def _check_seeds(corpus: Corpus, folder: Path) -> None:
    """Make sure that the valid inputs are read, for a harness whose seeds are refused tests nothing."""
    for data in corpus.seeds:
        (folder / corpus.file).write_bytes(corpus.wrap(data))
        corpus.read(folder / corpus.file)


def _keep(folder: Path, harness: str, place: str, data: bytes, said: str, count: Count) -> None:
    """Count a crash, and keep the smallest input of its kind."""
    count.crashes[place] = count.crashes.get(place, 0) + 1
    name = f"{harness}-{hashlib.sha256(place.encode()).hexdigest()[:8]}"
    folder.mkdir(parents=True, exist_ok=True)
    kept = folder / f"{name}.bin"
    if not kept.is_file() or kept.stat().st_size > len(data):
        kept.write_bytes(data)
        (folder / f"{name}.txt").write_text(f"{place}\n\n{said}", encoding="utf-8", errors="replace")


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


def _begin_counting() -> Any:
    """Begin to count lines, before any reader is imported; the processes of the harnesses go on with these counts."""
    import coverage

    counted = coverage.Coverage(source=["hvdbench"], data_file=None)
    counted.start()
    return counted


def _share(counted: Any, target: Target) -> float:
    """Return which share of the lines of the modules that a harness covers have run, in per cent."""
    counted.stop()
    patterns = [f"*/{name.replace('.', '/')}{ending}" for name in target.covers for ending in (".py", "/*.py")]
    with open(os.devnull, "w") as nothing:  # noqa: PTH123 - the device, not a file
        return round(counted.report(file=nothing, include=patterns), 1)


def _text(path: Path) -> str:
    return path.read_text(errors="replace") if path.is_file() else ""


if __name__ == "__main__":
    main()
