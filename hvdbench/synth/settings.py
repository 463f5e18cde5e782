"""What a dataset recipe says."""

from typing import Annotated

from pydantic import Field, model_validator

from hvdbench.camera.hand import PresetName
from hvdbench.camera.ois import OisSettings
from hvdbench.recipe import Settings
from hvdbench.sources.scene import Mode

Share = Annotated[float, Field(gt=0, le=1)]
Positive = Annotated[float, Field(gt=0)]


class NoiseSettings(Settings):
    """Sensor noise of the blurry frames; truth has none."""

    shot: float = Field(default=0.0, ge=0)
    """Variance per unit of linear light."""
    read: float = Field(default=1.0 / 255.0, ge=0)
    """Standard deviation after the display gamma, as a share of full scale."""


class DatasetSettings(Settings):
    """A dataset of shaken, stabilised, blurred clips with exact truth."""

    title: str
    """One line for people."""
    source: str
    """A source of the catalogue, or an import string."""
    trajectories: str = "handheld_simulated"
    """A set of ``trajectories/index.toml``, or ``monst3r`` for every set that MonST3R estimated."""
    seed: int = Field(default=0, ge=0)
    """All chance in a clip comes from this and the clip's name."""
    size: tuple[int, int] | None = None
    """Width and height of frames; left out: the source's own less a margin."""
    frames_per_clip: int = Field(default=60, ge=1)
    """At most; a source clip may be shorter."""
    max_clips: int | None = Field(default=None, ge=1)
    """Per split; left out: all."""
    clips: tuple[str, ...] = ()
    """Scenes wanted, in this order; left out: all."""
    fps: Positive = 30.0
    """Of the frames written."""
    source_fps: Positive = 240.0
    """Of a ``folder`` source's frames."""
    exposure_share: tuple[Share, Share] = (0.6, 0.85)
    """Exposure time over frame time, drawn evenly for each clip."""
    hand: dict[PresetName, Positive] = Field(default={"shaky": 1.0})
    """Ways to hold the phone and their shares; one is drawn for each clip."""
    trajectory_gain: float = Field(default=1.0, ge=0)
    """Scales the turning rates of the path; those estimated from stabilised video are too small."""
    lowpass_hz: Positive = 6.0
    """Zero-phase corner for paths: estimated poses carry jitter above."""
    reference_hz: Positive = 0.3
    """Motion slower than this is taken out, so that a clip stays within the scene's margin."""
    speed_without_scale_m_s: Positive = 0.3
    """Median speed that a path without metres is scaled to."""
    ois: OisSettings = OisSettings()
    """The stabiliser."""
    stroke_deg: tuple[Positive, Positive] | None = None
    """Range to draw the stabiliser's stroke from for each clip; left out: ``ois.stroke_deg``."""
    focal_per_width: Positive = 0.751
    """Focal length over frame width."""
    scene_depth_m: tuple[Positive, Positive] = (2.0, 10.0)
    """Distance of scenes that bring none, drawn log-uniformly for each clip."""
    mode: Mode = "dynamic"
    """``dynamic``: the source moves on within an exposure; ``static``: each exposure holds one source frame."""
    simulate_hz: float = Field(default=2000.0, ge=1000)
    """Rate of the motion simulation."""
    step_px: float = Field(default=0.5, gt=0, le=1)
    """Largest step between sub-frames."""
    sub_frame_hz: Positive = 960.0
    """Least rate of sub-frames."""
    gamma: Positive = 2.2
    """Display gamma: light is averaged in linear light."""
    noise: NoiseSettings = NoiseSettings()
    """Of the blurry frames."""

    @model_validator(mode="after")
    def _ordered(self) -> "DatasetSettings":
        for name in ("exposure_share", "stroke_deg", "scene_depth_m"):
            bounds = getattr(self, name)
            if bounds is not None and bounds[0] > bounds[1]:
                raise ValueError(f"{name} must rise, found {bounds[0]} before {bounds[1]}")
        if self.ois.kind == "eis" and (self.ois.frame_hz != self.fps or self.exposure_share[1] >= 1):
            raise ValueError(
                f"ois.kind 'eis' turns whole frames: ois.frame_hz must be fps ({self.fps:g}) and exposure_share below 1"
            )
        if not self.hand:
            raise ValueError("hand names no preset")
        if self.size is not None and min(self.size) < 16:
            raise ValueError("size must be 16 px or more a side")
        return self
