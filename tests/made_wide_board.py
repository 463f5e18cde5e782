"""Boards of any size whose numbers are drawn: real ablation names, ties, a control, an incomplete method."""

import itertools

import numpy as np
import pandas as pd

from hvdbench.boards.rows import COLUMNS

STEMS = (
    "selfhvd_basicvsrpp",
    "selfhvd_estrnn_testtime",
    "ren2020",
    "dadeblur",
    "blur2blur_estrnn",
    "supervised_ifirnn",
)
ENDS = ("", "without_occlusion", "random_clues_sharp_target", "flow_on_input", "segments40", "small", "updates3")
METRICS = {"psnr": 1.0, "ssim": 0.004, "psnr_registered": 1.02}


def wide_names(count):
    """Return names of methods: those of a board with many ablations."""
    every = ("_".join(filter(None, (stem, end, f"v{turn}" if turn else ""))) for turn in itertools.count()
             for end, stem in itertools.product(ENDS, STEMS))  # fmt: skip
    return list(itertools.islice(every, count))


def wide_board(methods, clips, *, seed=0, subsets=("not_selected", "all"), dataset="made", truths=("mid", "centroid")):
    """Return a board's rows: the input, the control and ``methods`` others, on ``clips`` clips."""
    rng = np.random.default_rng(seed)
    names = ["blurry", "warp_average", *wide_names(methods)]
    hard = rng.normal(27, 3, clips)
    worth = np.concatenate([[0.0, 0.6], np.sort(rng.gamma(2.0, 0.5, methods))[::-1] - 0.3])
    gains = worth[:, None] + rng.normal(0, 0.35, (len(names), clips)) * (np.arange(len(names)) > 0)[:, None]
    parts = []
    sides = list(zip(truths, (0.0, 0.7), strict=True))
    for (truth, off), subset, (metric, step) in itertools.product(sides, subsets, METRICS.items()):
        base = 0.86 if metric == "ssim" else off
        values = base + step * (hard + gains - (27 if metric == "ssim" else 0))
        worse = (gains < 0).astype(float)
        parts.append(_rows(names, values, truth, subset, metric))
        if metric == "psnr":
            parts.append(_rows(names, worse, truth, subset, "worse_share"))
    found = pd.concat(parts, ignore_index=True)
    last = names[-1]
    found = found[~((found["method"] == last) & (found["clip"] == f"clip_{clips - 1:03d}") & (methods > 3))]
    stamp = {"board": "made", "protocol": "hvdbench-1", "dataset": dataset, "split": "test", "origin": "simulated"}
    told = {"source": "drawn", "dataset_digest": "0123456789abcdef", "run_digest": "", "versions": "made", "n": 30}
    found = found.assign(**stamp, **told, seed=pd.array([0] * len(found), dtype="Int64"))
    return found[list(COLUMNS)].astype({"n": "Int64"}).reset_index(drop=True)


def _rows(names, values, truth, subset, metric):
    clips = values.shape[1]
    every = np.column_stack([values, values.mean(axis=1)])
    half = 2 * values.std(axis=1, ddof=1 if clips > 1 else 0) / np.sqrt(clips)
    ends = np.full((2, *every.shape), np.nan)
    ends[:, :, -1] = values.mean(axis=1) - half, values.mean(axis=1) + half
    return pd.DataFrame(
        {
            "method": np.repeat(names, clips + 1),
            "clip": [*(f"clip_{n:03d}" for n in range(clips)), "*"] * len(names),
            "value": every.ravel(), "ci_low": ends[0].ravel(), "ci_high": ends[1].ravel(),
            "truth": truth, "subset": subset, "metric": metric,
        }
    )  # fmt: skip
