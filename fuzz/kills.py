"""Kill every writing command at random instants: ``python -m fuzz.kills FOLDER --kills 100``.

Each command of ``fuzz/commands.py`` runs once undisturbed. Then, in a folder of its own, it is killed by SIGKILL at an
instant drawn between its first change of a file and its end, and typed again. The two folders must then hold the same
files with the same bytes, but for those that state times, and nothing else: no temporary file, no lock. A command that
refuses to go on where it was killed, or ends in a traceback, is a fault too.
"""

import argparse
import os
import random
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from fuzz.commands import COMMANDS, Command, differences, last_said, load, place_for, prepare, start, wait_for

_LOOK_S = 0.002


@dataclass(frozen=True)
class Quiet:
    """An undisturbed run: its folder, and the seconds until its first change of a file and until its end."""

    folder: Path
    first_s: float
    end_s: float


def main() -> None:
    """Kill the commands in turn, and exit with 1 where something was lost, torn or left."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--only", default="", help="commands whose name contains this")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    drawn = random.Random(given.seed)
    load()
    folder = given.folder.resolve()
    prepare(folder / "prepared")
    commands = [command for command in COMMANDS if given.only in command.words]
    quiet: dict[str, Quiet] = {}
    killed = tried = faulty = 0
    while killed < given.kills:
        command = commands[tried % len(commands)]
        tried += 1
        if tried > 3 * given.kills + len(commands):
            raise SystemExit("the commands end before they can be killed")
        if command.words not in quiet:
            quiet[command.words] = quiet_run(command, folder)
        was_killed, faults = kill_once(command, quiet[command.words], folder, drawn)
        killed += was_killed
        faulty += bool(faults)
        for fault in faults:
            print(f"{command.words}: {fault}", flush=True)
    print(f"{killed} kills of {len(quiet)} commands; {faulty} of them left a fault")
    sys.exit(1 if faulty else 0)


def kill_once(command: Command, quiet: Quiet, folder: Path, drawn: random.Random) -> tuple[bool, list[str]]:
    """Kill a command and type it again; return whether it was killed before its end, and the faults that are left."""
    place = place_for(command, folder / "prepared", folder / "loud" / command.name)
    process = start(place, command.words.split())
    at_s = drawn.uniform(0.9 * quiet.first_s, quiet.end_s)
    time.sleep(at_s)
    killed = _kill(process)
    if killed:
        code = wait_for(start(place, command.words.split()))
        is_whole = code == 1 and command.refuses and command.refuses in last_said()
        if code != 0 and not is_whole:
            return True, [f"killed after {at_s:.2f} s, it then ended with {code}: {last_said()[-500:]}"]
    return killed, [f"killed after {at_s:.2f} s: {fault}" for fault in differences(command, quiet.folder, place)]


def _kill(process: int) -> bool:
    os.kill(process, signal.SIGKILL)
    return wait_for(process) == -signal.SIGKILL


def quiet_run(command: Command, folder: Path) -> Quiet:
    """Run a command undisturbed, and note when it first changed a file and when it ended.

    Raises:
        SystemExit: if it fails.
    """
    place = place_for(command, folder / "prepared", folder / "quiet" / command.name)
    before = _state(place)
    started = time.monotonic()
    process = start(place, command.words.split())
    first_s = 0.0
    while os.waitid(os.P_PID, process, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        time.sleep(_LOOK_S)
        if not first_s and _state(place) != before:
            first_s = time.monotonic() - started
    code = wait_for(process)
    end_s = time.monotonic() - started
    if code != 0:
        raise SystemExit(f"{command.words} ended with {code}, undisturbed: {last_said()}")
    return Quiet(place, first_s, end_s)


def _state(folder: Path) -> tuple[tuple[str, int], ...]:
    with os.scandir(folder) as entries:
        return tuple(sorted((entry.name, entry.inode()) for entry in entries))


if __name__ == "__main__":
    main()
