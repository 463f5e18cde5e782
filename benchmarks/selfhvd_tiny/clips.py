"""The clips of the small benchmark: embedded scenes and real footage that hvdbench shakes, and real paired frames.

A clip has a role. Settings of the fit were chosen on the clips called ``tuning`` (and on what the recipes were tuned on
before); those called ``held out`` were not looked at while choosing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from hvdbench.camera.index import load_sets
from hvdbench.frames import Frames, read_clip, write_clip
from hvdbench.labels.sharpness import SharpLabels, label_paper
from hvdbench.sources.movie import MovieFrames
from hvdbench.store import ClipFolder
from hvdbench.synth.goproshake import open_scenes, synthesise
from hvdbench.synth.settings import DatasetSettings
from hvdbench.workspace.engine import Engine

Role = Literal["tuning", "held out"]
Kind = Literal["planar", "parallax", "moving_object", "video", "real"]


@dataclass(frozen=True)
class Clip:
    """A blurry clip with its truths and what is known of it.

    Attributes:
        name: of the clip.
        kind: of the scene; ``real`` for frames whose blur hvdbench did not make.
        role: whether settings were chosen on it.
        blurry: (T, H, W, 3) uint8.
        truths: by ``mid`` and ``centroid``; the same frames under both names are never given.
        labels: the paper's, from the blurry frames.
        oracle: (T,) 0 sharp, 1 mild, 2 blurry; None where nobody knows.
        extent_px: (T,) median displacement of a frame's points; None where nobody knows.
        objects: (T, H, W) whether a pixel shows a moving thing; None where nobody knows.
    """

    name: str
    kind: Kind
    role: Role
    blurry: Frames
    truths: Mapping[str, Frames]
    labels: SharpLabels
    oracle: NDArray[np.int64] | None = None
    extent_px: NDArray[np.float64] | None = None
    objects: NDArray[np.bool_] | None = None

    @property
    def todo(self) -> list[int]:
        """Frames that were not selected."""
        return [int(i) for i in np.flatnonzero(~self.labels.is_selected)]


@dataclass(frozen=True)
class Spec:
    """How a clip is made.

    Attributes:
        kind, role: as of :class:`Clip`.
        scene: of the embedded ones; empty for real material.
        footage: a film below the folder of footage, its first frame and how many; None for other material.
        paired: a folder of ``blur`` and ``sharp`` below the folder of pairs; empty for other material.
        changes: laid over the settings that all made clips share.
    """

    kind: Kind
    role: Role
    scene: str = ""
    footage: tuple[str, int, int] | None = None
    paired: str = ""
    changes: Mapping[str, Any] | None = None


SIZE = (320, 192)
FRAMES = 40
_EMBEDDED: Mapping[str, Any] = {
    "source": "sample",
    "exposure_share": [0.7, 0.7],
    "hand": {"tense": 1.0},
    "trajectory_gain": 0.2,
    "focal_per_width": 0.94,
    "stroke_deg": [0.6, 0.6],
}
_FOOTAGE: Mapping[str, Any] = {
    "source": "folder",
    "exposure_share": [0.7, 0.7],
    "hand": {"hvd": 1.0},
    "focal_per_width": 0.7224,
    "margin_share": 0.09,
    "ois": {"kind": "lens_shift", "stroke_deg": 0.5, "leak_hz": 0.14, "leak_limit_hz": 1.8},
}
_ALL: Mapping[str, Any] = {"fps": 30, "frames_per_clip": FRAMES, "size": SIZE, "noise": {"read": 0.00392}}
_HARD: Mapping[str, Any] = {"exposure_share": [0.85, 0.85], "stroke_deg": [0.3, 0.3], "hand": {"hvd": 1.0}}

WALK, JUGGLE = "gopro_max_walk_848x480.mp4", "sam2_juggle_720p.mp4"
SPECS: Mapping[str, Spec] = {
    "motorcycle": Spec("parallax", "tuning", scene="motorcycle", changes={"seed": 19}),
    "cup": Spec("moving_object", "tuning", scene="cup", changes={"seed": 19}),
    "walk_a": Spec("video", "tuning", footage=(WALK, 0, 75), changes={"source_fps": 29.97, "seed": 1}),
    "reds_027": Spec("real", "tuning", paired="reds_027_x4_f000-039"),
    "motorcycle_hard": Spec("parallax", "held out", scene="motorcycle", changes={"seed": 5, **_HARD}),
    "cup_hard": Spec("moving_object", "held out", scene="cup", changes={"seed": 7, **_HARD}),
    "coffee_hard": Spec("planar", "held out", scene="coffee", changes={"seed": 3, **_HARD}),
    "walk_b": Spec("video", "held out", footage=(WALK, 200, 75), changes={"source_fps": 29.97, "seed": 2}),
    "juggle": Spec("video", "held out", footage=(JUGGLE, 60, 75), changes={"source_fps": 24.0, "seed": 3}),
    "reds_small_000": Spec("real", "held out", paired="reds_small_train000"),
}


def make_clip(
    name: str, work: Path, data: Path, spec: Spec | None = None, changes: Mapping[str, Any] | None = None
) -> Clip:
    """Make a clip, or read it where it was made before.

    Args:
        name: of :data:`SPECS`, or a new name with a ``spec`` of its own.
        work: folder for what is made.
        data: folder of footage and pairs, with ``sharp/`` and ``paired/``.
        spec: how, where the name is new.
        changes: laid over the recipe's values last; give such clips names of their own.
    """
    spec = spec or SPECS[name]
    if spec.paired:
        folder = data / "paired" / spec.paired
        blurry = read_clip(folder / "blur")
        return Clip(name, "real", spec.role, blurry, {"mid": read_clip(folder / "sharp")}, label_paper(blurry))
    made = _synthesised(name, work, data, spec, changes or {})
    blurry = made.blurry()
    truths = {"mid": made.truth("mid"), "centroid": made.truth("centroid")}
    objects = made.track("oracle/object_mask")
    return Clip(
        name,
        spec.kind,
        spec.role,
        blurry,
        {key: truth for key, truth in truths.items() if truth is not None},
        label_paper(blurry),
        made.track("oracle/class"),
        made.track("oracle/displacement_median_px"),
        None if objects is None else objects > 0,
    )


def _synthesised(name: str, work: Path, data: Path, spec: Spec, changes: Mapping[str, Any]) -> ClipFolder:
    base = _EMBEDDED if spec.scene else _FOOTAGE
    values = {"title": name, **_ALL, **base, **(spec.changes or {}), **changes}
    if spec.footage is not None and "stroke_deg" in values:
        values["ois"] = {**values["ois"], "stroke_deg": values.pop("stroke_deg")[0]}
    root = None
    if spec.scene:
        values["clips"] = [spec.scene]
    elif spec.footage is not None:
        root = _stretch(data / "sharp" / spec.footage[0], work / "footage" / name, *spec.footage[1:])
    settings = DatasetSettings.model_validate(values)
    dataset = synthesise(
        settings,
        name,
        work / "clips" / name,
        scenes=open_scenes(settings, root),
        trajectories=load_sets("handheld_simulated"),
        origin="simulated",
        engine=Engine(1),
        overwrite=True,
    )
    return dataset.clips()[0]


def _stretch(film: Path, folder: Path, first: int, count: int) -> Path:
    """Write some frames of a film as pictures, once."""
    place = folder / film.stem
    if not place.is_dir() or len(list(place.glob("*.png"))) != count:
        place.mkdir(parents=True, exist_ok=True)
        movie = MovieFrames(film)
        write_clip(place, np.stack([movie.read(index) for index in range(first, first + count)]))
    return folder
