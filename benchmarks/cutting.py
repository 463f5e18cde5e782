"""What cutting a clip into tiles and windows changes: ``python -m benchmarks.cutting [--clip FOLDER] [--full]``.

Each network that restores clips goes through a clip whole, in tiles, in windows and in both, as
:func:`hvdbench.methods.inference.restore.restore_clip` does by default. Differences are in levels of 255, of results
held in 16 bits. No trained weights are asked for: each network is first trained for ``--steps`` steps to undo a blur
of 5 px on crops of the clip, so that it gives pictures; ``--steps 0`` leaves random weights. Columns: the median and
the 99.9 % quantile of the difference to the whole clip; ``seam`` and ``joint``, see :func:`seam_ratio` and
:func:`joint_ratio`; ``added``, the largest step between neighbouring pixels of the difference over the largest of the
whole clip's result.
"""

import argparse
import itertools
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from hvdbench import catalog
from hvdbench.frames import Frames, read_clip
from hvdbench.methods.inference.plan import InferencePlan, make_plan, padded_size, tiles_of
from hvdbench.methods.inference.restore import restore_clip
from hvdbench.methods.inference.runner import to_network
from hvdbench.methods.inference.windows import plan_windows

NETWORKS = ("basicvsrpp", "estrnn", "ifirnn", "nafnet", "rvrt")  # cdvd_tsp, with a whole PWC-Net inside, takes minutes
SIZE = (288, 160)
FRAMES = 8
CROP_PX = 64
CROP_FRAMES = 3
Array = NDArray[np.float64]


def made_clip() -> Frames:
    """Glide over a photograph of scikit-image, every third frame sharp, the others blurred along the way."""
    from skimage import data

    photograph = np.asarray(data.coffee(), np.float32)  # type: ignore[no-untyped-call]  # (400, 600, 3)
    width, height = SIZE
    frames = []
    for number in range(FRAMES):
        exposure = 1 if number % 3 == 0 else 9
        views = [
            cv2.getRectSubPix(
                photograph, SIZE, (width / 2 + 40 + 5 * number + 0.8 * part, height / 2 + 60 + 2 * number)
            )
            for part in range(exposure)
        ]
        frames.append(np.floor(np.mean(views, axis=0) + 0.5).astype(np.uint8))
    return np.stack(frames)


def warmed(name: str, clip: Frames, steps: int, seed: int = 0) -> Any:
    """Make a network and train it for some steps on crops that were blurred once more."""
    torch.manual_seed(seed)
    named = catalog.NamedPreset.parse(name)
    network = catalog.resolve("network", named.name).build(named.preset)
    random = np.random.default_rng(seed)
    blurry = np.stack([cv2.blur(frame, (5, 1)) for frame in clip])
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-3)
    network.train()
    for _ in range(steps):
        first = int(random.integers(0, len(clip) - CROP_FRAMES + 1))
        top, left = (int(random.integers(0, side - CROP_PX + 1)) for side in clip.shape[1:3])
        box = np.s_[first : first + CROP_FRAMES, top : top + CROP_PX, left : left + CROP_PX]
        given, wanted = (to_network(frames[box], network.spec, torch.device("cpu")) for frames in (blurry, clip))
        loss = (network(given) - wanted).abs().mean()
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
    return network.eval()


def seam_ratio(restored: Array, plan: InferencePlan, spec: Any) -> float:
    """Divide the largest step between neighbouring pixels where tiles meet by the largest elsewhere."""
    size = padded_size((restored.shape[1], restored.shape[2]), spec)
    tiles = tiles_of(size, plan.tile, spec, plan.context_px)
    at_seam, elsewhere = [0.0], [0.0]
    for axis in (1, 2):
        blended = np.zeros(size[axis - 1], bool)
        for tile in tiles:
            start, weights = (tile.top, tile.row_weights) if axis == 1 else (tile.left, tile.column_weights)
            blended[start : start + len(weights)] |= ((weights > 0) & (weights < 1)).numpy()
        blended = blended[: restored.shape[axis]]
        steps = np.abs(np.diff(restored, axis=axis)).max(axis=tuple({0, 1, 2, 3} - {axis}))
        is_seam = blended[1:] | blended[:-1]
        at_seam.append(float(steps[is_seam].max(initial=0.0)))
        elsewhere.append(float(steps[~is_seam].max(initial=0.0)))
    return max(at_seam) / max(elsewhere)


def joint_ratio(restored: Array, plan: InferencePlan) -> float:
    """Divide the largest change from frame to frame where windows meet, mean over the picture, by that elsewhere."""
    count = len(restored)
    assert plan.window is not None
    if plan.carry_state:
        joints = list(range(plan.window, count, plan.window))
    else:
        joints = [first for _, _, first, _ in plan_windows(count, plan.window, plan.overlap)[1:]]
    changes = np.abs(np.diff(restored, axis=0)).mean(axis=(1, 2, 3))
    is_joint = np.zeros(count - 1, bool)
    is_joint[np.array(joints, int) - 1] = True
    return float(changes[is_joint].max() / changes[~is_joint].max())


def measure(name: str, clip: Frames, given: argparse.Namespace) -> list[dict[str, Any]]:
    """Cut a clip for one network in each way; a row each."""
    started = time.process_time()
    network = warmed(name, clip, given.steps)
    fine = clip.astype(np.uint16) * np.uint16(257)
    whole = restore_clip(network, fine) / 257.0
    largest_step = max(float(np.abs(np.diff(whole, axis=axis)).max()) for axis in (1, 2))
    cuts: dict[str, dict[str, Any]] = {
        "tiles": {"tile": given.tile},
        "windows": {"window": given.window},
        "both": {"tile": given.tile, "window": given.window},
    }
    if network.spec.carries_state:
        cuts["windows, state left"] = {"window": given.window, "carry_state": False}
    rows = []
    for cut, extents in cuts.items():
        plan = make_plan(network.spec, **extents)
        restored = restore_clip(network, fine, **extents) / 257.0
        change = restored - whole
        row: dict[str, Any] = {"network": name, "cut": cut, "median": float(np.median(np.abs(change)))}
        row["p999"] = float(np.percentile(np.abs(change), 99.9))
        if plan.tile is not None:
            row["seam"] = seam_ratio(restored, plan, network.spec)
            added = max(float(np.abs(np.diff(change, axis=axis)).max()) for axis in (1, 2))
            row["added"] = added / largest_step
        if plan.window is not None:
            row["joint"] = joint_ratio(restored, plan)
        rows.append(row)
    print(f"{name}: {time.process_time() - started:.0f} s of CPU", file=sys.stderr, flush=True)
    return rows


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Lay rows out as Markdown."""
    lines = ["| network | cut | median | 99.9 % | seam | added | joint |", "|---|---|---|---|---|---|---|"]
    for name, of_network in itertools.groupby(rows, lambda row: row["network"]):
        for row in of_network:
            ratios = (
                f"{row[key]:.{3 if key == 'added' else 2}f}" if key in row else "" for key in ("seam", "added", "joint")
            )
            lines.append(f"| {name} | {row['cut']} | {row['median']:.3f} | {row['p999']:.3f} | {' | '.join(ratios)} |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--clip", type=Path, help="folder of frames; the middle 288x160 px of the first 8 are used")
    parser.add_argument("--full", action="store_true", help="the networks at full size, not tiny; whole frames")
    parser.add_argument("--networks", nargs="+", default=NETWORKS)
    parser.add_argument("--tile", type=int, default=160, help="px")
    parser.add_argument("--window", type=int, default=5, help="frames")
    parser.add_argument("--steps", type=int, default=15, help="of training beforehand")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args(arguments)
    torch.set_num_threads(1)
    clip = made_clip() if given.clip is None else read_clip(given.clip)[:FRAMES]
    if not given.full:
        top, left = (max(0, (side - part) // 2) for side, part in zip(clip.shape[1:3], SIZE[::-1], strict=True))
        clip = np.ascontiguousarray(clip[:, top : top + SIZE[1], left : left + SIZE[0]])
    suffix = "" if given.full else "@tiny"
    rows = [row for name in given.networks for row in measure(f"{name}{suffix}", clip, given)]
    print(
        f"{len(clip)} frames of {clip.shape[2]}x{clip.shape[1]} px, tiles of {given.tile} px, windows of {given.window}"
    )
    print(table(rows))
    if given.json:
        given.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
