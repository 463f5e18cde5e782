"""Whether a shaken camera looks past the border of its scene."""

import numpy as np

from hvdbench.sources.scene import Layer
from hvdbench.synth.exposure.shutter import Shutter
from hvdbench.synth.exposure.view import View
from hvdbench.synth.exposure.warp import Array, inverse, project

_ROWS = 17  # looked at, where rows have times of their own
_SAMPLES = 9  # of the path, in a look at a whole clip


def border_px(view: View, layer: Layer, shutter: Shutter, samples: int) -> float:
    """Return how far past the first layer's texture the farthest place lies that an exposure looks at.

    Args:
        view: scene and motion.
        layer: the first of the scene's.
        shutter: of the exposure.
        samples: even times of the path, both ends included.

    Returns:
        px of the frame; 0 or less: all is inside, with that much to spare. At the very border interpolation mirrors
        the outermost two pixels.
    """
    return float(_beyond(view, layer, shutter, shutter.uniform_times(samples)).max())


def border_by_frame_px(view: View, t_mid_s: Array, exposure_s: float, *, readout_s: float = 0.0) -> Array:
    """Compute :func:`border_px` for each frame of a clip without rendering any: (T,) px of the frame.

    The camera alone decides; the scene's pictures are asked for once, for their size.

    Args:
        view: scene and motion.
        t_mid_s: (T,) mid-exposure times.
        exposure_s: of every frame.
        readout_s: of the rolling shutter.
    """
    layer = view.scene.layers(float(t_mid_s[0]))[0]
    shutter = Shutter(0.0, exposure_s, view.scene.size[1], readout_s)
    times = t_mid_s[:, None] + shutter.uniform_times(_SAMPLES)
    return np.asarray(_beyond(view, layer, shutter, times.ravel()).reshape(times.shape).max(axis=1))


def _beyond(view: View, layer: Layer, shutter: Shutter, times: Array) -> Array:
    """Return how far the frame's outline reaches past the texture at N times, (N,) px of the frame.

    A homography maps the frame to a convex shape, so its corners decide; with rows of their own times, the rows' ends.
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
