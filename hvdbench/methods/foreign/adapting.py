"""Any torch module as a network for clips: what it takes is declared, set, or found out on a tiny input."""

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
_PROBE_FRAMES = 5  # not 3, which a module that expects colours there would take for them


class SpecSettings(Settings):
    """What a network takes, where it does not say so itself; see :class:`hvdbench.networks.spec.NetworkSpec`."""

    size_multiple: int | None = None
    """Height and width are padded to multiples of this."""
    min_size_px: int | None = None
    """Height and width are padded to at least this."""
    min_frames: int | None = None
    """The last frame of a shorter clip is repeated."""
    channel_order: Literal["rgb", "bgr"] | None = None
    """Order of the colours, at input and output."""
    value_range: tuple[float, float] | None = None
    """What black and white are mapped to, at input and output."""
    context_frames: int | None = None
    """Frames before and after that a frame's result depends on."""
    context_px: int | None = None
    """Distance in px that a pixel's result depends on."""
    reduced_precision: bool | None = None
    """Whether 16-bit floats keep its result."""

    def over(self, spec: NetworkSpec) -> NetworkSpec:
        """Lay what is set over a spec.

        Raises:
            InputError: a value is out of range.
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
    """Make a network for clips of a module that takes (N, 3, H, W) or (N, T, 3, H, W) and returns the same shape.

    Args:
        module: in evaluation, on the CPU.
        settings: laid over what the module declares in an attribute ``spec``, a NetworkSpec; by default RGB in [0, 1]
            of any size.
        takes: ``one``: single pictures; ``clip``: clips; ``auto``: clips where it has a ``spec``, else what works
            on a tiny input.
        output: which part of a tuple, list or dict that it returns is the restored one.

    Raises:
        InputError: neither works, both do and differ, or a value of the spec is out of range.
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
    """Ask a module on noise whether it takes single pictures or clips."""
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
            "set takes = 'one' or 'clip', and spec.size_multiple where it needs one"
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
