"""Compute whether a shaken camera sees past the border of its scene."""

import numpy as np

from hvdbench.sources.scene import Layer
from hvdbench.synth.exposure.shutter import Shutter
from hvdbench.synth.exposure.view import View
from hvdbench.synth.exposure.warp import Array, inverse, project

_ROWS = 17  # the rows that are checked if the shutter rolls, so that each row has its own times
_SAMPLES = 9  # the samples of each exposure's path if a whole clip is checked


def border_px(view: View, layer: Layer, shutter: Shutter, samples: int) -> float:
    """Return how far an exposure sees beyond the texture of the first layer.

    Args:
        view: the scene and the camera's motion.
        layer: the first of the scene's layers.
        shutter: the shutter of the exposure.
        samples: the number of evenly spaced times of the path, both ends included.

    Returns:
        The distance of the farthest place beyond the texture, in px of the frame. If it is 0 or less, everything that
        is seen lies inside, with that much to spare. At the very border, interpolation mirrors the two outermost
        pixels.
    """
    return float(_beyond(view, layer, shutter, shutter.uniform_times(samples)).max())


def border_by_frame_px(view: View, t_mid_s: Array, exposure_s: float, *, readout_s: float = 0.0) -> Array:
    """Compute :func:`border_px` for each frame of a clip without rendering any: (T,) px of the frame.

    Only the motion of the camera matters; the scene's layers are loaded once, for their size.

    Args:
        view: the scene and the camera's motion.
        t_mid_s: (T,) mid-exposure times.
        exposure_s: the exposure time of every frame.
        readout_s: the readout time of the rolling shutter.
    """
    layer = view.scene.layers(float(t_mid_s[0]))[0]
    shutter = Shutter(0.0, exposure_s, view.scene.size[1], readout_s)
    times = t_mid_s[:, None] + shutter.uniform_times(_SAMPLES)
    return np.asarray(_beyond(view, layer, shutter, times.ravel()).reshape(times.shape).max(axis=1))


def _beyond(view: View, layer: Layer, shutter: Shutter, times: Array) -> Array:
    """Return how far the frame's outline reaches past the texture at N times, (N,) px of the frame.

    A homography maps the frame to a convex shape, so it is enough to check the frame's corners, or, if each row has its
    own times, the ends of the rows.
    """
    width, height = view.scene.size
    rows = np.linspace(0, height - 1, _ROWS if shutter.readout_s else 2)
    delays = shutter.delay_s(rows) if shutter.readout_s else np.zeros(1)
    (H,) = view.homographies((layer,), times[:, None] + delays)
    ends = np.stack(np.meshgrid([0.0, width - 1.0], rows), axis=-1)  # (rows, 2, 2)
    places = project(inverse(H)[:, :, None], ends)  # (N, rows, 2, 2)
    last = np.array(layer.texture.shape[1::-1]) - 1.0
    past = np.maximum(-places, places - last).max(axis=(1, 2, 3))
    return np.asarray(past * (view.scene.focal_px / layer.K[0, 0]))
