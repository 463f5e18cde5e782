"""Kill a command's processes at random until it is done: ``python -m fuzz.chaos FOLDER --kills 20 --engine dask:2``.

A dataset is made and scored twice: quietly with ``--engine local:1``, and with the engine that is asked for, while
processes of the command (workers, what watches over them, or the command itself) are killed by SIGKILL. A command that
was killed is typed again. At the end every frame, track, manifest and score of the two must have the same bytes, and
nothing else may lie beside them.
"""

import argparse
import filecmp
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import psutil

_COMPARED = (".png", ".h5", ".csv", "dataset.json")
_TRIES = 100


def main() -> None:
    """Run the two commands twice, and exit with 1 where they differ."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--recipe", default="demo@tiny")
    parser.add_argument("--root", default=None)
    parser.add_argument("--method", default="warp_average")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--engine", default="dask:2")
    parser.add_argument("--longest-wait", type=float, default=6.0, help="Longest pause between two kills, in seconds.")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    drawn = random.Random(given.seed)
    quiet, loud = (given.folder / name for name in ("quiet", "loud"))
    root = ["--root", given.root] if given.root else []
    synth = ["synth", "--recipe", given.recipe, *root, "-o", "data"]
    score = ["eval", "--method", given.method, "--data", "data", "--board", "chaos"]
    killed: Counter[str] = Counter()
    for place, engine, allowed in ((quiet, "local:1", 0), (loud, given.engine, given.kills)):
        place.mkdir(parents=True, exist_ok=True)
        killed += run(synth, engine, place, allowed // 2, drawn, given.longest_wait)
        killed += run(score, engine, place, allowed - killed.total(), drawn, given.longest_wait)
    faults = list(differences(quiet, loud))
    said = ", ".join(f"{number} of kind {kind}" for kind, number in sorted(killed.items()))
    print(f"{killed.total()} processes killed ({said}); {len(list(files(quiet)))} files compared; {len(faults)} faults")
    print("\n".join(faults))
    sys.exit(1 if faults else 0)


def run(words: list[str], engine: str, place: Path, kills: int, drawn: random.Random, wait_s: float) -> "Counter[str]":
    """Type a command until it ends with 0, and kill some of its processes meanwhile; return how many of which kind."""
    killed: Counter[str] = Counter()
    for _ in range(_TRIES):
        command = [str(Path(sys.executable).with_name("hvdbench")), *words, "--engine", engine]
        before = killed.total()
        with subprocess.Popen(command, cwd=place, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
            while process.poll() is None:
                if killed.total() >= kills:
                    break
                time.sleep(drawn.uniform(0.2, wait_s))
                killed.update(kill_one(process.pid, drawn))
            _, said = process.communicate()
        if process.returncode == 0:
            return killed
        last = said.decode(errors="replace").splitlines()[-1:]
        print(f"{words[0]} ended with {process.returncode}: {last}", flush=True)
        if killed.total() == before:
            raise SystemExit(f"{words[0]} failed, and nothing had been killed")
    raise SystemExit(f"{words[0]} did not come to its end in {_TRIES} tries")


def kill_one(command: int, drawn: random.Random) -> list[str]:
    """Kill a process of a command that has workers, each as likely as another; return its kind, or nothing."""
    try:
        parent = psutil.Process(command)
        alive = [one for one in [*parent.children(recursive=True), parent] if one.status() != psutil.STATUS_ZOMBIE]
        kinds = {one: _kind(one, command) for one in alive}
        if "worker" not in kinds.values() or parent not in kinds:  # it has not begun, or it has ended
            return []
        chosen = drawn.choice(alive)
        chosen.kill()
    except psutil.NoSuchProcess:
        return []
    return [kinds[chosen]]


def _kind(process: psutil.Process, command: int) -> str:
    if process.pid == command:
        return "command"
    return "watcher" if "resource_tracker" in " ".join(process.cmdline()) else "worker"


def files(place: Path) -> Iterator[Path]:
    """Yield what two runs must have in common, relative to their folders."""
    for path in sorted(place.rglob("*")):
        if path.is_file() and path.name.endswith(_COMPARED) and not path.name.startswith("costs"):
            yield path.relative_to(place)


def differences(quiet: Path, loud: Path) -> Iterator[str]:
    """Yield a sentence for each file that is missing, differs, or lies there without need."""
    for path in files(quiet):
        if not (loud / path).is_file():
            yield f"{path} is missing"
        elif not filecmp.cmp(quiet / path, loud / path, shallow=False):
            yield f"{path} differs"
    expected = {path.relative_to(quiet) for path in quiet.rglob("*")}
    for path in sorted(loud.rglob("*")):
        if path.relative_to(loud) not in expected and not path.name.endswith(".lock"):
            yield f"{path.relative_to(loud)} was left"


if __name__ == "__main__":
    main()
