"""What a clip leaves to chance, drawn from the seed and the clip's own name; and the camera's motion that follows."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hvdbench.camera.hand import PRESETS, PresetName
from hvdbench.camera.motion import CameraPath, simulate_motion
from hvdbench.camera.trajectory import Trajectory
from hvdbench.errors import DatasetError
from hvdbench.sources.scene import Scene
from hvdbench.synth.settings import DatasetSettings


@dataclass(frozen=True)
class ClipPlan:
    """All that chance decides about a clip.

    Args:
        trajectory: the path that the camera follows; None: the hand alone.
        hand: how the phone is held.
        exposure_s: of every frame.
        stroke_deg: of the stabiliser.
        depth_m: of scenes that bring none.
        frames: how many.
    """

    trajectory: Trajectory | None
    hand: PresetName
    exposure_s: float
    stroke_deg: float
    depth_m: float
    frames: int


def generator_for(seed: int, clip: str, purpose: str) -> np.random.Generator:
    """Give a clip's own generator for one purpose, the same on every machine and for any number of workers."""
    digest = hashlib.sha256(f"{seed}/{clip}/{purpose}".encode()).digest()
    return np.random.default_rng(np.frombuffer(digest, np.dtype("<u4")))


def plan_clip(scene: Scene, settings: DatasetSettings, trajectories: Sequence[Trajectory]) -> ClipPlan:
    """Draw what a recipe leaves open.

    Raises:
        DatasetError: the scene is shorter than one output frame.
    """
    generator = generator_for(settings.seed, scene.name, "plan")
    frames = settings.frames_per_clip
    if scene.duration_s is not None:
        frames = min(frames, int(scene.duration_s * settings.fps + 1e-6))
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


def shake_clip(scene: Scene, settings: DatasetSettings, plan: ClipPlan) -> CameraPath:
    """Simulate the camera of a clip."""
    return simulate_motion(
        duration_s=plan.frames / settings.fps,
        focal_px=scene.focal_px,
        hand=PRESETS[plan.hand],
        ois=settings.ois.model_copy(update={"stroke_deg": plan.stroke_deg}),
        generator=generator_for(settings.seed, scene.name, "motion"),
        trajectory=plan.trajectory,
        trajectory_gain=settings.trajectory_gain,
        scene_depth_m=plan.depth_m,
        lowpass_hz=settings.lowpass_hz,
        reference_hz=settings.reference_hz,
        speed_without_scale_m_s=settings.speed_without_scale_m_s,
        rate_hz=settings.simulate_hz,
    )


def mid_exposure_times(settings: DatasetSettings, frames: int) -> NDArray[np.float64]:
    """Give (T,) mid-exposure times: the middle of each frame's slot."""
    return np.asarray((np.arange(frames) + 0.5) / settings.fps, np.float64)
