"""Use any torch module as a network for clips; its input is declared, set, or found out on a tiny clip."""

import dataclasses
import math
from collections.abc import Callable
from typing import Annotated, Literal, get_args

import torch
from pydantic import Field, SerializerFunctionWrapHandler, field_validator, model_serializer
from torch import Tensor

from hvdbench.errors import FitError, HvdbenchError, InputError
from hvdbench.methods.foreign.calling import CentreFrames, Layout, WholeClips
from hvdbench.methods.foreign.single_image import FrameByFrame
from hvdbench.methods.inference.runner import running
from hvdbench.methods.inference.seeding import seeded
from hvdbench.networks.spec import NetworkSpec, VideoNetwork
from hvdbench.recipe import Settings
from hvdbench.recipe.bounds import MOST_FRAMES, MOST_PX

Level = Annotated[float, Field(ge=-1e6, le=1e6)]
Takes = Literal["auto", "one", "clip", "volume", "stack"]
_LAYOUTS: tuple[Layout, ...] = get_args(Layout)
_PROBE_SIDE_PX = 64
_PROBE_FRAMES = 5  # not 3, which a module that expects colours there would take for them
_PROBE_WINDOWS = (5, 3, 7)
_ALIKE = 1e-4  # of the range: how far a batch of frames and single frames may differ


class SpecSettings(Settings):
    """The input of a network that does not declare it itself; see :class:`hvdbench.networks.spec.NetworkSpec`."""

    size_multiple: int | None = Field(None, ge=1, le=MOST_PX)
    """Number of px that height and width are padded to multiples of."""
    min_size_px: int | None = Field(None, ge=1, le=MOST_PX)
    """Smallest height and width, which smaller frames are padded to."""
    min_frames: int | None = Field(None, ge=1, le=MOST_FRAMES)
    """Smallest number of frames; the last frame of a shorter clip is repeated."""
    channel_order: Literal["rgb", "bgr"] | None = None
    """Order of the colours at input and output."""
    value_range: tuple[Level, Level] | None = None
    """Values that stand for black and white at input and output."""
    context_frames: int | None = Field(None, ge=0, le=MOST_FRAMES)
    """Number of frames before and after a frame that its result depends on."""
    context_px: int | None = Field(None, ge=0, le=MOST_PX)
    """Largest distance, in px, of what a pixel's result depends on."""
    reduced_precision: bool | None = None
    """Whether the result stays accurate in 16-bit floats."""

    def over(self, spec: NetworkSpec) -> NetworkSpec:
        """Return a spec with the values that are set here in place of its own.

        Raises:
            InputError: if a value is out of range.
        """
        try:
            return dataclasses.replace(spec, **self.model_dump(exclude_none=True))
        except ValueError as error:
            raise InputError(str(error)) from error


class NetworkInput(Settings):
    """What a network takes and returns, where it does not say so itself."""

    takes: Takes = "auto"
    """``one``: single pictures (N, 3, H, W); ``clip``: clips (N, T, 3, H, W); ``volume``: clips (N, 3, T, H, W);
    ``stack``: the frames of a window as channels (N, 3T, H, W); ``auto``: what it declares, else what works on a tiny
    input."""
    frames: int | None = Field(None, ge=1, le=MOST_FRAMES)
    """Frames in a window of which the network returns the middle one alone; none: it returns every frame, or the number
    shows on a tiny input."""
    output: Annotated[int, Field(ge=-1000, le=1000)] | str | None = None
    """Which part of a tuple, list or dict that the network returns is the restored one."""
    spec: SpecSettings = SpecSettings()
    """The pictures that it takes."""

    @field_validator("frames")
    @classmethod
    def _has_a_middle(cls, frames: int | None) -> int | None:
        if frames is not None and frames % 2 == 0:
            raise ValueError(f"a window of {frames} frames has no middle one")
        return frames

    @model_serializer(mode="wrap")
    def _unusual(self, handler: SerializerFunctionWrapHandler) -> dict[str, object]:
        """Leave out what is as usual, so that digests do not change as more can be set."""
        values: dict[str, object] = handler(self)
        usual = {name: NetworkInput.model_fields[name].default for name in NetworkInput.model_fields}
        return {
            name: value for name, value in values.items() if name not in usual or getattr(self, name) != usual[name]
        }


def as_video_network(module: Callable[[Tensor], object], settings: NetworkInput | None = None) -> VideoNetwork:
    """Make a network for clips of a module that takes pictures or clips in a layout of :class:`NetworkInput`.

    Args:
        module: on the CPU, where it may be tried.
        settings: laid over what the module declares in an attribute ``spec``, a NetworkSpec; by default RGB in [0, 1]
            of any size. What neither says is found out on a tiny input, in evaluation.

    Raises:
        InputError: nothing works, several ways do and differ, or a value of the spec is out of range.
    """
    given = settings or NetworkInput()
    declared = getattr(module, "spec", None)
    spec = given.spec.over(declared if isinstance(declared, NetworkSpec) else NetworkSpec())
    if given.takes != "auto":
        return _in_layout(module, spec, given, given.takes)
    if not isinstance(declared, NetworkSpec):
        return _found_out(module, spec, given)
    if given.output is None and given.frames is None and type(module).__module__.startswith("hvdbench."):
        module.spec = spec  # type: ignore[attr-defined]
        return module  # type: ignore[return-value]
    return _in_layout(module, spec, given, "clip")


def _in_layout(
    module: Callable[[Tensor], object], spec: NetworkSpec, given: NetworkInput, takes: Literal["one"] | Layout
) -> VideoNetwork:
    """Make a network for clips of a module whose layout is known."""
    if takes == "one":
        if given.frames not in (None, 1):
            raise InputError(f"takes = 'one' and frames = {given.frames} exclude one another: leave one of them out")
        return FrameByFrame(module, dataclasses.replace(spec, context_frames=0), given.output)
    if given.frames is not None:
        return CentreFrames(module, spec, given.frames, given.output, takes)
    if takes == "stack":
        raise InputError("takes = 'stack' needs frames, the number of frames that the network takes at once")
    return WholeClips(module, spec, given.output, takes)


def _found_out(module: Callable[[Tensor], object], spec: NetworkSpec, given: NetworkInput) -> VideoNetwork:
    """Try a module on noise in every layout, the most usual ones first.

    Raises:
        InputError: it works in none, or in several with different results.
    """
    side = math.ceil(max(_PROBE_SIDE_PX, spec.min_size_px) / spec.size_multiple) * spec.size_multiple
    count = max(_PROBE_FRAMES, spec.min_frames)
    noise = torch.rand(1, count, 3, side, side, generator=torch.Generator().manual_seed(0))
    low, high = spec.value_range
    clip = noise * (high - low) + low
    failed: list[str] = []
    if given.frames is None:
        one, whole = (_in_layout(module, spec, given, takes) for takes in ("one", "clip"))
        by_one, by_whole = _attempt(one, clip), _attempt(whole, clip)
        if isinstance(by_one, Tensor) and isinstance(by_whole, Tensor):
            _check_alike(one, clip, by_one, by_whole)
        if isinstance(by_one, Tensor):
            return one
        if isinstance(by_whole, Tensor):
            return whole
        failed = [str(by_one), str(by_whole)]
    counts = (given.frames,) if given.frames else _PROBE_WINDOWS
    windows: list[CentreFrames | WholeClips] = [
        CentreFrames(module, spec, frames, given.output, layout) for frames in counts for layout in _LAYOUTS
    ]
    if given.frames is None:
        windows.append(WholeClips(module, spec, given.output, "volume"))
    attempts = [(network, _attempt(network, clip)) for network in windows]
    working = [network for network, result in attempts if isinstance(result, Tensor)]
    if len(working) == 1:
        return working[0]
    if working:
        ways = "; ".join(
            f"takes = '{network.layout}'"
            + (f", frames = {network.frames}" if isinstance(network, CentreFrames) else "")
            for network in working
        )
        raise InputError(
            f"a trial does not show which windows the model takes, for all of these work: {ways}: set both"
        )
    raise InputError(_nothing_works(side, failed or [str(result) for _, result in attempts]))


def _nothing_works(side: int, failed: list[str]) -> str:
    """Return the sentence for a model that works in no layout; one reason for all is more than a matter of layout."""
    reasons = {text.partition("): ")[2] for text in failed}
    if len(reasons) == 1 and "" not in reasons:
        return f"the model works on nothing that it is given: {reasons.pop()} (where it runs on a GPU alone, set takes)"
    told = " ".join(f"({number}) {text};" for number, text in enumerate(failed[:2], 1))
    return (
        f"the model works neither on single pictures nor on clips of {side}x{side} px: {told} set takes = 'one', "
        "'clip', 'volume' or 'stack', frames where it restores the middle one of a window, and spec.size_multiple "
        "where it needs one"
    )


def _check_alike(one: VideoNetwork, clip: Tensor, by_one: Tensor, by_whole: Tensor) -> None:
    """Refuse a model that works on pictures and on clips, where it matters which it is given."""
    spread = one.spec.value_range[1] - one.spec.value_range[0]
    if torch.allclose(by_one, by_whole, rtol=_ALIKE, atol=_ALIKE * spread):
        return
    again = _attempt(one, clip, seed=1)
    if isinstance(again, Tensor) and not torch.equal(again, by_one):
        raise InputError(
            "the model draws random numbers, so a trial does not show what it takes: set takes = 'one' or 'clip'"
        )
    raise InputError(
        "the model takes single pictures (N, 3, H, W) and clips (N, T, 3, H, W) alike, with different results: "
        "set takes = 'one' or 'clip'"
    )


def _attempt(network: VideoNetwork, clip: Tensor, seed: int = 0) -> "Tensor | FitError":
    """Run a network once, in evaluation, without a trace in it, its input or anybody's random draws.

    Raises:
        InputError: it gives values that are not finite.
    """
    try:
        with running(network, clip.device), seeded(seed, clip.device), torch.no_grad():
            result = torch.as_tensor(network(clip.clone()))
    except FitError as error:
        return error
    except HvdbenchError as error:
        return FitError(str(error))
    if not torch.isfinite(result).all():
        low, high = network.spec.value_range
        raise InputError(
            f"the model gives values that are not finite on noise in [{low:g}, {high:g}]: see to its weights"
        )
    return result
