"""A board with runs and a dataset on disk, as `leaderboard export --format html` meets them."""

import json
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from made_board import rows as loose_rows

from hvdbench.boards.rows import Stamp, board_rows, merge_rows
from hvdbench.frames import write_clip
from hvdbench.labels.sharpness import ABOVE, BELOW, SharpLabels
from hvdbench.labels.stored import read_labels, write_labels
from hvdbench.recipe import digest_of
from hvdbench.scoring.run_clip import RunClip
from hvdbench.scoring.run_scores import score_clip
from hvdbench.scoring.summary import summarise
from hvdbench.store import ClipFolder, Dataset, DatasetWriter

BOARD, T, H, W = "goproshake", 16, 72, 120
CLIPS = ("alpha", "beta gamma", "delta")
METHODS = ("blurry", "warp_average", "a_method_with_a_long_name", "worse")
EXTENT_PX = 4 + 4 * np.sin(np.arange(T) / 2.5)
SELECTED = EXTENT_PX < 2


@dataclass(frozen=True)
class MadeBoard:
    """Rows and where frames lie."""

    board: pd.DataFrame
    runs: Path
    data: Path


def made_sharp(seed: int) -> np.ndarray:
    """Return a picture that drifts: (T, H, W, 3)."""
    rng = np.random.default_rng(seed)
    base = cv2.resize(rng.integers(0, 256, (12, 20, 3), dtype=np.uint8), (W, H), interpolation=cv2.INTER_CUBIC)
    return np.stack([np.roll(base, 2 * index, axis=1) for index in range(T)])


def made_restored(method: str, sharp: np.ndarray, blurry: np.ndarray) -> np.ndarray:
    """Mix truth and input by what a method is worth."""
    share = {"blurry": 0.0, "warp_average": 0.5, "a_method_with_a_long_name": 0.8, "worse": -0.3}[method]
    return np.clip(blurry + share * (sharp.astype(np.float64) - blurry), 0, 255).astype(np.uint8)


def make_board(root: Path, methods: tuple[str, ...] = METHODS) -> MadeBoard:
    """Write a dataset of three clips and a scored run of each method, and give their board.

    Rows on a second dataset, a method without a run, one with other subsets and an incomplete one stand beside them.
    """
    writer = DatasetWriter(root / "data", name="made", origin="simulated", recipe={}, provenance={})
    for number, name in enumerate(CLIPS):
        clip = writer.clip_folder("test", name)
        sharp = made_sharp(number)
        blurry = np.stack([cv2.blur(frame, (1 + int(e), 3)) for frame, e in zip(sharp, EXTENT_PX, strict=True)])
        for folder, frames in (("blur", blurry), ("sharp", sharp), ("sharp_centroid", np.roll(sharp, 1, axis=2))):
            write_clip(clip.folder / folder, frames)
        clip.edit_tracks(_facts)
        reasons = tuple(ABOVE if one else BELOW for one in SELECTED)
        write_labels(clip, SharpLabels(100 - 10 * EXTENT_PX, SELECTED, 80.0, reasons, "paper"))
        writer.finish(clip, clip.digest())
    dataset = writer.dataset()
    board = pd.DataFrame()
    for method in methods:
        board = merge_rows(board, _run(root / "runs", method, dataset))
    stamp = {"board": BOARD, "origin": "simulated"}
    made = {"dataset": dataset.name, "dataset_digest": dataset.digest}
    other = {"dataset": "other", "dataset_digest": "0123456789abcdef"}
    for more in (
        loose_rows("elsewhere", **stamp, **other),
        loose_rows("blurry", clips=(25.0, 26.0), **stamp, **other),
        loose_rows("part", clips=(40.0,), **stamp, **other),
        loose_rows("gone 100%_<b>", clips=(20.0, 21.0, 22.0), run_digest="feedfeedfeedfeed", **stamp, **made),
    ):
        board = merge_rows(board, _same_clips(more))
    return MadeBoard(board, root / "runs", root / "data")


def _same_clips(rows: pd.DataFrame) -> pd.DataFrame:
    if set(rows["dataset"]) != {"made"}:
        return rows
    names = {f"clip{index}": name for index, name in enumerate(CLIPS)}
    rows = rows.assign(clip=[names.get(clip, clip) for clip in rows["clip"]])
    frames = {"all": T, "selected": int(SELECTED.sum()), "not_selected": int((~SELECTED).sum())}
    counts = [
        n if clip == "*" else frames[s] for n, clip, s in zip(rows["n"], rows["clip"], rows["subset"], strict=True)
    ]
    return rows.assign(n=pd.array(counts, dtype="Int64"))


def _facts(tracks) -> None:
    tracks["t_s"] = np.arange(T) / 30
    tracks["oracle/class"] = np.digitize(EXTENT_PX, [2.0, 5.0])
    tracks["oracle/displacement_median_px"] = EXTENT_PX


def _run(runs: Path, method: str, dataset: Dataset) -> pd.DataFrame:
    digests, scores = {}, []
    for clip in dataset.clips():
        folder = runs / method / dataset.name / clip.split / clip.name
        truth = clip.truth("mid")
        assert truth is not None
        write_clip(folder, made_restored(method, truth, clip.blurry()))
        digests[f"{clip.split}/{clip.name}"] = digest_of([method, clip.name])
        (folder / "run.json").write_text(json.dumps({"run_digest": digest_of([method, clip.name])}))
        table = score_clip(RunClip(folder, ClipFolder(clip.folder)), read_labels(clip, "paper"))
        scores.append(table.assign(method=method, split=clip.split, clip=clip.name))
    stamp = Stamp(
        board=BOARD, dataset=dataset.name, origin="simulated", seed=0, dataset_digest=dataset.digest,
        run_digest=digest_of(digests), versions="made",
    )  # fmt: skip
    board = board_rows(summarise(pd.concat(scores)), stamp)
    strata = board[(board["subset"] == "not_selected") & board["metric"].isin(["psnr"])].assign(subset="distance 1")
    quality = board[(board["subset"] == "all") & (board["metric"] == "sharpness")].assign(metric="musiq", value=43.21)
    return pd.concat([board, strata, quality], ignore_index=True)
