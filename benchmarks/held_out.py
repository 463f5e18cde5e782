"""``python -m benchmarks.held_out --data ../shared/data --work FOLDER --out NAME.json``: see ``docs/held-out.md``.

Clips with truth are made, restored whole and with sharp frames withheld, and the held-out score is compared with PSNR
against the truth. Restored frames are kept below ``--work``: a second call goes on there.
"""

import argparse
import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from scipy.stats import spearmanr

from benchmarks.selfhvd_tiny.clips import JUGGLE, WALK, Clip, Spec, make_clip
from hvdbench.errors import InputError
from hvdbench.frames import Frame, Frames
from hvdbench.labels.sharpness import label_paper
from hvdbench.methods.blur.alignment import Aligner, nearest_sharp
from hvdbench.methods.recipe import load_method
from hvdbench.methods.restoration import Budget
from hvdbench.metrics.fidelity import psnr
from hvdbench.workflows.heldout.clip import HeldOutClip, open_clip
from hvdbench.workflows.heldout.restoring import Restore, restore_fold, restorer
from hvdbench.workflows.heldout.scoring import compare, summarise
from hvdbench.workspace.atomic import atomic_path, atomic_write_text

SMALL = {"size": (256, 160), "frames_per_clip": 32}
SPECS: Mapping[str, Spec] = {
    "coffee": Spec("planar", "held out", scene="coffee", changes=SMALL | {"seed": 41}),
    "astronaut": Spec("planar", "held out", scene="astronaut", changes=SMALL | {"seed": 42}),
    "motorcycle": Spec("parallax", "held out", scene="motorcycle", changes=SMALL | {"seed": 43}),
    "cup": Spec("moving_object", "held out", scene="cup", changes=SMALL | {"seed": 44}),
    "walk": Spec("video", "held out", footage=(WALK, 120, 48), changes=SMALL | {"source_fps": 29.97, "seed": 45}),
    "juggle": Spec("video", "held out", footage=(JUGGLE, 20, 48), changes=SMALL | {"source_fps": 24.0, "seed": 46}),
    "motorcycle_tuning": Spec("parallax", "tuning", scene="motorcycle", changes={"seed": 19}),
    "cup_tuning": Spec("moving_object", "tuning", scene="cup", changes={"seed": 19}),
}
STEPS = {"fit": {"stage1_steps": 80, "stage2_steps": 40}}
SHIFT_PX = (1.0, 0.5)


def each(change: Callable[[Frame], np.ndarray]) -> Restore:
    """Return a change of one frame as a method."""
    return lambda frames: np.stack([np.rint(np.clip(change(f), 0, 255)).astype(np.uint8) for f in frames])


def unsharp(amount: float, sigma_px: float = 1.5) -> Restore:
    """Sharpen every frame by what a Gaussian takes away."""

    def sharpened(frame: Frame) -> np.ndarray:
        picture = frame.astype(np.float32)
        return picture + amount * (picture - cv2.GaussianBlur(picture, (0, 0), sigma_px))

    return each(sharpened)


def softened(sigma_px: float) -> Restore:
    """Blur every frame by a Gaussian."""
    return each(lambda frame: cv2.GaussianBlur(frame.astype(np.float32), (0, 0), sigma_px))


def ghosted(frames: Frames) -> Frames:
    """Average each frame with its two neighbours as they lie."""
    padded = np.concatenate([frames[:1], frames, frames[-1:]]).astype(np.float32)
    return np.rint(0.25 * padded[:-2] + 0.5 * padded[1:-1] + 0.25 * padded[2:]).astype(np.uint8)


def nearest_warped(frames: Frames) -> Frames:
    """Put the nearest sharp frame, warped, in the place of each frame that is not selected, without a mask."""
    labels, aligner, restored = label_paper(frames), Aligner(frames), frames.copy()
    for i in map(int, np.flatnonzero(~labels.is_selected)):
        source = nearest_sharp(i, labels.selected)
        if source is not None:
            restored[i] = np.rint(aligner.warped(i, source))
    return restored


def shifted(frames: Frames) -> Frames:
    """Move frames to the right and down."""
    move = np.array([[1, 0, SHIFT_PX[0]], [0, 1, SHIFT_PX[1]]], np.float32)
    size = (frames.shape[2], frames.shape[1])
    flags, border = cv2.INTER_CUBIC, cv2.BORDER_REFLECT_101
    return np.stack([cv2.warpAffine(frame, move, size, flags=flags, borderMode=border) for frame in frames])


def recipe(name: str, overrides: Mapping[str, object] | None = None) -> Restore:
    """Return a method recipe."""
    return restorer(load_method(name, overrides=overrides), Budget())


METHODS: Mapping[str, Restore] = {
    "blurry": lambda frames: frames.copy(),
    "unsharp 0.5": unsharp(0.5),
    "unsharp 1.5": unsharp(1.5),
    "softened 0.8 px": softened(0.8),
    "ghosted": ghosted,
    "nearest_warped": nearest_warped,
    "warp_average": recipe("warp_average"),
    "warp_average shifted": lambda frames: shifted(METHODS["warp_average"](frames)),
    "reblur_blend": recipe("reblur_blend"),
    "selfhvd_fusion": recipe("selfhvd_fusion", STEPS),
    "selfhvd_rc_fusion": recipe("selfhvd_rc_fusion", STEPS),
}


def kept(path: Path, make: Callable[[], Frames]) -> Frames:
    """Read frames that were kept, or make and keep them."""
    if not path.is_file():
        frames = make()
        with atomic_path(path) as temporary:
            np.save(temporary, frames)
    return np.load(path)


def restored(work: Path, name: str, clip: Clip, judged: HeldOutClip, method: str) -> tuple[Frames, list[Frames]]:
    """Restore a clip whole and in each fold."""
    restore, folder = METHODS[method], work / "restored" / name
    stem = method.replace(" ", "_")
    whole = kept(folder / f"{stem}.npy", lambda: restore(clip.blurry))
    folds = [
        kept(folder / f"{stem}.{fold}.npy", lambda fold=fold: restore_fold(restore, clip.blurry, judged.plan, fold))
        for fold in range(len(judged.plan.folds))
    ]
    return whole, folds


def scored(work: Path, data: Path, name: str) -> dict[str, Any]:
    """Make, restore and score one clip; the scores are kept.

    Returns:
        Facts of the clip, true PSNRs and held-out scores by method; ``refused`` where it has too few sharp frames.
    """
    path = work / "scores" / f"{name}.json"
    if path.is_file():
        return dict(json.loads(path.read_text(encoding="utf-8")))
    clip = make_clip(name, work, data, SPECS[name])
    found: dict[str, Any] = {"kind": clip.kind, "role": clip.role, "selected": int(clip.labels.is_selected.sum())}
    try:
        judged = open_clip(clip.blurry, name)
    except InputError as error:
        found["refused"] = str(error)
    else:
        found["folds"] = judged.plan.folds
        found["methods"] = {method: row(work, name, clip, judged, method) for method in METHODS}
        found["perfect"] = {
            truth: summary(judged, "truth", [frames] * len(judged.plan.folds)) for truth, frames in clip.truths.items()
        }
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic_write_text(path, json.dumps(found, indent=1) + "\n")
    return found


def row(work: Path, name: str, clip: Clip, judged: HeldOutClip, method: str) -> dict[str, float]:
    """Score one method on one clip, by the truths and without."""
    whole, folds = restored(work, name, clip, judged, method)
    blurry = [int(i) for i in np.flatnonzero(~clip.labels.is_selected)]
    true = {
        f"true_{truth}_{subset}": float(np.mean([min(80.0, psnr(whole[i], frames[i])) for i in which]))
        for truth, frames in clip.truths.items()
        for subset, which in (("not_selected", blurry), ("all", range(len(whole))))
    }
    return summary(judged, method, folds) | true


def summary(judged: HeldOutClip, method: str, folds: Sequence[Frames]) -> dict[str, float]:
    """Return a clip's row of held-out scores."""
    return {
        key: value
        for key, value in summarise(compare(judged, method, folds)).to_dict("records")[0].items()
        if key not in ("method", "clip")
    }


def ranked(clips: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Compare the ranking by held-out score with that by true PSNR: clip by clip, their mean, and clips pooled.

    Pooled means gains over the input of all clips and methods in one list.
    """
    found: dict[str, Any] = {}
    for truth in ("mid", "centroid"):
        for subset in ("not_selected", "all"):
            key, each_clip, pooled = f"true_{truth}_{subset}", {}, ([], [])  # type: ignore[var-annotated]
            for name, facts in clips.items():
                rows = facts["methods"]
                true = [rows[method][key] for method in rows]
                score = [rows[method]["score_db"] for method in rows]
                each_clip[name] = round(float(spearmanr(true, score).statistic), 3)
                pooled[0].extend(value - rows["blurry"][key] for value in true)
                pooled[1].extend(rows[method]["gain_db"] for method in rows)
            found[key] = {
                "clips": each_clip,
                "mean": round(float(np.mean(list(each_clip.values()))), 3),
                "least": min(each_clip.values()),
                "pooled_gain": round(float(spearmanr(*pooled).statistic), 3),
            }
    return found


def places(clips: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, list[int]]]:
    """Return the place of each method on each clip, 1 the best: by PSNR to the centroid, and by held-out score."""
    keys = {"true": "true_centroid_not_selected", "held_out": "score_db"}
    return {
        method: {
            kind: [
                1 + sum(other[key] > facts["methods"][method][key] for other in facts["methods"].values())
                for facts in clips.values()
            ]
            for kind, key in keys.items()
        }
        for method in METHODS
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Run what is missing, and write the figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.held_out", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with sharp/ (films)")
    parser.add_argument("--work", type=Path, required=True, help="clips and frames; a second call goes on there")
    parser.add_argument("--only", nargs="+", default=list(SPECS), help="clips")
    parser.add_argument("--out", type=Path, help="name of a .json")
    given = parser.parse_args(arguments)
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    clips = {}
    for name in given.only:
        began = time.process_time()
        clips[name] = scored(given.work, given.data, name)
        print(f"{name}: {time.process_time() - began:.0f} s of process time", flush=True)
    results: dict[str, Any] = {"settings": {"steps": STEPS, "shift_px": SHIFT_PX}, "clips": clips}
    for role in ("held out", "tuning"):
        chosen = {key: facts for key, facts in clips.items() if facts["role"] == role and "methods" in facts}
        if chosen:
            results[role] = {"clips": list(chosen), "spearman": ranked(chosen), "places": places(chosen)}
    text = json.dumps(results, indent=1) + "\n"
    if given.out is None:
        print(text)
    else:
        atomic_write_text(given.out, text)


if __name__ == "__main__":
    main()
