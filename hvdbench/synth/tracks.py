"""Write ``tracks.h5``: how a clip's camera moved, and how that blurs each frame.

``docs/store.md`` lists the fields.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from hvdbench.store.hdf5_files import write_hdf5
from hvdbench.synth.averaging import Windows
from hvdbench.synth.clip_plan import ClipPlan, ShakenClip
from hvdbench.synth.exposure.one_exposure import Exposure
from hvdbench.synth.settings import DatasetSettings

Fields = dict[str, NDArray[Any]]
_SMALL_BYTES = 4096


@dataclass(frozen=True)
class SynthesisedClip:
    """Everything about a synthesised clip except its pictures.

    Args:
        origin: ``demo``, ``simulated`` or ``measured``, which rows scored on the clip carry.
        settings: the recipe's values.
        plan: the random values of the clip.
        shaken: the scene in front of its camera.
        exposures: the exposures, one per frame.
        drawn: the values drawn for response, noise and codec.
        windows: which source frames were averaged into which frame, where that is how the blur was made.
    """

    origin: str
    settings: DatasetSettings
    plan: ClipPlan
    shaken: ShakenClip
    exposures: Sequence[Exposure]
    drawn: Mapping[str, float | str]
    windows: Windows | None = None


def write_tracks(file: Path, facts: SynthesisedClip) -> None:
    """Write a clip's ``tracks.h5``; the same clip always gives the same bytes."""
    fields = _motion(facts) | _oracle(facts)
    if facts.settings.flow:
        fields |= _flows(facts)
    if facts.settings.subframes is not None:
        fields["series/offset_s"] = np.array([exposure.kept_offsets_s for exposure in facts.exposures])
    if facts.windows is not None:
        fields["average/source_frames"] = facts.windows.source_frames
        fields["average/truth_frame"] = facts.windows.truth_frame
    with write_hdf5(file) as tracks:
        for name, values in fields.items():
            packed = {"compression": "gzip", "compression_opts": 4} if values.nbytes > _SMALL_BYTES else {}
            tracks.create_dataset(name, data=values, track_times=False, **packed)
            # else chunks get their places as the handles of fields die, which the garbage collector decides
            tracks.flush()
        tracks.attrs.update(_attributes(facts))


def _motion(facts: SynthesisedClip) -> Fields:
    path, times = facts.shaken.view.path, facts.shaken.t_s
    moved = [exposure.displacement for exposure in facts.exposures]
    inside = path.t_s <= times[-1] + 0.5 / facts.settings.fps
    return {
        "t_s": times,
        "exposure_s": np.full(len(times), facts.plan.exposure_s),
        "pose/rotation_wc": np.asarray(Rotation.from_rotvec(path.rotation_at(times)).as_matrix()),
        "pose/position_w_m": path.position_at(times),
        "lens_shift_px": path.lens_shift_at(times),
        "exposure/residual_px": np.stack([one.centre_px for one in moved]),
        "exposure/hand_px": np.stack([one.hand_px for one in moved]),
        "exposure/sub_frames": np.array([exposure.sub_frames for exposure in facts.exposures]),
        "path/t_s": path.t_s[inside],
        "path/hand_deg": np.degrees(path.rotation_vector_wc[inside]),
        "path/lens_deg": np.degrees(path.lens_rad[inside]),
        "path/residual_deg": np.degrees(path.residual_rad[inside]),
    }


def _oracle(facts: SynthesisedClip) -> Fields:
    moved = [exposure.displacement for exposure in facts.exposures]
    extent = np.stack([one.extent_px for one in moved])
    width = facts.shaken.view.scene.size[0]
    fields: Fields = {
        "oracle/class": np.array([facts.settings.oracle.classify(one.extent_px, width) for one in moved], np.int8),
        "oracle/displacement_max_px": extent.max(axis=1),
        "oracle/displacement_median_px": np.median(extent, axis=1),
        "oracle/displacement_mean_px": extent.mean(axis=1),
        "oracle/displacement_centre_px": extent[:, extent.shape[1] // 2],
    }
    masks = [exposure.object_mask for exposure in facts.exposures]
    if masks[0] is not None:
        fields["oracle/object_mask"] = np.stack([mask for mask in masks if mask is not None])
    return fields


def _flows(facts: SynthesisedClip) -> Fields:
    view, readout_s = facts.shaken.view, facts.settings.readout_s
    pairs = list(pairwise(facts.shaken.t_s.tolist()))
    size = view.scene.size[::-1]
    following = [view.flow(now, later, readout_s=readout_s) for now, later in pairs]
    previous = [view.flow(later, now, readout_s=readout_s) for now, later in pairs]
    empty = np.zeros((0, *size, 2), np.float32)
    return {
        "oracle/flow_next": np.stack(following) if pairs else empty,
        "oracle/flow_previous": np.stack(previous) if pairs else empty,
    }


def _attributes(facts: SynthesisedClip) -> dict[str, Any]:
    plan, scene = facts.plan, facts.shaken.view.scene
    return {
        "origin": facts.origin,
        "source": scene.provenance,
        "licence": scene.licence,
        "trajectory": plan.trajectory.name if plan.trajectory else "hand model",
        "trajectory_origin": plan.trajectory.origin if plan.trajectory else "simulated",
        "scene_kind": scene.kind,
        "hand": plan.hand,
        "stroke_deg": plan.stroke_deg,
        "focal_px": scene.focal_px,
        "depth_m": plan.depth_m,
        "fps": facts.settings.fps,
        "readout_s": facts.settings.readout_s,
        "reference_hz": facts.shaken.reference_hz,
        "motions_rejected": facts.shaken.draws,
        "border_px": max(exposure.border_px for exposure in facts.exposures),
        **facts.drawn,
    }
