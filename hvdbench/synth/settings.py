"""Define the settings of a dataset recipe."""

from typing import Annotated, Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, field_validator, model_serializer, model_validator

from hvdbench.camera.hand import PresetName
from hvdbench.camera.index import NO_PATHS
from hvdbench.camera.stabiliser.settings import OisSettings
from hvdbench.recipe import Settings
from hvdbench.recipe.bounds import MOST_CLIPS, MOST_SEED, MOST_WEIGHT
from hvdbench.recipe.trust import Part
from hvdbench.response import open_response
from hvdbench.sources.scene import Mode, Split
from hvdbench.synth.averaging import AverageSettings
from hvdbench.synth.development.codec import CodecSettings
from hvdbench.synth.development.highlights import HighlightSettings
from hvdbench.synth.development.isp import IspSettings
from hvdbench.synth.development.sensor import SensorSettings
from hvdbench.synth.oracle import OracleSettings

Share = Annotated[float, Field(gt=0, le=1)]
Side = Annotated[int, Field(ge=16, le=8192)]
Stroke = Annotated[float, Field(gt=0, le=45)]
Depth = Annotated[float, Field(ge=0.01, le=100_000)]
Weight = Annotated[float, Field(gt=0, le=MOST_WEIGHT)]

# Settings of a camera that moves, which have no meaning where whole frames are averaged.
_OF_MOTION = (
    "exposure_share",
    "trajectory_gain",
    "lowpass_hz",
    "reference_hz",
    "speed_without_scale_m_s",
    "stroke_deg",
    "margin_share",
    "scene_depth_m",
    "mode",
    "simulate_hz",
    "step_px",
    "sub_frame_hz",
    "readout_s",
)


class Variant(Settings):
    """Settings that differ in a share of the clips; what is left out is as in the rest of the recipe."""

    share: Weight = 1.0
    """Share of the clips that are of this variant, relative to the shares of the others."""
    exposure_share: tuple[Share, Share] | None = None
    """Exposure time over frame time."""
    hand: dict[PresetName, Weight] | None = None
    """Ways to hold the phone and their shares."""
    stroke_deg: tuple[Stroke, Stroke] | None = None
    """Range of the stabiliser's stroke."""
    readout_s: float | None = Field(default=None, ge=0, le=0.05)
    """Readout of the rolling shutter."""
    light: float | None = Field(default=None, gt=0, le=10)
    """Factor on the light of the scene."""
    highlights: HighlightSettings | None = None
    """Light above full scale."""
    noise: SensorSettings | None = None
    """Sensor noise of the blurry frames."""
    isp: IspSettings | None = None
    """RAW round trip of the blurry frames."""
    codec: CodecSettings | None = None
    """Video codec that the blurry frames go through."""


class DatasetSettings(Settings):
    """The settings of a dataset of shaken, stabilised, blurred clips with exact truth."""

    title: str
    """One line of description."""
    name: str | None = None
    """The dataset's name on boards; left out: the recipe's name."""
    source: Annotated[str, Part("source")]
    """Source of the scenes: a name of the catalogue, or an import string."""
    trajectories: str = "handheld_simulated"
    """Set of camera paths in ``trajectories/index.toml``, ``monst3r`` for every set that MonST3R estimated, or ``none``
    where the hand model alone moves the camera."""
    seed: int = Field(default=0, ge=0, le=MOST_SEED)
    """Random seed; all randomness in a clip comes from it and the clip's name."""
    size: tuple[Side, Side] | None = None
    """Width and height of frames; left out: the source's own size less a margin."""
    frames_per_clip: int = Field(default=60, ge=1, le=100_000)
    """Largest number of frames per clip; a source clip may be shorter."""
    max_clips: int | None = Field(default=None, ge=1, le=MOST_CLIPS)
    """Largest number of clips per split; left out: no limit."""
    clips: tuple[str, ...] = ()
    """Names of the scenes to use, in this order; left out: all scenes."""
    fps: float = Field(default=30.0, ge=1, le=1000)
    """Frame rate of the frames that are written."""
    source_fps: float | None = Field(default=None, ge=1, le=100_000)
    """Frame rate of the source, in place of what its videos or names state; left out: theirs, or 240 for pictures."""
    interpolate: bool = True
    """Whether frames between those of a fast-moving source are interpolated along optical flow (``dynamic``)."""
    views: int = Field(default=1, ge=1, le=1000)
    """Number of clips made of each photograph; for the source ``photos``."""
    split: Split = "test"
    """Split of clips whose source has none; for the source ``photos``."""
    test_clips: tuple[str, ...] = ()
    """Names of photographs whose clips are of the split ``test``, beside those of ``clips``; for the source
    ``photos``."""
    blur: Literal["shake", "average"] = "shake"
    """``shake``: what a moving camera sees of the scene; ``average``: the mean of whole source frames, before a camera
    that stands still."""
    average: AverageSettings | None = None
    """Which source frames are averaged where ``blur`` is ``average``; left out: 11, as ``fps`` asks."""
    exposure_share: tuple[Share, Share] = (0.6, 0.85)
    """Exposure time over frame time, drawn evenly for each clip."""
    hand: dict[PresetName, Weight] = Field(default={"shaky": 1.0})
    """Ways to hold the phone and their shares; one is drawn for each clip."""
    trajectory_gain: float = Field(default=1.0, ge=0, le=100)
    """Factor on the turning rates of the path; those estimated from stabilised video are too small."""
    lowpass_hz: float = Field(default=6.0, ge=0.1, le=1000)
    """Corner of the zero-phase filter for paths, since estimated poses carry jitter above it."""
    reference_hz: float = Field(default=0.3, ge=0.001, le=100)
    """Frequency below which motion is removed, so that a clip stays within the scene's margin."""
    speed_without_scale_m_s: float = Field(default=0.3, gt=0, le=100)
    """Median speed to which a path without metres is scaled."""
    ois: OisSettings = OisSettings()
    """Settings of the stabiliser."""
    stroke_deg: tuple[Stroke, Stroke] | None = None
    """Range from which the stabiliser's stroke is drawn for each clip; left out: ``ois.stroke_deg``."""
    margin_share: float = Field(default=0.05, ge=0, lt=0.5)
    """Margin that a video source keeps on each side of the frame for motion, as a share of the frame's width."""
    focal_per_width: float = Field(default=0.751, ge=0.1, le=100)
    """Focal length over frame width."""
    scene_depth_m: tuple[Depth, Depth] = (2.0, 10.0)
    """Range of the distance of scenes that bring none, drawn log-uniformly for each clip."""
    mode: Mode = "dynamic"
    """``dynamic``: the source advances within an exposure; ``static``: each exposure shows one source frame."""
    simulate_hz: float = Field(default=2000.0, ge=1000, le=20_000)
    """Rate at which motion is simulated."""
    step_px: float = Field(default=0.5, ge=0.01, le=1)
    """Largest step of any point between sub-frames."""
    sub_frame_hz: float = Field(default=960.0, ge=1, le=100_000)
    """Lowest rate of sub-frames."""
    readout_s: float = Field(default=0.0, ge=0, le=0.05)
    """Readout of the rolling shutter, from the first row to the one after the last; phones: 0.008 to 0.016; 0: none."""
    subframes: int | None = Field(default=None, ge=3, le=65)
    """Number of sharp sub-frames of each exposure, an odd one, that are kept as truth (``blur2vid``); left out: none.
    With ``shake`` they are the middles of as many equal parts of the exposure; with ``average`` the first and the last
    picture of each window, and those evenly between them."""
    response: str = "gamma2.2"
    """Camera response, which also linearises the source: ``gamma2.2``, ``srgb``, ``linear`` or the CSV of a curve."""
    light: float = Field(default=1.0, gt=0, le=10)
    """Factor on the light of the scene, in blurry frames and truth alike; 0.3 makes a dim evening of a day."""
    contrast: float = Field(default=1.0, gt=0, le=1)
    """Factor on the contrast of light about that of level 128, in blurry frames and truth alike, as in haze; it is
    applied before ``light``."""
    highlights: HighlightSettings | None = None
    """Light above full scale, so that lamps draw streaks; left out: none."""
    noise: SensorSettings = SensorSettings()
    """Sensor noise of the blurry frames."""
    isp: IspSettings | None = None
    """RAW round trip of the blurry frames; left out: noise is added without one."""
    codec: CodecSettings | None = None
    """Video codec that the blurry frames go through; left out: none."""
    oracle: OracleSettings = OracleSettings()
    """Limits by which frames count as sharp."""
    variants: dict[str, Variant] = {}
    """Kinds of clips that differ in some settings, by name, of which one is drawn for each clip; left out: one kind."""
    flow: bool = False
    """Whether ``tracks.h5`` stores the exact flow from each frame to the next and back, which takes much space."""

    @model_serializer(mode="wrap")
    def _with_what_counts(self, serialise: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # Recipes older than these settings keep the digests that their datasets and weights carry.
        values: dict[str, Any] = serialise(self)
        left_out = {"contrast"} if self.contrast == 1.0 else set()
        left_out |= {"subframes"} if self.subframes is None else set()
        left_out |= set() if self.test_clips else {"test_clips"}
        if self.blur == "shake":
            left_out |= {"blur", "average"}
        else:
            left_out |= {*_OF_MOTION, *({"fps"} - self.model_fields_set)}
        return {key: value for key, value in values.items() if key not in left_out}

    @model_validator(mode="before")
    @classmethod
    def _stands_still(cls, values: Any) -> Any:
        if isinstance(values, dict) and values.get("blur") == "average":
            return {"trajectories": NO_PATHS, "hand": "still", "ois": {"kind": "off"}, "average": {}, **values}
        return values

    @field_validator("hand", mode="before")
    @classmethod
    def _one_hand(cls, hand: Any) -> Any:
        return {hand: 1.0} if isinstance(hand, str) else hand

    @field_validator("response")
    @classmethod
    def _known(cls, spec: str) -> str:
        open_response(spec)
        return spec

    def as_variant(self, name: str) -> "DatasetSettings":
        """Return the settings of one variant, itself without variants."""
        changed = {key: value for key, value in self.variants[name] if key != "share" and value is not None}
        return self.model_copy(update=changed | {"variants": {}})

    @model_validator(mode="after")
    def _fit_together(self) -> "DatasetSettings":
        self._check()
        for name in self.variants:
            try:
                self.as_variant(name)._check()
            except ValueError as error:
                raise ValueError(f"variant '{name}': {error}") from error
        return self

    def _check(self) -> None:
        if self.subframes is not None:
            self._check_subframes(self.subframes)
        if self.test_clips and self.source != "photos":
            raise ValueError(
                f"test_clips names photographs, and the source is '{self.source}', which has splits of its own"
            )
        if self.blur == "average":
            self._check_still()
        elif self.average is not None:
            raise ValueError("average is set, and blur is 'shake': set blur to 'average', or leave average out")
        for name in ("exposure_share", "stroke_deg", "scene_depth_m"):
            bounds = getattr(self, name)
            if bounds is not None and bounds[0] > bounds[1]:
                raise ValueError(f"{name} must rise, found {bounds[0]} before {bounds[1]}")
        open_share = self.exposure_share[1] + self.readout_s * self.fps
        if self.ois.smoothing_s is not None and open_share >= 1:
            raise ValueError(
                "a stabiliser that turns whole frames needs exposures and readout that end within each frame's time, "
                f"and they take {open_share:g} of it"
            )
        if not self.hand:
            raise ValueError("hand does not name a preset")

    def _check_subframes(self, count: int) -> None:
        if count % 2 == 0:
            raise ValueError(f"subframes must be odd, so that one of them is the middle, found {count}")
        if self.blur == "average":
            average = self.average or AverageSettings()
            steps = (average.window - 1) * (average.between + 1)
            if steps == 0 or steps % (count - 1):
                raise ValueError(
                    f"of the {steps + 1} pictures of a window, {count} cannot be kept evenly from the first to the "
                    "last: choose subframes, window and between so that subframes - 1 divides (window - 1) x "
                    "(between + 1)"
                )

    def _check_still(self) -> None:
        moving = [key for key in _OF_MOTION if key in self.model_fields_set]
        moving += ["hand"] if set(self.hand) != {"still"} else []
        moving += ["trajectories"] if self.trajectories != NO_PATHS else []
        moving += ["ois"] if self.ois.kind != "off" or self.ois.log is not None else []
        if moving:
            raise ValueError(
                "blur 'average' takes whole frames before a camera that stands still, and the recipe says how one "
                f"moves: leave out {', '.join(moving)}"
            )
