"""Is the gate of re-blur consistency right? Asked on clips that its thresholds were not chosen on.

``python -m benchmarks.reblur_gate --work FOLDER [--data ../shared/data] --out FILE.json`` makes small clips of the
embedded scenes (rolling shutter, tremor faster than the frame rate, moving objects, parallax, even sways, noise,
codec), corrects every frame with and without the gate, and sets what happened against what the gate had said.
:mod:`benchmarks.reblur_null` derives the thresholds.
"""

import argparse
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from benchmarks.reblur_null import derive
from benchmarks.reblur_tables import markdown, summarise
from benchmarks.selfhvd_tiny.clips import Spec, make_clip
from benchmarks.selfhvd_tiny.machine import machine
from hvdbench.camera.trajectory import Trajectory
from hvdbench.frames import Frames, Image, read_clip
from hvdbench.labels.sharpness import label_paper
from hvdbench.methods.blur.alignment import Aligner, nearest_sharp, sharp_neighbours
from hvdbench.methods.blur.exposure_model import ExposureModel, fit_exposure_model
from hvdbench.methods.blur.reblur import correct, reblur
from hvdbench.methods.reblur_blend import blend
from hvdbench.methods.warp_average import warp_average
from hvdbench.metrics.fidelity import psnr
from hvdbench.store import Dataset
from hvdbench.synth.goproshake import open_scenes, synthesise
from hvdbench.synth.settings import DatasetSettings
from hvdbench.workspace.atomic import atomic_write_text
from hvdbench.workspace.engine import Engine

FRAMES, SIZE = 30, (256, 144)
STEPS = 4
ARMS = ("average", "average+", "blend", "blend+")  # a plus: corrected, ungated
_PATH_S, _PATH_HZ = 14.0, 500.0
_ALL: Mapping[str, Any] = {
    "source": "sample",
    "frames_per_clip": FRAMES,
    "size": SIZE,
    "fps": 20,
    "exposure_share": [0.8, 0.8],
    "noise": {"read": 0.00392},
    "focal_per_width": 0.94,
    "lowpass_hz": 60,
    "reference_hz": 0.05,
    "hand": {"still": 1.0},
    "ois": {"kind": "off"},
}


@dataclass(frozen=True)
class Sway:
    """A camera path in numbers.

    Attributes:
        sway_deg, sway_hz: an even, slow turn to and fro about both axes.
        tremor_deg: of bursts of 8 to 12 Hz on an ellipse.
        slide_m: to and fro sideways, at the sway's rate.
    """

    sway_deg: float
    sway_hz: float = 0.6
    tremor_deg: float = 0.0
    slide_m: float = 0.0

    def drawn(self, seed: int) -> Trajectory:
        """Draw phases, burst times and tremor rate."""
        random = np.random.default_rng([6, seed])
        t_s = np.arange(int(_PATH_S * _PATH_HZ)) / _PATH_HZ
        phase = random.uniform(0, 2 * np.pi, 4)
        tremor_hz = random.uniform(8.0, 12.0)
        slow = 2 * np.pi * self.sway_hz * t_s
        burst = self.tremor_deg * np.clip(np.sin(2 * np.pi * 0.9 * t_s + phase[2]) + 0.2, 0, 1)
        y = self.sway_deg * np.sin(slow + phase[0]) + burst * np.sin(2 * np.pi * tremor_hz * t_s + phase[3])
        x = 0.4 * self.sway_deg * np.sin(0.7 * slow + phase[1])
        x += 0.8 * burst * np.cos(2 * np.pi * 1.07 * tremor_hz * t_s + phase[3])
        turn = Rotation.from_rotvec(np.radians(np.stack([x, y, np.zeros_like(x)], axis=1)))
        place = np.zeros((len(t_s), 3))
        place[:, 0] = self.slide_m * np.sin(slow + phase[1])
        return Trajectory(t_s, turn.as_quat()[:, [3, 0, 1, 2]], place, "made", "simulated", True)


@dataclass(frozen=True)
class Kind:
    """A kind of clip.

    Attributes:
        scenes: one a seed.
        path: of the camera; None: a hand alone.
        changes: laid over the settings that all share.
    """

    scenes: tuple[str, ...]
    path: Sway | None
    changes: Mapping[str, Any] = field(default_factory=dict)


_FLAT, _EVEN, _BURSTS = ("astronaut", "coffee"), Sway(9.0), Sway(3.0, 0.5, tremor_deg=0.45)
_LOSSY: Mapping[str, Any] = {"noise": {"shot": 0.01, "read": 0.015}}
_CODED: Mapping[str, Any] = {"codec": {"codec": "h264", "crf": [30, 30]}}
_PHONE: Mapping[str, Any] = {"fps": 30, "hand": {"hvd": 1.0}, "reference_hz": 0.3, "ois": {"stroke_deg": 0.4}}
KINDS: Mapping[str, Kind] = {
    "even sway": Kind(_FLAT, _EVEN),
    "even sway, noise": Kind(_FLAT, _EVEN, _LOSSY),
    "even sway, codec": Kind(_FLAT, _EVEN, _CODED),
    "walk, no stabiliser": Kind(_FLAT, None, {"fps": 30, "hand": {"walk": 1.0}, "reference_hz": 0.3}),
    "parallax": Kind(("motorcycle", "motorcycle"), Sway(2.0, slide_m=0.15)),
    "moving object": Kind(("cup", "cup"), Sway(5.0)),
    "rolling shutter, sway": Kind(_FLAT, _EVEN, {"readout_s": 0.03, "exposure_share": [0.6, 0.6]}),
    "rolling shutter, phone": Kind(_FLAT, None, {**_PHONE, "readout_s": 0.022, "exposure_share": [0.7, 0.7]}),
    "phone": Kind(_FLAT, None, _PHONE),
    "tremor, no stabiliser": Kind(_FLAT, _BURSTS, {"fps": 15}),
    "tremor, stabilised": Kind(_FLAT, _BURSTS, {"fps": 15, "ois": {"kind": "lens_shift"}}),
    "tremor, noise": Kind(_FLAT, _BURSTS, {"fps": 15, **_LOSSY}),
    "tremor, codec": Kind(_FLAT, _BURSTS, {"fps": 15, **_CODED}),
}
WALK = Spec(
    "video",
    "held out",
    footage=("gopro_max_walk_848x480.mp4", 110, 75),
    changes={"source_fps": 29.97, "seed": 8, "size": SIZE, "ois": {"kind": "off"}, "hand": {"walk": 1.0}},
)
FILMS: Mapping[str, Spec | None] = {"film walk, no stabiliser": WALK, "juggle": None}
PAIRS: Mapping[str, tuple[str, int]] = {  # folder, and by how much frames are reduced
    "REDS small 000": ("reds_small_train000", 1),
    "REDS small 001": ("reds_small_train001", 1),
    "REDS 020, quarter size": ("reds_020_720p_f000-007", 4),
    "REDS 027 (tuned on)": ("reds_027_x4_f000-039", 1),
}


@dataclass(frozen=True)
class Shot:
    """A clip: blurry frames, truths by name, and how far each path inside an exposure is off an even one, px."""

    kind: str
    blurry: Frames
    truths: Mapping[str, Frames]
    uneven_px: NDArray[np.float64] | None = None


def made(kind: str, seed: int, work: Path, frames: int = FRAMES) -> Shot:
    """Make a clip of a kind.

    Args:
        kind: of :data:`KINDS`.
        seed: draws path, noise, and which scene.
        work: where it is written.
        frames: how many.
    """
    recipe = KINDS[kind]
    name = f"{kind.replace(', ', '_').replace(' ', '_')}_{seed}"
    scene = recipe.scenes[seed % len(recipe.scenes)]
    values = {**_ALL, "title": name, "seed": 4000 + seed, "clips": [scene], **recipe.changes, "frames_per_clip": frames}
    settings = DatasetSettings.model_validate(values)
    dataset = synthesise(
        settings,
        name,
        work / name,
        scenes=open_scenes(settings),
        trajectories=[] if recipe.path is None else [recipe.path.drawn(seed)],
        origin="simulated",
        engine=Engine(1),
        overwrite=True,
    )
    return _shot(kind, dataset)


def _shot(kind: str, dataset: Dataset) -> Shot:
    clip = dataset.clips()[0]
    truths = {name: clip.truth(name) for name in ("mid", "centroid")}
    path = clip.track("exposure/residual_px")
    found = {name: frames for name, frames in truths.items() if frames is not None}
    return Shot(kind, clip.blurry(), found, None if path is None else uneven(path))


def uneven(path: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (T,) the rms distance of paths (T, M, 2) from the even straight ones that fit them best, px."""
    shares = np.linspace(-0.5, 0.5, path.shape[1])
    centred = path - path.mean(axis=1, keepdims=True)
    line = np.einsum("m,tma->ta", shares, centred) / np.square(shares).sum()
    rest = centred - shares[None, :, None] * line[:, None]
    return np.asarray(np.sqrt(np.square(rest).sum(axis=-1).mean(axis=1)))


def paired(name: str, data: Path) -> Shot:
    """Read real pairs."""
    folder, factor = PAIRS[name]
    blurry, sharp = (read_clip(data / "paired" / folder / which) for which in ("blur", "sharp"))
    if factor > 1:
        size = (blurry.shape[2] // factor, blurry.shape[1] // factor)
        blurry, sharp = (np.stack([_reduced(f, size) for f in frames]) for frames in (blurry, sharp))
    return Shot(name, blurry, {"mid": sharp})


def _reduced(frame: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    return np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), np.uint8)


def filmed(name: str, work: Path, data: Path) -> Shot:
    """Shake a film."""
    clip = make_clip(name.replace(", ", "_").replace(" ", "_"), work, data, FILMS[name])
    return Shot(name, clip.blurry, clip.truths)


def measure(shot: Shot) -> dict[str, Any]:
    """Return what the gate said of every frame that is not selected, and what correcting did to it.

    Returns:
        ``kind``, ``selected``, ``tau``, ``clip_gain`` (median), and ``frames``: a dict each of ``index``, ``gain``,
        ``open``, ``extent_px``, ``uneven_px``, ``left_over`` (:func:`left_over_noise` of the average) and PSNR
        ``<arm>_<truth>``.
    """
    labels = label_paper(shot.blurry)
    aligner = Aligner(shot.blurry)
    model = fit_exposure_model(aligner, labels.is_selected)
    rows = []
    for index in (int(i) for i in np.flatnonzero(~labels.is_selected)):
        if nearest_sharp(index, labels.selected) is None:
            continue
        row: dict[str, Any] = {
            "index": index,
            "gain": round(float(model.gain[index]), 4),
            "open": bool(model.explained[index]),
            "extent_px": round(float(model.extent[index]) * shot.blurry.shape[2], 2),
        }
        if shot.uneven_px is not None:
            row["uneven_px"] = round(float(shot.uneven_px[index]), 3)
        pictures = dict(zip(ARMS, _arms(model, index, labels.selected), strict=True))
        row["left_over"] = round(left_over_noise(pictures["average"], index, model), 2)
        for arm, picture in {"input": aligner.blurry(index), **pictures}.items():
            for truth, frames in shot.truths.items():
                frame = np.asarray(np.rint(np.clip(picture, 0, 255)), np.uint8)
                row[f"{arm}_{truth}"] = round(psnr(frame, frames[index]), 3)
        rows.append(row)
    gains = [row["gain"] for row in rows]
    return {
        "kind": shot.kind,
        "selected": int(labels.is_selected.sum()),
        "tau": model.tau,
        "clip_gain": round(float(np.median(gains)), 4) if gains else None,
        "frames": rows,
    }


def _arms(model: ExposureModel, index: int, selected: NDArray[np.intp]) -> list[Image]:
    aligner = model.aligner
    blurry, motion = aligner.blurry(index), model.motion(index)
    found = []
    for start in (warp_average(aligner, index, sharp_neighbours(index, selected)), blend(model, index, selected)):
        found += [start, correct(start, blurry, motion, model.tau, steps=STEPS)]
    return found


def left_over_noise(start: Image, index: int, model: ExposureModel) -> float:
    """Return what a start does not explain of its frame, ``mean (B - K R)²``, over the frame's noise variance.

    The noise is the median length of a Laplacian that does not see planes (Immerkaer's mask), and a third of a squared
    level for rounding and what the median missed.
    """
    blurry = _gray(model.aligner.blurry(index))
    rest = blurry - _gray(reblur(start, model.motion(index), model.tau))
    mask = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
    noise = 1.4826 * float(np.median(np.abs(cv2.filter2D(blurry, -1, mask)))) / 6
    return float(np.square(rest).mean()) / (noise**2 + 0.3)


def _gray(picture: Image) -> Image:
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.float32)


def main(arguments: Sequence[str] | None = None) -> None:
    """Make, measure, derive, write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reblur_gate", description=__doc__)
    parser.add_argument("--work", type=Path, required=True, help="folder for the clips")
    parser.add_argument("--data", type=Path, help="folder with sharp/ (films) and paired/; left out: made clips alone")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1])
    parser.add_argument("--only", nargs="+", default=list(KINDS), choices=list(KINDS), help="kinds of made clips")
    parser.add_argument("--out", type=Path, required=True, help="name of a .json; the tables go beside it as .md")
    given = parser.parse_args(arguments)
    cv2.setNumThreads(1)
    began = time.process_time()
    clips = []
    for kind in given.only:
        for seed in given.seeds:
            clips.append(measure(made(kind, seed, given.work)) | {"seed": seed})
            print(kind, seed, clips[-1]["clip_gain"], f"{time.process_time() - began:.0f} s", flush=True)
    if given.data:
        clips += [measure(filmed(name, given.work, given.data)) for name in FILMS]
        clips += [measure(paired(name, given.data)) for name in PAIRS]
    report: dict[str, Any] = {"machine": machine(), "clips": clips, "derived": derive()}
    report["summary"] = summarise(clips)
    report["process_s"] = round(time.process_time() - began)
    atomic_write_text(given.out, json.dumps(report, indent=None, separators=(",", ":")) + "\n")
    atomic_write_text(given.out.with_suffix(".md"), markdown(report))


if __name__ == "__main__":
    main()
