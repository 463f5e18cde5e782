"""Call a foreign network, check what it returns, and turn what goes wrong into one sentence."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Literal

import torch
from torch import Tensor, nn

from hvdbench.errors import FitError, HvdbenchError
from hvdbench.networks.spec import NetworkSpec, NetworkState

Layout = Literal["clip", "volume", "stack"]
_LONGEST_REASON = 300


class WholeClips(nn.Module):
    """A network for clips that is called in the layout that it takes, and whose results are checked.

    Args:
        inner: takes clips and returns the same shape.
        spec: of the clips it takes.
        output: which part of a tuple, list or dict that it returns is the restored one; None: it returns a tensor.
        layout: ``clip``: (N, T, 3, H, W); ``volume``: (N, 3, T, H, W).
    """

    def __init__(
        self,
        inner: Callable[[Tensor], object],
        spec: NetworkSpec,
        output: int | str | None = None,
        layout: Layout = "clip",
    ) -> None:
        super().__init__()
        self.inner = inner
        self.spec = spec
        self.output = output
        self.layout = layout

    def forward(self, clip: Tensor) -> Tensor:
        """Restore (N, T, 3, H, W) to the same shape.

        Raises:
            FitError: if the network fails or returns another shape.
        """
        restored = call(self.inner, lay_out(clip, self.layout), self.output)
        return restored.transpose(1, 2) if self.layout == "volume" else restored

    def forward_from(self, clip: Tensor, state: NetworkState | None, *, is_end: bool) -> tuple[Tensor, NetworkState]:
        """Go on from a state, as :class:`hvdbench.networks.spec.StatefulNetwork`; asked for where the spec says so.

        Raises:
            FitError: the network fails.
        """
        with in_one_sentence(clip):
            given: tuple[Tensor, NetworkState] = self.inner.forward_from(clip, state, is_end=is_end)  # type: ignore[attr-defined]
        return given


class CentreFrames(nn.Module):
    """A network for clips that restores the middle frame of a window alone, called once for every frame.

    Beyond the ends of a clip its first and last frame are repeated.

    Args:
        inner: takes windows in the layout and returns (N, 3, H, W).
        spec: of the windows it takes.
        frames: number of frames in a window, odd.
        output: as of :class:`WholeClips`.
        layout: ``clip``: (N, T, 3, H, W); ``volume``: (N, 3, T, H, W); ``stack``: (N, 3T, H, W), frame after frame.
    """

    def __init__(
        self,
        inner: Callable[[Tensor], object],
        spec: NetworkSpec,
        frames: int,
        output: int | str | None = None,
        layout: Layout = "clip",
    ) -> None:
        super().__init__()
        self.inner = inner
        self.spec = dataclasses.replace(spec, context_frames=frames // 2, min_frames=1, carries_state=False)
        self.frames = frames
        self.output = output
        self.layout = layout

    def forward(self, clip: Tensor) -> Tensor:
        """Restore (N, T, 3, H, W) to the same shape.

        Raises:
            FitError: the network fails, or returns another shape.
        """
        reach, count = self.frames // 2, clip.shape[1]
        restored = []
        for middle in range(count):
            near = torch.arange(middle - reach, middle + reach + 1, device=clip.device).clamp(0, count - 1)
            restored.append(self._middle(clip[:, near]))
        return torch.stack(restored, dim=1)

    def _middle(self, window: Tensor) -> Tensor:
        result = answer(self.inner, lay_out(window, self.layout), self.output)
        wanted = window[:, 0].shape
        if result.ndim == 5 and 1 in result.shape[1:3]:  # some keep the axis of time
            result = result.squeeze(2 if result.shape[2] == 1 else 1)
        if result.shape != wanted:
            raise FitError(
                f"the network turns {_shape(window)} into {_shape(result)}: {_shape(wanted)} is expected, the middle "
                "frame alone"
            )
        return result


def lay_out(clip: Tensor, layout: Layout) -> Tensor:
    """Return clips (N, T, 3, H, W) in another layout."""
    if layout == "volume":
        return clip.transpose(1, 2)
    return clip.flatten(1, 2) if layout == "stack" else clip


def call(network: Callable[[Tensor], object], pictures: Tensor, output: int | str | None) -> Tensor:
    """Call a network on pictures or clips and take what it should give: a tensor of that shape.

    Raises:
        FitError: if it fails, or returns another shape or no tensor.
    """
    result = answer(network, pictures, output)
    if result.shape != pictures.shape:
        raise FitError(_another_shape(pictures, result))
    return result


def answer(network: Callable[[Tensor], object], pictures: Tensor, output: int | str | None) -> Tensor:
    """Call a network and take the tensor of floats that it gives, of whatever shape.

    Raises:
        FitError: it fails, ends the program, or returns something else.
    """
    with in_one_sentence(pictures):
        given = network(pictures)
    result = _pick(given, output)
    if not result.is_floating_point():
        raise FitError(f"the network returns {str(result.dtype).removeprefix('torch.')}, and floats are expected")
    return result


@contextmanager
def in_one_sentence(pictures: Tensor) -> Iterator[None]:
    """Turn whatever goes wrong in a network of others into an error of one sentence.

    Raises:
        FitError: it fails, or calls ``sys.exit``.
    """
    try:
        yield
    except (torch.cuda.OutOfMemoryError, HvdbenchError):
        raise
    except (
        Exception,
        SystemExit,
    ) as error:  # the code is others': it may fail in any way, and may even end the program
        raise FitError(f"the network fails on {_shape(pictures)}: {reason(error)}") from error


def reason(error: BaseException) -> str:
    """Return an error of others in one line: its type and the first line of its message."""
    if isinstance(error, SystemExit):
        return "it calls sys.exit"
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    told = next((line for line in reversed(lines) if line.startswith("RuntimeError:")), lines[0] if lines else "")
    told = told if len(told) <= _LONGEST_REASON else f"{told[:_LONGEST_REASON]} …"
    return f"{type(error).__name__}: {told}" if told else type(error).__name__


def _pick(given: object, output: int | str | None) -> Tensor:
    """Return the tensor that ``output`` names; without a name, the network must have returned a single one."""
    if output is None:
        if isinstance(given, Tensor):
            return given
        raise FitError(f"the network returns {_describe(given)}: name the restored part with the setting output")
    try:
        part = given[output]  # type: ignore[index]
    except (LookupError, TypeError, ValueError) as error:
        raise FitError(
            f"the network returns {_describe(given)}, but output = {output!r} names no part of it"
        ) from error
    if isinstance(given, Tensor) or not isinstance(part, Tensor):
        raise FitError(f"the network returns {_describe(given)}, but output = {output!r} names no tensor of it")
    return part


def _describe(given: object) -> str:
    if isinstance(given, Tensor):
        return f"a single tensor, {_shape(given)}"
    if isinstance(given, Mapping):
        return f"a dict with {', '.join(f'{key!r}: {_part(value)}' for key, value in given.items()) or 'nothing in it'}"
    if isinstance(given, Sequence) and not isinstance(given, str | bytes):
        parts = ", ".join(f"{number}: {_part(value)}" for number, value in enumerate(given))
        return f"a {type(given).__name__} with {parts or 'nothing in it'}"
    return f"an object of the type {type(given).__name__}, which is not a tensor"


def _part(value: object) -> str:
    return _shape(value) if isinstance(value, Tensor) else type(value).__name__


def _shape(tensor: Tensor | torch.Size) -> str:
    return f"({', '.join(map(str, tensor.shape if isinstance(tensor, Tensor) else tensor))})"


def _another_shape(pictures: Tensor, result: Tensor) -> str:
    """Describe the difference, which is mostly that frames at the ends are left out, or that the size differs."""
    if result.ndim == pictures.ndim == 5 and result.shape[1] != pictures.shape[1]:
        return (
            f"the network returns {result.shape[1]} frames for a clip of {pictures.shape[1]}: every frame must be "
            "restored, so let it repeat frames at the ends of the clip"
        )
    if result.ndim == 4 and pictures.ndim == 5 and result.shape[0] == pictures.shape[0]:
        return (
            f"the network turns {_shape(pictures)} into {_shape(result)}: where that is the middle frame, set frames "
            "to the number that it takes at once"
        )
    if result.ndim == pictures.ndim and result.shape[:-2] == pictures.shape[:-2]:
        (height, width), (high, wide) = pictures.shape[-2:], result.shape[-2:]
        return (
            f"the network turns {width}x{height} px into {wide}x{high} px: the size must stay the same (if it takes "
            "only multiples of a number, set spec.size_multiple)"
        )
    return f"the network turns {_shape(pictures)} into {_shape(result)}: the shape must stay the same"
