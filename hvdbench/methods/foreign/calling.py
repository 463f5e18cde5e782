"""Call a foreign network, check what it returns, and turn what goes wrong into one sentence."""

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn

from hvdbench.errors import FitError, HvdbenchError
from hvdbench.networks.spec import NetworkSpec

_LONGEST_REASON = 300


class WholeClips(nn.Module):
    """A network for clips whose results are checked.

    Args:
        inner: network that takes (N, T, 3, H, W) and returns the same shape.
        spec: description of the clips that the network takes.
        output: part of the returned tuple, list or dict that is the restored clip; None if it returns a tensor.
    """

    def __init__(self, inner: Callable[[Tensor], object], spec: NetworkSpec, output: int | str | None = None) -> None:
        super().__init__()
        self.inner = inner
        self.spec = spec
        self.output = output

    def forward(self, clip: Tensor) -> Tensor:
        """Restore (N, T, 3, H, W) to the same shape.

        Raises:
            FitError: if the network fails or returns another shape.
        """
        return call(self.inner, clip, self.output)


def call(network: Callable[[Tensor], object], pictures: Tensor, output: int | str | None) -> Tensor:
    """Call a network on (N, 3, H, W) or (N, T, 3, H, W) and return its result, a tensor of the same shape.

    Raises:
        FitError: if it fails, or returns another shape or no tensor.
    """
    try:
        given = network(pictures)
    except (torch.cuda.OutOfMemoryError, HvdbenchError):
        raise
    except Exception as error:  # foreign code can fail in any way
        raise FitError(f"the network fails on {_shape(pictures)}: {reason(error)}") from error
    result = _pick(given, output)
    if result.shape != pictures.shape:
        raise FitError(_another_shape(pictures, result))
    if not result.is_floating_point():
        raise FitError(f"the network returns {str(result.dtype).removeprefix('torch.')}, and floats are expected")
    return result


def reason(error: BaseException) -> str:
    """Describe the error of foreign code in one line: its type and the first line of its message."""
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


def _shape(tensor: Tensor) -> str:
    return f"({', '.join(map(str, tensor.shape))})"


def _another_shape(pictures: Tensor, result: Tensor) -> str:
    """Describe the difference, which is mostly that frames at the ends are left out, or that the size differs."""
    if result.ndim == pictures.ndim == 5 and result.shape[1] != pictures.shape[1]:
        return (
            f"the network returns {result.shape[1]} frames for a clip of {pictures.shape[1]}: every frame must be "
            "restored, so let it repeat frames at the ends of the clip"
        )
    if result.ndim == pictures.ndim and result.shape[:-2] == pictures.shape[:-2]:
        (height, width), (high, wide) = pictures.shape[-2:], result.shape[-2:]
        return (
            f"the network turns {width}x{height} px into {wide}x{high} px: the size must stay the same (if it takes "
            "only multiples of a number, set spec.size_multiple)"
        )
    return f"the network turns {_shape(pictures)} into {_shape(result)}: the shape must stay the same"
