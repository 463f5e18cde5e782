"""The clips: three embedded scenes whose exact flow is known, the same with planted sharp frames, and real material."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.selfhvd_tiny.clips import Clip, Spec, make_clip
from hvdbench.frames import Frames
from hvdbench.labels.sharpness import label_paper
from hvdbench.store import Dataset
from hvdbench.synth.oracle import SHARP

FRAMES = 40
EXACT: Mapping[str, Spec] = {
    "v_motorcycle": Spec("parallax", "held out", scene="motorcycle"),
    "v_cup": Spec("moving_object", "held out", scene="cup"),
    "v_coffee": Spec("planar", "held out", scene="coffee"),
}
_CHANGES: Mapping[str, Any] = {"fps": 30, "frames_per_clip": FRAMES, "size": (320, 192), "noise": {"read": 0.00392}}
_SEEDS = {"v_motorcycle": 101, "v_cup": 102, "v_coffee": 103}
_SHAKEN: Mapping[str, Any] = {"exposure_share": [0.8, 0.8], "hand": {"tense": 1.5}, "stroke_deg": [0.6, 0.6]}
_LONG: Mapping[str, Any] = {"hand": {"hvd": 1.0}, "stroke_deg": [0.08, 0.08], "exposure_share": [0.95, 0.95]}
_SHORT: Mapping[str, Any] = {**_LONG, "exposure_share": [0.06, 0.06]}
_PLANTED_SEEDS = {"v_motorcycle": 201, "v_cup": 202, "v_coffee": 203}  # no frame of the long exposures is sharp
PLANTED_SHARES = (0.30, 0.20, 0.10, 0.05, 0.025, 0.0)


def exact_clip(name: str, work: Path, data: Path) -> Clip:
    """Make a clip of an embedded scene in which sharp frames occur by nature."""
    return make_clip(name, work, data, EXACT[name], {**_CHANGES, **_SHAKEN, "seed": _SEEDS[name]})


def exact_dataset(name: str, work: Path) -> Dataset:
    """Open the dataset that :func:`exact_clip` made."""
    return Dataset.open(work / "clips" / name)


def planted_order(count: int) -> list[int]:
    """Order frames so that any first few of them lie evenly in the clip (van der Corput's sequence)."""
    order: list[int] = []
    index = 1
    while len(order) < count:
        share, base = 0.0, 0.5
        rest = index
        while rest:
            share, rest, base = share + base * (rest % 2), rest // 2, base / 2
        frame = int(share * count)
        if frame not in order:
            order.append(frame)
        index += 1
        if index > 64 * count:  # what rounding never reaches
            order += [frame for frame in range(count) if frame not in order]
    return order


def planted_clip(name: str, share: float, work: Path, data: Path) -> tuple[Clip, NDArray[np.bool_]]:
    """Make a clip that is blurry throughout, but for a share of frames that were exposed fifteen times as shortly.

    Path, scene, instants and noise are the same for every share, so that nothing changes but how many frames are sharp.

    Returns:
        The clip, labelled as the paper does, and the frames (T,) that are blurry for every share: the ones to score.
    """
    spec, seed = EXACT[name], {"seed": _PLANTED_SEEDS[name]}
    long = make_clip(f"{name}_long", work, data, spec, {**_CHANGES, **_LONG, **seed})
    short = make_clip(f"{name}_short", work, data, spec, {**_CHANGES, **_SHORT, **seed})
    if not np.array_equal(long.truths["mid"], short.truths["mid"]):
        raise ValueError(f"{name}: the two exposures do not share their path")
    order = planted_order(len(long.blurry))
    most = np.zeros(len(order), bool)
    most[order[: round(max(PLANTED_SHARES) * len(order))]] = True
    chosen = np.zeros(len(order), bool)
    chosen[order[: round(share * len(order))]] = True
    if long.oracle is None or short.oracle is None or long.extent_px is None or short.extent_px is None:
        raise ValueError(f"{name}: a made clip has an oracle")

    def mixed(a: NDArray[Any], b: NDArray[Any]) -> NDArray[Any]:
        return np.where(chosen.reshape(-1, *[1] * (a.ndim - 1)), b, a)

    blurry: Frames = mixed(long.blurry, short.blurry)
    clip = replace(
        long,
        name=f"{name}_{round(100 * share, 1):g}",
        blurry=blurry,
        truths={key: mixed(truth, short.truths[key]) for key, truth in long.truths.items()},
        labels=label_paper(blurry),
        oracle=mixed(long.oracle, short.oracle),
        extent_px=mixed(long.extent_px, short.extent_px),
    )
    return clip, ~most & (long.oracle != SHARP)
