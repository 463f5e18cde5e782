"""Runs, result files and boards: their notes as JSON, and their tables as CSV."""

import hashlib
import json
import zlib
from pathlib import Path

import numpy as np

from fuzz.readers.datasets import made_dataset
from fuzz.target import Corpus, Target, words
from hvdbench.boards.entering import ENTRY_FILE, Entry, read_entry, remember
from hvdbench.boards.facts import facts_path
from hvdbench.boards.files import read_board, write_board
from hvdbench.boards.rows import COLUMNS, Stamp, run_rows
from hvdbench.boards.submission import read_submission, submit
from hvdbench.frames import write_clip
from hvdbench.labels.stored import read_labels
from hvdbench.metrics.metric import facts_as_data
from hvdbench.metrics.opening import listed_facts
from hvdbench.recipe import digest_of
from hvdbench.scoring.costs import read_costs, write_counts
from hvdbench.scoring.run_clip import RunClip
from hvdbench.scoring.run_scores import read_scores, score_clip
from hvdbench.scoring.run_tables import Asked, RunScores
from hvdbench.scoring.stored_scores import keep, read_kept

_COLUMNS = tuple(name.encode() for name in COLUMNS) + words(
    "mid centroid none measured published selected all MEAN mean psnr"
)
_WRITTEN = 16
"""Of so many boards that are read, one is written again, which takes twenty times as long."""
_RUN = "runs/m/small/test/one"


def _made(folder: Path) -> tuple[RunClip, Stamp, RunScores]:
    """Make a dataset and a scored run of it in a folder."""
    dataset = made_dataset(folder / "small")
    clip = dataset.clips()[0]
    run = folder / _RUN
    write_clip(run, np.roll(clip.blurry(), 1, axis=2))
    digest = digest_of(["m"])
    (run / "run.json").write_text(
        json.dumps({"run_digest": digest, "method": "m", "facts": {"frames_per_s": 2.0}, "seed": 0})
    )
    place = RunClip(run, clip)
    labels = read_labels(clip, "paper")
    assert labels is not None
    scores = RunScores(score_clip(place, labels).assign(method="m", split="test", clip="one"))
    stamp = Stamp("trial", "small", "simulated", 0, "x", dataset.digest, digest_of({"test/one": digest}), "hvdbench=1")
    write_board(folder / "trial.csv", run_rows(scores, stamp))
    return place, stamp, scores


def _board(folder: Path) -> Corpus:
    _made(folder)

    def read(path: Path) -> object:
        board = read_board(str(path))
        if zlib.crc32(path.read_bytes()) % _WRITTEN == 0:
            write_board(path.with_name("again.csv"), board)
        return board

    return Corpus("trial.csv", [(folder / "trial.csv").read_bytes()], read, _COLUMNS)


def _facts(folder: Path) -> Corpus:
    _made(folder)
    data = json.dumps([facts_as_data(one) for one in listed_facts()[:2]]).encode()
    name = facts_path(folder / "trial.csv").name
    return Corpus(
        name, [data], lambda path: read_board(str(path.with_name("trial.csv"))), words("higher lower frame pair run")
    )


def _submission(folder: Path) -> Corpus:
    _made(folder)
    submit(folder / "runs/m/small", folder / "small", folder / "trial.csv", folder / "m.json")
    body = json.loads((folder / "m.json").read_text())
    body.pop("digest")
    return Corpus("m.json", [json.dumps(body).encode()], read_submission, _COLUMNS, _signed)


def _signed(data: bytes) -> bytes:
    """Write the digest that the content has, as whoever changes a result file on purpose would."""
    try:
        body = json.loads(data)
        canonical = json.dumps(body, sort_keys=True, separators=(",", ":"))
        return json.dumps(body | {"digest": hashlib.sha256(canonical.encode()).hexdigest()}).encode()
    except (ValueError, TypeError, RecursionError, AttributeError):
        return data


def _entry(folder: Path) -> Corpus:
    _, stamp, _ = _made(folder)
    remember(folder, Entry("m", stamp, Asked(("psnr",), False, ())))
    return Corpus(ENTRY_FILE, [(folder / ENTRY_FILE).read_bytes()], lambda path: read_entry(path.parent), _COLUMNS)


def _run(folder: Path) -> Corpus:
    place, _, _ = _made(folder)
    file = f"{_RUN}/run.json"

    def read(path: Path) -> object:
        fresh = RunClip(path.parent, place.clip)
        found = (fresh.manifest, fresh.was_changed, read_costs(fresh))
        fresh.check_frames()
        return found

    return Corpus(
        file, [(folder / file).read_bytes()], read, words("run_digest clip_digest method facts frames_sha256 absent")
    )


def _costs(folder: Path) -> Corpus:
    place, _, _ = _made(folder)
    write_counts(place.folder, place.manifest["run_digest"], 10, 1e6, "x")
    file = f"{_RUN}/costs.json"
    seed = (folder / file).read_bytes()
    return Corpus(
        file, [seed], lambda path: read_costs(RunClip(path.parent, place.clip)), words("params macs note run_digest")
    )


def _kept(folder: Path) -> Corpus:
    place, _, _ = _made(folder)
    keep(
        place,
        "x",
        ["x_none"],
        lambda first: iter({"x_none": float(n)} for n in range(first, 3)),
        identity="i",
        versions="v",
    )
    file = f"{_RUN}/frame_scores.x.csv"
    return Corpus(
        file, [(folder / file).read_bytes()], lambda path: read_kept(place, "x"), words("frame x_none key identity")
    )


def _scores(folder: Path) -> Corpus:
    place, _, _ = _made(folder)
    labels = read_labels(place.clip, "paper")
    assert labels is not None
    file = f"{_RUN}/frame_scores.csv"
    return Corpus(
        file, [(folder / file).read_bytes()], lambda path: read_scores(place, labels), words("True False frame key")
    )


TARGETS = (
    Target("scores.board", _board, ("hvdbench.boards.files", "hvdbench.boards.rows")),
    Target("scores.facts", _facts, ("hvdbench.boards.facts",)),
    Target("scores.submission", _submission, ("hvdbench.boards.submission",)),
    Target("scores.entry", _entry, ("hvdbench.boards.entering",)),
    Target("scores.run", _run, ("hvdbench.scoring.run_clip", "hvdbench.scoring.costs")),
    Target("scores.costs", _costs, ("hvdbench.scoring.costs",)),
    Target("scores.kept", _kept, ("hvdbench.scoring.stored_scores",)),
    Target("scores.frames", _scores, ("hvdbench.scoring.run_scores",)),
)
