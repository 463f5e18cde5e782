"""Draw a clip's random values from the seed and the clip's own name, and simulate the motion of its camera."""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hvdbench.camera.hand import PRESETS, PresetName
from hvdbench.camera.motion import simulate_motion
from hvdbench.camera.trajectory import Trajectory
from hvdbench.errors import DatasetError
from hvdbench.sources.scene import Scene
from hvdbench.synth.exposure.view import View
from hvdbench.synth.margin import border_by_frame_px
from hvdbench.synth.settings import DatasetSettings

CALMER = 1.5  # the factor by which reference_hz rises
MOST_STEPS = 3  # up to 3.4 times: beyond that, taking slow motion out would show in the blur
MOST_DRAWS = 12


@dataclass(frozen=True)
class ClipPlan:
    """All random values of a clip.

    Args:
        trajectory: the path that the camera follows; None where only the hand model moves it.
        hand: how the phone is held.
        exposure_s: the exposure time of every frame.
        stroke_deg: the stroke of the stabiliser.
        depth_m: the distance of scenes that bring none.
        frames: the number of frames.
    """

    trajectory: Trajectory | None
    hand: PresetName
    exposure_s: float
    stroke_deg: float
    depth_m: float
    frames: int


@dataclass(frozen=True)
class ShakenClip:
    """A scene in front of its moving camera, with the times of its frames.

    Args:
        view: the scene and the camera's motion.
        t_s: (T,) mid-exposure times.
        reference_hz: corner of the slow reference view that was needed to stay inside the scene.
        draws: the number of motions that were rejected before this one.
    """

    view: View
    t_s: NDArray[np.float64]
    reference_hz: float
    draws: int


def generator_for(seed: int, clip: str, purpose: str) -> np.random.Generator:
    """Return a clip's own random generator for one purpose, the same on every machine and for any number of workers."""
    digest = hashlib.sha256(f"{seed}/{clip}/{purpose}".encode()).digest()
    return np.random.default_rng(np.frombuffer(digest, np.dtype("<u4")))


def draw_variant(settings: DatasetSettings, clip: str) -> tuple[str, DatasetSettings]:
    """Draw which of a recipe's variants a clip is; return its name and the settings that it leads to.

    The name is empty, and the settings are those of the recipe, where the recipe has no variants.
    """
    if not settings.variants:
        return "", settings
    names = list(settings.variants)
    shares = np.array([settings.variants[name].share for name in names])
    drawn = names[int(generator_for(settings.seed, clip, "variant").choice(len(names), p=shares / shares.sum()))]
    return drawn, settings.as_variant(drawn)


def plan_clip(scene: Scene, settings: DatasetSettings, trajectories: Sequence[Trajectory]) -> ClipPlan:
    """Draw the values that a recipe leaves open.

    Raises:
        DatasetError: if the scene is shorter than one output frame.
    """
    generator = generator_for(settings.seed, scene.name, "plan")
    frames = settings.frames_per_clip
    if scene.duration_s is not None:
        frames = min(frames, int((scene.duration_s - 2.0 * _lead_s(settings)) * settings.fps + 1e-6))
    if frames < 1:
        raise DatasetError(f"{scene.name} lasts {scene.duration_s:.3f} s, less than one frame at {settings.fps:g} fps")
    share, stroke, depth = generator.uniform(size=3)
    chosen = trajectories[int(generator.integers(len(trajectories)))] if trajectories else None
    names = list(settings.hand)
    weights = np.array([settings.hand[name] for name in names])
    hand = names[int(generator.choice(len(names), p=weights / weights.sum()))]
    low, high = settings.exposure_share
    stroke_low, stroke_high = settings.stroke_deg or (settings.ois.stroke_deg, settings.ois.stroke_deg)
    near, far = np.log(settings.scene_depth_m)
    return ClipPlan(
        trajectory=chosen,
        hand=hand,
        exposure_s=float(low + share * (high - low)) / settings.fps,
        stroke_deg=float(stroke_low + stroke * (stroke_high - stroke_low)),
        depth_m=float(np.exp(near + depth * (far - near))),
        frames=frames,
    )


def shake_clip(scene: Scene, settings: DatasetSettings, plan: ClipPlan) -> ShakenClip:
    """Simulate the camera of a clip so that no frame shows the scene's border.

    If a motion would leave the scene's margin, more of its slow part is removed: ``reference_hz`` rises by half, up to
    three times. After that another motion is drawn, up to twelve times. The decision depends on geometry alone.

    Raises:
        DatasetError: if no motion that was drawn stays inside.
    """
    times = mid_exposure_times(settings, plan.frames)
    beyond = math.inf
    for draw in range(MOST_DRAWS):
        for corner_hz in settings.reference_hz * CALMER ** np.arange(MOST_STEPS + 1):
            path = simulate_motion(
                duration_s=float(times[-1]) + 0.5 / settings.fps,
                focal_px=scene.focal_px,
                hand=PRESETS[plan.hand],
                ois=settings.ois.model_copy(update={"stroke_deg": plan.stroke_deg}),
                generator=generator_for(settings.seed, scene.name, f"motion {draw}" if draw else "motion"),
                trajectory=plan.trajectory,
                trajectory_gain=settings.trajectory_gain,
                scene_depth_m=plan.depth_m,
                lowpass_hz=settings.lowpass_hz,
                reference_hz=float(corner_hz),
                speed_without_scale_m_s=settings.speed_without_scale_m_s,
                rate_hz=settings.simulate_hz,
                fps=settings.fps,
            )
            view = View(scene, path, plan.depth_m)
            past = border_by_frame_px(view, times, plan.exposure_s, readout_s=settings.readout_s)
            if past.max() <= 0.0:
                return ShakenClip(view, times, float(corner_hz), draw)
            beyond = min(beyond, float(past.max()))
    raise DatasetError(
        f"{scene.name}: the calmest of {MOST_DRAWS} motions looks {beyond:.1f} px past the scene's border: "
        "give it a larger margin_share or a smaller size, or choose a calmer hand"
    )


def mid_exposure_times(settings: DatasetSettings, frames: int) -> NDArray[np.float64]:
    """Return mid-exposure times (T,): the middle of each frame's slot, late enough for the first row's opening."""
    return np.asarray((np.arange(frames) + 0.5) / settings.fps + _lead_s(settings), np.float64)


def _lead_s(settings: DatasetSettings) -> float:
    """Return how long before their frame's slot the longest exposure and its readout begin, in seconds."""
    return max(0.0, 0.5 * ((settings.exposure_share[1] - 1.0) / settings.fps + settings.readout_s))
