"""Small scenes and camera paths with closed forms, for tests of the synthesis."""

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from hvdbench.camera.motion import CameraPath
from hvdbench.camera.stabiliser.ois import simulate_ois
from hvdbench.camera.stabiliser.settings import OisSettings
from hvdbench.sources.scene import Layer, SceneKind, centred_K

SIZE = (96, 64)
F = 90.0
WIDE = (160, 120)
PERFECT = OisSettings(
    stroke_deg=45.0,
    leak_hz=0.0,
    leak_limit_hz=0.0,
    highpass_hz=0.0,
    gain=1.0,
    delay_s=0.0,
    natural_frequency_hz=0.0,
    gyro_noise_mdps=0.0,
)
RATE_HZ = 2000.0


def smooth_picture(seed: int = 0, size: tuple[int, int] = WIDE) -> NDArray[np.float32]:
    """Make a picture without frequencies near a pixel's: (H, W, 3)."""
    coarse = np.random.default_rng(seed).uniform(0.05, 0.9, (size[1] // 5, size[0] // 5, 3)).astype(np.float32)
    return np.asarray(cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC), np.float32)


@dataclass(frozen=True)
class MadeScene:
    """Pictures at even times (held if there is one), or layers that stay as they are."""

    pictures: tuple[NDArray[np.float32], ...] = field(default_factory=lambda: (smooth_picture(),))
    planes: tuple[Layer, ...] = ()
    key_step_s: float = 1.0 / 240.0
    flow_px_s: float = 0.0
    kind: SceneKind = "planar"

    name = "made"
    split = "test"
    size = SIZE
    focal_px = F
    duration_s = None
    licence = "made"
    provenance = "made"

    def layers(self, t_s: float) -> tuple[Layer, ...]:
        if self.planes:
            return self.planes
        place = float(np.clip(t_s / self.key_step_s, 0, len(self.pictures) - 1))
        first = min(int(place), max(len(self.pictures) - 2, 0))
        picture = self.pictures[first]
        share = np.float32(place - first)
        if share > 0:
            picture = (1 - share) * picture + share * self.pictures[first + 1]
        return (Layer(picture, centred_K(F, picture.shape[1], picture.shape[0])),)

    def key_times(self, start_s: float, end_s: float) -> NDArray[np.float64]:
        if self.planes or len(self.pictures) == 1:
            return np.array([0.5 * (start_s + end_s)])
        first, last = np.floor(start_s / self.key_step_s), np.ceil(end_s / self.key_step_s)
        return np.asarray(np.arange(first, last + 1) * self.key_step_s)

    def own_flow(self, t_s: float) -> NDArray[np.float32] | None:
        if not self.flow_px_s:
            return None
        return np.full((8, 12, 2), (self.flow_px_s, 0), np.float32)


def constant_path(
    rotation_deg_s: tuple[float, float, float] = (0, 0, 0),
    velocity_m_s: tuple[float, float, float] = (0, 0, 0),
    lens_deg_s: tuple[float, float] = (0, 0),
    *,
    t_mid_s: float = 0.05,
    at_deg: tuple[float, float, float] = (0, 0, 0),
) -> CameraPath:
    """Turn and move evenly for 0.1 s, standing at ``at_deg`` in the origin at ``t_mid_s``."""
    t_s = np.linspace(0, 0.1, 801)
    since = (t_s - t_mid_s)[:, None]
    return CameraPath(
        t_s,
        since * np.radians(rotation_deg_s) + np.radians(at_deg),
        since * np.asarray(velocity_m_s),
        since * np.radians(lens_deg_s),
        F,
    )


def stabilised_path(omega: NDArray[np.float64], ois: OisSettings, focal_px: float = F) -> CameraPath:
    """Integrate turning rates about one axis at a time, (S, 3) rad/s at 2 kHz, and stabilise them."""
    angle = np.concatenate([np.zeros((1, 3)), np.cumsum(0.5 * (omega[1:] + omega[:-1]), axis=0)]) / RATE_HZ
    lens = simulate_ois(omega[:, :2], RATE_HZ, ois)
    t_s = np.arange(len(omega)) / RATE_HZ
    return CameraPath(t_s, angle, np.zeros_like(angle), lens, focal_px, kind=ois.kind)
