"""Render one exposure: its sub-frames averaged in linear light, its two truths, and the oracle's values."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hvdbench.frames import Image
from hvdbench.synth.exposure.displacement import SAMPLES, Displacement, measure_displacement
from hvdbench.synth.exposure.layered import Layered
from hvdbench.synth.exposure.one_plane import OnePlane, is_one_plane
from hvdbench.synth.exposure.shutter import Shutter, count_in_parts, count_sub_frames
from hvdbench.synth.exposure.view import View
from hvdbench.synth.margin import border_px


@dataclass(frozen=True)
class Exposure:
    """The result of one exposure, in linear light.

    Args:
        blurry, mid, centroid: (H, W, 3) the average over the exposure, and the truths at mid-exposure and at the mean
            pose, lens shift and object place; with a rolling shutter each row has its own.
        displacement: the displacement of points during the exposure.
        object_mask: (H, W) uint8 0/1 at mid-exposure; None where nothing moves by itself.
        sub_frames: the number of sub-frames that were averaged.
        border_px: the distance by which the farthest visible place lies past the first layer's texture, px of the
            frame; if it is 0 or less, no border shows.
        kept: the sub-frames that are kept as truth, (H, W, 3) each, in the order of time.
        kept_offsets_s: when they are taken, relative to mid-exposure; with a rolling shutter, of the middle row.
    """

    blurry: Image
    mid: Image
    centroid: Image
    displacement: Displacement
    object_mask: NDArray[np.uint8] | None
    sub_frames: int
    border_px: float = float("-inf")
    kept: tuple[Image, ...] = ()
    kept_offsets_s: tuple[float, ...] = ()


def expose(
    view: View,
    t_mid_s: float,
    exposure_s: float,
    *,
    step_px: float = 0.5,
    sub_frame_hz: float = 960.0,
    readout_s: float = 0.0,
    kept: int = 0,
) -> Exposure:
    """Average sub-frames at the midpoints of even time slices, and make both truths in the same way.

    Every picture is sampled once for each of its sub-frames, straight from the scene's textures. One opaque picture at
    about the frame's resolution (video) is averaged by :func:`hvdbench.synth.exposure.tiles.average_along`; layers are
    averaged by compositing each sub-frame.

    Args:
        view: the scene and the camera's motion.
        t_mid_s: the middle of the exposure; the path must extend half an exposure and half the readout to both sides.
        exposure_s: how long the shutter is open.
        step_px: the largest step of any point between sub-frames.
        sub_frame_hz: the lowest rate of sub-frames.
        readout_s: the readout time of a rolling shutter, whose row y is open about
            ``t_mid_s + (y / height - 1/2) readout_s``; 0 exposes all rows at once.
        kept: the number N of sub-frames that are kept: the middle one of each of N equal parts of the exposure. The
            number of sub-frames is raised to an odd multiple of N, so that those kept are among those averaged.
    """
    scene = view.scene
    shutter = Shutter(t_mid_s, exposure_s, scene.size[1], readout_s)
    displacement = measure_displacement(view, t_mid_s, exposure_s, readout_s=readout_s)
    count = count_sub_frames(displacement.swept_px, exposure_s, step_px=step_px, sub_frame_hz=sub_frame_hz)
    count = count_in_parts(count, kept)
    pictures = _pictures_of(view, shutter, displacement.swept_px / exposure_s)
    instants = shutter.parts(count, kept) if kept else np.empty(0)
    times = shutter.times(count)
    return Exposure(
        blurry=pictures.average(times),
        mid=pictures.average(np.array([t_mid_s])),
        centroid=pictures.centroid(times),
        displacement=displacement,
        object_mask=pictures.object_mask() if isinstance(pictures, Layered) else None,
        sub_frames=count,
        border_px=border_px(view, scene.layers(t_mid_s)[0], shutter, SAMPLES),
        kept=tuple(pictures.average(instants[part : part + 1]) for part in range(kept)),
        kept_offsets_s=tuple((instants - t_mid_s).tolist()),
    )


def _pictures_of(view: View, shutter: Shutter, speed_px_s: float) -> OnePlane | Layered:
    layers = view.scene.layers(shutter.t_mid_s)
    keys = view.scene.key_times(*shutter.window_s)
    if keys is not None and is_one_plane(layers):
        return OnePlane(view, shutter, layers[0], keys)
    is_held = keys is not None and len(keys) == 1
    return Layered(view, shutter, layers, is_held, shutter.bands(speed_px_s))
