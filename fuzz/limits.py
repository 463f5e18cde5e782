"""Run every writing command with too little room: ``unshare -rm python -m fuzz.limits FOLDER``.

Each command of ``fuzz/commands.py`` runs once undisturbed, and then in each of these ways, in a folder of its own:

* ``full``: on a file system in memory that is filled but for a share of what the command writes;
* ``large``: with a bound on the size of a file (RLIMIT_FSIZE) below that of the largest one that it writes;
* ``readonly``: in a folder that is mounted to be read only;
* ``term`` and ``hup``: with that signal, at an instant drawn between its first change of a file and its end.

It must end with 1 and a sentence that names a path (with 128 + N and the sentence of a stop, after a signal), leave no
temporary file, and, typed again where there is room, end in the same files as the undisturbed run. Mounting needs root,
or ``unshare -rm``, which makes the mounts vanish with the command.
"""

import argparse
import errno
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from fuzz.commands import COMMANDS, Command, differences, last_said, load, place_for, prepare, start, wait_for
from fuzz.kills import Quiet, quiet_run

MODES = ("full", "large", "readonly", "term", "hup")
_SHARES = (0.1, 0.5, 0.9)
_KEPT = ".partial-parts-"  # the finished parts of a pack, which it goes on from
_SIZE_BYTES = 20_000_000
_WORDS = tuple(os.strerror(number) for number in (errno.ENOSPC, errno.EFBIG, errno.EROFS, errno.EIO))  # EIO: LMDB


def main() -> None:
    """Try all commands in all ways, and exit with 1 where one left a fault."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--modes", default=",".join(MODES))
    parser.add_argument("--only", default="", help="commands whose words contain this; several, parted by commas")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    load()
    folder = given.folder.resolve()
    prepare(folder / "prepared")
    drawn = random.Random(given.seed)
    tried = faulty = 0
    for command in [one for one in COMMANDS if any(word in one.words for word in given.only.split(","))]:
        quiet = quiet_run(command, folder)
        for mode in given.modes.split(","):
            for faults in _tries(mode, command, quiet, folder, drawn):
                tried += 1
                faulty += bool(faults)
                for fault in faults:
                    print(f"{command.words}: {mode}: {fault}", flush=True)
    print(f"{tried} tries; {faulty} of them left a fault")
    sys.exit(1 if faulty else 0)


def _tries(mode: str, command: Command, quiet: Quiet, folder: Path, drawn: random.Random) -> Iterator[list[str]]:
    if mode == "full":
        written = _size(quiet.folder) - _size(place_for(command, folder / "prepared", folder / "loud" / command.name))
        for share in _SHARES:
            yield on_full_disk(command, quiet, folder, int(share * written))
    elif mode == "large":
        before = {path.relative_to(folder / "prepared") for path in (folder / "prepared").rglob("*")}
        made = [
            path for path in quiet.folder.rglob("*") if path.is_file() and path.relative_to(quiet.folder) not in before
        ]
        largest = max((path.stat().st_size for path in made), default=0)
        if largest > 2:
            yield with_small_files(command, quiet, folder, largest // 2)
    elif mode == "readonly":
        yield read_only(command, quiet, folder)
    else:
        number = {"term": signal.SIGTERM, "hup": signal.SIGHUP}[mode]
        yield with_signal(command, quiet, folder, number, drawn.uniform(0.9 * quiet.first_s, quiet.end_s))


def on_full_disk(command: Command, quiet: Quiet, folder: Path, free_bytes: int) -> list[str]:
    """Run a command on a small file system with this much room, and again after more room was made."""
    mounted = folder / "small"
    mounted.mkdir(exist_ok=True)
    _mount("-t", "tmpfs", "-o", f"size={_SIZE_BYTES}", "tmpfs", str(mounted))
    try:
        place = place_for(command, folder / "prepared", mounted / command.name)
        ballast = mounted / "ballast"
        _fill(ballast, free_bytes)
        code = wait_for(start(place, command.words.split()))
        said = last_said()
        left = _unfinished(place)
        if code == 0 and shutil.disk_usage(mounted).free:
            return []  # it wrote less than it did before, such as a pack of another compression
        ballast.unlink()
        return [*_sentence_faults(code, said, place), *left, *_again(command, quiet, place)]
    finally:
        _unmount(mounted)


def with_small_files(command: Command, quiet: Quiet, folder: Path, most_bytes: int) -> list[str]:
    """Run a command that may write no file above a size, and again without that bound."""
    place = place_for(command, folder / "prepared", folder / "loud" / command.name)

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # as Python sets it at its start
        resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, most_bytes))

    code = wait_for(start(place, command.words.split(), limit))
    said = last_said()
    return [*_sentence_faults(code, said, place), *_unfinished(place), *_again(command, quiet, place)]


def read_only(command: Command, quiet: Quiet, folder: Path) -> list[str]:
    """Run a command in a folder that cannot be written to, and again where it can."""
    place = place_for(command, folder / "prepared", folder / "loud" / command.name)
    before = {path.relative_to(place) for path in place.rglob("*")}
    _mount("--bind", str(place), str(place))
    try:
        _mount("-o", "remount,ro,bind", str(place))
        code = wait_for(start(place, command.words.split()))
        said = last_said()
    finally:
        _unmount(place)
    changed = {path.relative_to(place) for path in place.rglob("*")} ^ before
    faults = [f"{path} was changed" for path in sorted(changed)]
    return [*_sentence_faults(code, said, place), *faults, *_again(command, quiet, place)]


def with_signal(command: Command, quiet: Quiet, folder: Path, number: signal.Signals, at_s: float) -> list[str]:
    """Send a signal to a command at an instant, and type it again."""
    place = place_for(command, folder / "prepared", folder / "loud" / command.name)
    process = start(place, command.words.split())
    time.sleep(at_s)
    os.kill(process, number)
    code = wait_for(process)
    said = last_said()
    faults = [f"after {at_s:.2f} s: {fault}" for fault in _unfinished(place)]
    if code not in (0, 128 + number) or (code and "Stopped." not in said) or "Traceback" in said:
        faults.append(f"after {at_s:.2f} s: it ended with {code}: {said[-400:]}")
    return [*faults, *_again(command, quiet, place)]


def _sentence_faults(code: int, said: str, place: Path) -> list[str]:
    """Check the end of a command that had no room."""
    last = said.splitlines()[-1] if said else ""
    is_sentence = last.startswith("Error: ") and any(word in last for word in _WORDS) and "Traceback" not in said
    names_path = last.count(": ") >= 2  # "Error: <path>: <what the system says>"
    return [] if code == 1 and is_sentence and names_path else [f"it ended with {code}: {said[-600:]}"]


def _unfinished(place: Path) -> list[str]:
    return [
        f"{path.relative_to(place)} was left"
        for path in sorted(place.rglob(".*"))
        if path.name.startswith((".partial-", ".replaced-")) or path.name.endswith(".lock")
        if not path.name.startswith(_KEPT)
    ]


def _again(command: Command, quiet: Quiet, place: Path) -> list[str]:
    code = wait_for(start(place, command.words.split()))
    said = last_said()
    if code != 0 and not (code == 1 and command.refuses and command.refuses in said):
        return [f"typed again it ended with {code}: {said[-500:]}"]
    return list(differences(command, quiet.folder, place))


def _fill(ballast: Path, free_bytes: int) -> None:
    with ballast.open("wb") as file:
        room = max(0, shutil.disk_usage(ballast.parent).free - free_bytes)
        os.posix_fallocate(file.fileno(), 0, max(1, room))


def _size(folder: Path) -> int:
    block = 4096
    return sum(-(-path.stat().st_size // block) * block for path in folder.rglob("*") if path.is_file())


def _mount(*words: str) -> None:
    subprocess.run(["mount", *words], check=True)


def _unmount(folder: Path) -> None:
    subprocess.run(["umount", str(folder)], check=True)


if __name__ == "__main__":
    main()
