"""What gain do a clip's signs promise? Learns it from the clips of the other benchmarks.

``python -m benchmarks.gains --data ../shared/data --validity FOLDER --tiny FOLDER --out gains.json`` reads what
:mod:`benchmarks.validity` (its sweep of the sharp share) and :mod:`benchmarks.selfhvd_tiny` left in their folders,
reads the signs off the clips, which it makes again where they are gone, and writes
``hvdbench/workflows/deblur/gains.json``, which ``hvdbench deblur --estimate`` uses, with the table that it was
learned from.
"""

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.selfhvd_tiny.clips import SPECS, Clip, make_clip
from benchmarks.selfhvd_tiny.machine import machine
from benchmarks.validity.clips import EXACT, planted_clip
from hvdbench.errors import InputError
from hvdbench.workflows.deblur.clip_signs import SIGNS, ClipSigns, signs_of, small_gray
from hvdbench.workflows.deblur.expected_gain import LEVEL, Gains, Rows, predict, transformed
from hvdbench.workspace.atomic import atomic_write_text

ARMS: Mapping[str, tuple[str, str]] = {  # method: its arm in the sweep, and in the small benchmark
    "warp_average": ("warp_average", "warp_average"),
    "reblur_blend": ("reblur_blend", "reblur_blend"),
    "selfhvd_fusion": ("stage 2", "both"),
    "selfhvd_rc_fusion": ("stage 2 rc", "both rc"),
}

_RIDGE = 1.0
_FEWEST_CLIPS = 8


@dataclass(frozen=True)
class Measured:
    """A clip with what was measured on it.

    Attributes:
        name, scene: of the clip; clips of a scene, or of a film, are never on both sides of a split.
        signs: read off it.
        gain_db: by method, against the centroid truth (mid where it is the only one), frames that were not selected
            (in the sweep: those that are blurry at every share), mean over seeds.
    """

    name: str
    scene: str
    signs: ClipSigns
    gain_db: dict[str, float]


def swept(folder: Path, data: Path) -> Iterator[Measured]:
    """Return the clips of the sweep."""
    found: dict[tuple[str, float], list[Any]] = {}
    for path in sorted((folder / "records" / "sparsity").glob("*.json")):
        record = json.loads(path.read_text())
        found.setdefault((record["clip"], record["share"]), []).append(record["rows"])
    for (name, share), rows in found.items():
        clip, _ = planted_clip(name, share, folder, data)
        gains = {
            method: float(np.mean([row[arm]["centroid"] - row["input"]["centroid"] for row in rows]))
            for method, (arm, _) in ARMS.items()
        }
        yield from _measured(clip, EXACT[name].scene, gains)


def small(folder: Path, data: Path) -> Iterator[Measured]:
    """Return the clips of the small benchmark."""
    found: dict[str, dict[str, list[float]]] = {}
    for path in sorted((folder / "scores").glob("*.json")):
        record = json.loads(path.read_text())
        for arm, row in record["arms"].items():
            scores = row["scores"]["not_selected"]
            value = scores.get("psnr_centroid", scores["psnr_mid"])
            found.setdefault(record["clip"], {}).setdefault(arm, []).append(value)
    for name, arms in found.items():
        if "input" not in arms:
            continue
        gains = {
            method: float(np.mean(arms[arm])) - arms["input"][0] for method, (_, arm) in ARMS.items() if arm in arms
        }
        spec = SPECS[name]
        scene = spec.scene or (spec.footage[0] if spec.footage else spec.paired)
        yield from _measured(make_clip(name, folder, data), scene, gains)


def _measured(clip: Clip, scene: str, gains: dict[str, float]) -> Iterator[Measured]:
    signs = signs_of([small_gray(frame) for frame in clip.blurry], clip.labels)
    if signs is not None:
        yield Measured(clip.name, scene, signs, gains)


def learn(clips: Sequence[Measured]) -> dict[str, Any]:
    """Learn all methods."""
    found = {}
    for method in ARMS:
        known = [clip for clip in clips if method in clip.gain_db]
        gains = fit_gains(
            method, [c.signs for c in known], [c.gain_db[method] for c in known], [c.scene for c in known]
        )
        values = {key: _short(value) for key, value in gains.model_dump().items() if key != "method"}
        found[method] = values
    return found


def fit_gains(method: str, signs: Sequence[ClipSigns], gain_db: Sequence[float], scenes: Sequence[str]) -> Gains:
    """Learn a method's gains.

    Args:
        method: its name.
        signs: of each clip.
        gain_db: of each clip, measured.
        scenes: of each clip; clips of one scene are never on both sides of a split.

    Raises:
        InputError: under eight clips, or under three scenes.
    """
    names = sorted(set(scenes))
    if len(signs) < _FEWEST_CLIPS or len(names) < 3:
        raise InputError(
            f"gains of '{method}': {len(signs)} clips of {len(names)} scenes; at least {_FEWEST_CLIPS} clips of 3 "
            "scenes are needed"
        )
    rows, measured = np.array([one.values for one in signs]), np.asarray(gain_db, np.float64)
    changed, of = transformed(rows), np.asarray(scenes)
    missed = [_missed(method, changed, measured, of == name) for name in names]
    left_out = np.concatenate(missed)
    half = float(np.quantile(left_out, min(1.0, LEVEL * (1 + 1 / len(left_out))), method="higher"))
    found = _fitted(method, changed, measured)
    ends = {"low": tuple(map(float, rows.min(axis=0))), "high": tuple(map(float, rows.max(axis=0)))}
    return found.model_copy(update={"half_width_db": half, "scenes": len(names), **ends})


def _fitted(method: str, rows: Rows, measured: Rows) -> Gains:
    centre, spread = rows.mean(axis=0), np.maximum(rows.std(axis=0), 1e-6)
    scaled = (rows - centre) / spread
    mean = float(measured.mean())
    weights = np.linalg.solve(scaled.T @ scaled + _RIDGE * np.eye(rows.shape[1]), scaled.T @ (measured - mean))
    return Gains(
        method=method,
        centre=tuple(map(float, centre)),
        spread=tuple(map(float, spread)),
        weights=tuple(map(float, weights)),
        mean_db=mean,
        half_width_db=0.0,  # it is known once every scene was left out in turn
        low=(),
        high=(),
        clips=len(rows),
        scenes=0,
    )


def _missed(method: str, rows: Rows, measured: Rows, out: NDArray[np.bool_]) -> Rows:
    """Return by how much the gains learned from the other scenes miss those of a scene, dB."""
    others = _fitted(method, rows[~out], measured[~out])
    return np.asarray(np.abs(predict(others, rows[out]) - measured[out]), np.float64)


def _short(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_short(one) for one in value]
    return float(f"{value:.5g}") if isinstance(value, float) else value


def main(arguments: Sequence[str] | None = None) -> None:
    """Read, learn, write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gains", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with sharp/ (films) and paired/")
    parser.add_argument("--validity", type=Path, required=True, help="the --work folder of benchmarks.validity")
    parser.add_argument("--tiny", type=Path, required=True, help="the --work folder of benchmarks.selfhvd_tiny")
    parser.add_argument("--out", type=Path, required=True, help="the file that is read by deblur --estimate")
    given = parser.parse_args(arguments)
    cv2.setNumThreads(1)
    clips = [*swept(given.validity, given.data), *small(given.tiny, given.data)]
    methods = learn(clips)
    rows = [
        {
            "clip": clip.name,
            "scene": clip.scene,
            **{name: _short(value) for name, value in zip(SIGNS, clip.signs.values, strict=True)},
            "gain_db": {method: round(gain, 2) for method, gain in clip.gain_db.items()},
        }
        for clip in clips
    ]
    lines = ",\n  ".join(json.dumps(row) for row in rows)
    head = json.dumps({"source": "python -m benchmarks.gains", "machine": machine(), "methods": methods}, indent=1)
    atomic_write_text(given.out, head.removesuffix("\n}") + f',\n "clips": [\n  {lines}\n ]\n}}\n')
    for method, values in methods.items():
        print(
            f"{method}: mean {values['mean_db']} dB, interval +- {values['half_width_db']} dB, {values['clips']} clips"
        )


if __name__ == "__main__":
    main()
