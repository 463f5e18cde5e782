"""Use any torch module as a network for clips; its input is declared, set, or found out on a tiny clip."""

import dataclasses
import math
from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import Tensor

from hvdbench.errors import FitError, HvdbenchError, InputError
from hvdbench.methods.foreign.calling import WholeClips
from hvdbench.methods.foreign.single_image import FrameByFrame
from hvdbench.networks.spec import NetworkSpec, VideoNetwork
from hvdbench.recipe import Settings

Takes = Literal["auto", "one", "clip"]
_PROBE_SIDE_PX = 64
_PROBE_FRAMES = 5  # not 3, which a module that expects colours there would take for three colours


class SpecSettings(Settings):
    """The input of a network that does not declare it itself; see :class:`hvdbench.networks.spec.NetworkSpec`."""

    size_multiple: int | None = None
    """Number of px that height and width are padded to multiples of."""
    min_size_px: int | None = None
    """Smallest height and width, which smaller frames are padded to."""
    min_frames: int | None = None
    """Smallest number of frames; the last frame of a shorter clip is repeated."""
    channel_order: Literal["rgb", "bgr"] | None = None
    """Order of the colours at input and output."""
    value_range: tuple[float, float] | None = None
    """Values that stand for black and white at input and output."""
    context_frames: int | None = None
    """Number of frames before and after a frame that its result depends on."""
    context_px: int | None = None
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


def as_video_network(
    module: Callable[[Tensor], object],
    settings: SpecSettings,
    *,
    takes: Takes = "auto",
    output: int | str | None = None,
) -> VideoNetwork:
    """Turn a module that maps (N, 3, H, W) or (N, T, 3, H, W) to the same shape into a network for clips.

    Args:
        module: module in evaluation, on the CPU.
        settings: values that replace those of the NetworkSpec in the module's attribute ``spec``; without one, it takes
            RGB in [0, 1] of any size.
        takes: ``one`` for single pictures, ``clip`` for clips; ``auto`` means clips for a module with a ``spec``, and
            otherwise whatever works on a tiny input.
        output: key or number of the restored part, if the module returns a tuple, list or dict.

    Raises:
        InputError: if neither works, if both work with different results, or if a value of the spec is out of range.
    """
    declared = getattr(module, "spec", None)
    spec = settings.over(declared if isinstance(declared, NetworkSpec) else NetworkSpec())
    if takes == "auto":
        takes = "clip" if isinstance(declared, NetworkSpec) else _find_out(module, spec, output)
    if takes == "one":
        return FrameByFrame(module, dataclasses.replace(spec, context_frames=0), output)
    if isinstance(declared, NetworkSpec) and output is None:
        module.spec = spec  # type: ignore[attr-defined]
        return module  # type: ignore[return-value]
    return WholeClips(module, spec, output)


def _find_out(module: Callable[[Tensor], object], spec: NetworkSpec, output: int | str | None) -> Takes:
    """Find out on noise whether a module takes single pictures or clips."""
    side = math.ceil(max(_PROBE_SIDE_PX, spec.min_size_px) / spec.size_multiple) * spec.size_multiple
    count = max(_PROBE_FRAMES, spec.min_frames)
    noise = torch.rand(1, count, 3, side, side, generator=torch.Generator().manual_seed(0))
    low, high = spec.value_range
    clip = noise * (high - low) + low
    one = _attempt(FrameByFrame(module, spec, output), clip)
    whole = _attempt(WholeClips(module, spec, output), clip)
    if isinstance(one, FitError) and isinstance(whole, FitError):
        raise InputError(
            f"the model works neither on single pictures nor on clips of {side}x{side} px: (1) {one} (2) {whole}; "
            "set takes = 'one' or 'clip', and spec.size_multiple if the model needs one"
        )
    if isinstance(whole, FitError):
        return "one"
    if isinstance(one, FitError):
        return "clip"
    if torch.equal(one, whole):
        return "one"
    raise InputError(
        "the model takes single pictures (N, 3, H, W) and clips (N, T, 3, H, W) alike, with different results: "
        "set takes = 'one' or 'clip'"
    )


def _attempt(network: Any, clip: Tensor) -> "Tensor | FitError":
    try:
        with torch.no_grad():
            return torch.as_tensor(network(clip))
    except FitError as error:
        return error
    except HvdbenchError as error:
        return FitError(str(error))
