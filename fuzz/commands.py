"""The commands that write files, each over data so small that it takes seconds: what ``fuzz.kills`` kills.

``COMMANDS`` holds a line for every command of ``hvdbench --help`` that writes; ``NOT_TRIED`` says why one is missing.
"""

import os
import re
import shutil
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

_RECIPES = {
    "mini.toml": 'based_on = "demo@tiny"\nclips = ["coffee", "cup"]\nframes_per_clip = 6\n',
    "mini_train.toml": 'based_on = "demo_train@tiny"\nclips = ["chelsea", "rocket", "coffee"]\nframes_per_clip = 8\n',
    "release.toml": (
        'title = "Made release"\nsource = "https://example.org/made"\n[[patterns]]\n'
        'blurry = "{split}/{clip}/blur/*.png"\nsharp = "{split}/{clip}/sharp/*.png"\n'
    ),
    "small.toml": (
        'title = "Made board"\ndataset = "mini"\nprotocol = "hvdbench-1"\npapers = "none"\n'
        'truths = ["centroid", "mid"]\nnote = "Made."\nmethods = ["blurry", "warp_average"]\nseeds = [0]\n'
    ),
}
_PREPARING = (
    "synth --recipe mini.toml -o ds --engine local:1",
    "synth --recipe mini_train.toml -o dt --engine local:1",
    "label dt",
    "eval --method blurry --data ds --engine local:1",
    "eval --method warp_average --data ds --engine local:1",
    "leaderboard submit runs/blurry/mini --data ds -o result.json",
    "traj export handheld_simulated/00 --format tum -o walk.txt",
)
_TIMED = ("run.json", "costs.json", "train.json", "log.jsonl", "training.png", "state.json", "events.out.*")
"""Files that say how long something took, or how much memory: their bytes differ from run to run."""

_SAID = Path(tempfile.gettempdir()) / f"hvdbench-fuzz-{os.getpid()}.log"  # outside all folders, which may be full


@dataclass(frozen=True)
class Command:
    """A command that writes files.

    Attributes:
        words: what is typed, without ``hvdbench``.
        needs: what of the prepared folder it reads.
        timed: names of the files whose bytes no two runs have in common, since they state times.
        refuses: what the command says, with exit code 1, of a result that is there whole; empty where it takes it.
    """

    words: str
    needs: tuple[str, ...] = ("ds",)
    timed: tuple[str, ...] = _TIMED
    refuses: str = ""

    @property
    def name(self) -> str:
        """Return a name that can be a folder's, and that no other command has."""
        return re.sub(r"[^a-z0-9]+", "_", self.words.lower())


_RUNS = ("ds", "runs", "leaderboards")
COMMANDS = (
    Command("synth --recipe mini.toml -o ds --engine local:1", ("mini.toml",)),
    Command("ingest frames --fps 30 -o mine", ("frames",)),
    Command("pair frames truth -o pairs --clip a --split train", ("frames", "truth")),
    Command("dataset import ds --layout release.toml -o imported --copy", ("ds", "release.toml")),
    Command("dataset export ds --as bsd -o exported --copy", refuses="is not empty"),
    Command("dataset export ds --as kair-lmdb -o exported", refuses="is not empty"),
    Command("dataset describe ds -o report"),
    Command("label ds --csv labels.csv --plot plots"),
    Command("label map ds --hdf5 maps.h5"),
    Command("label check ds -o checked --board checked.csv"),
    Command("pack ds -o ds.h5 --engine local:1"),
    Command("train supervised_estrnn@tiny --data dt --steps 8 --engine local:1", ("dt",)),
    Command("eval --method warp_average --data ds --engine local:1"),
    Command("eval --method blurry --data ds --name again --engine local:1", _RUNS),
    Command("score runs/blurry/mini runs/warp_average/mini --data ds --board scored --engine local:1", _RUNS),
    Command("leaderboard fill small.toml --data ds --engine local:1", ("ds", "small.toml")),
    Command("leaderboard export mini --format html --data ds -o board.html", _RUNS),
    Command("leaderboard export mini --format csv -o board_out.csv", _RUNS),
    Command("leaderboard figure mini -o bars.png", _RUNS),
    Command("leaderboard submit runs/blurry/mini --data ds -o result.json", _RUNS),
    Command("leaderboard merge result.json --boards merged", ("result.json",)),
    Command("protocols diff runs/blurry/mini --data ds --protocol hvdbench-1 -o protocols.md", _RUNS),
    Command(
        "study make runs/blurry/mini runs/warp_average/mini --crops 3 --side 32 -o study",
        _RUNS,
        refuses="contains a study",
    ),
    Command(
        "deblur frames -o restored --method warp_average", ("frames",), (*_TIMED, "restored.json", "restored.html")
    ),
    Command(
        "traj import walk.txt --format tum --name walks --licence mine --source me --into paths",
        ("walk.txt",),
        refuses="already has a set 'walks'",
    ),
    Command("traj export handheld_simulated/00 --format monst3r -o path", (), refuses="is there already"),
    Command("traj estimate frames --fps 30 -o estimated", ("frames",), refuses="contains an estimate already"),
    Command("traj plot handheld_simulated/00 -o path.png", ()),
    Command("ois sweep --kind off --kind lens_shift --seconds 2 -o sweep --engine local:1", ()),
    Command("realism ds --against frames --fps 30 -o realism", ("ds", "frames")),
    Command("repair ds"),
)
NOT_TRIED = {
    "demo": "it is synth, label, eval and leaderboard export one after the other",
    "blur2vid": "it writes through the same function as deblur, and needs weights that take long to train",
    "heldout": "it needs a clip that takes a minute, and writes its tables last, each at once",
    "weights add": "it takes only published files, which are not in the repository",
    "annotate": "it is a page that a person answers on, whose every answer is one line",
    "study serve": "it is a page that a person votes on, whose every vote is one line",
    "dataset pair-cameras": "it needs two films that see the same",
}


def prepare(folder: Path) -> None:
    """Make in a folder what the commands read, unless it is there.

    Raises:
        SystemExit: if one of the commands that make it fails.
    """
    if (folder / "walk.txt").is_file():
        return
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in _RECIPES.items():
        (folder / name).write_text(text, encoding="utf-8")
    for words in _PREPARING:
        if wait_for(start(folder, words.split())) != 0:
            raise SystemExit(f"{words}: {last_said()}")
    for stream, name in (("blur", "frames"), ("sharp", "truth")):
        shutil.copytree(folder / "ds" / "test" / "coffee" / stream, folder / name)


def place_for(command: Command, prepared: Path, folder: Path) -> Path:
    """Make a folder anew that holds what one command needs, and return it."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name in command.needs:
        if (prepared / name).is_dir():
            shutil.copytree(prepared / name, folder / name)
        else:
            shutil.copyfile(prepared / name, folder / name)
    return folder


def start(folder: Path, words: Sequence[str], before: Callable[[], None] = lambda: None) -> int:
    """Start ``hvdbench`` with these words in a folder, as a fork of this process, and return its number.

    A fork has its packages loaded, so that a kill meets its work and not its beginning. What it says is kept in a file
    that :func:`last_said` reads. ``before`` is called in the fork, before the command.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child:
        return child
    code = 70
    try:
        os.chdir(folder)
        said = os.open(_SAID, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        os.dup2(said, 1)
        os.dup2(said, 2)
        sys.argv = ["hvdbench", *words]
        before()
        from hvdbench.cli.main import main

        main()
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 0 if ended.code is None else 1
    except BaseException:  # what the interpreter would print before it ended with 1
        traceback.print_exc()
        code = 70
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def wait_for(process: int) -> int:
    """Wait for the end of a process; return its exit code, or the negative number of the signal that ended it."""
    _, status = os.waitpid(process, 0)
    return os.waitstatus_to_exitcode(status)


def last_said() -> str:
    """Return what the last command said."""
    return _SAID.read_text(encoding="utf-8", errors="replace").strip()


def differences(command: Command, quiet: Path, loud: Path) -> Iterator[str]:
    """Yield a sentence for each file that is missing, differs, or lies there without need."""
    expected, found = (
        {path.relative_to(place) for path in place.rglob("*") if not path.name.startswith("events.out.")}
        for place in (quiet, loud)
    )
    yield from (f"{path} is missing" for path in sorted(expected - found))
    yield from (f"{path} was left" for path in sorted(found - expected))
    for path in sorted(expected & found):
        is_compared = (quiet / path).is_file() and not any(fnmatch(path.name, name) for name in command.timed)
        if is_compared and (quiet / path).read_bytes() != (loud / path).read_bytes():
            yield f"{path} differs"


def load() -> None:
    """Load the heavy packages once, so that the forks have them."""
    import matplotlib.pyplot  # noqa: F401
    import torch

    torch.set_num_threads(1)
