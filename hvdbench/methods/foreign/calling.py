"""One call of a network of others: what it returns is checked, and what goes wrong becomes one sentence."""

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn

from hvdbench.errors import FitError, HvdbenchError
from hvdbench.networks.spec import NetworkSpec

_LONGEST_REASON = 300


class WholeClips(nn.Module):
    """A network for clips whose results are checked.

    Args:
        inner: takes (N, T, 3, H, W) and returns the same shape.
        spec: of the clips it takes.
        output: which part of a tuple, list or dict that it returns is the restored one; None: it returns a tensor.
    """

    def __init__(self, inner: Callable[[Tensor], object], spec: NetworkSpec, output: int | str | None = None) -> None:
        super().__init__()
        self.inner = inner
        self.spec = spec
        self.output = output

    def forward(self, clip: Tensor) -> Tensor:
        """Restore (N, T, 3, H, W) to the same shape.

        Raises:
            FitError: the network fails, or returns another shape.
        """
        return call(self.inner, clip, self.output)


def call(network: Callable[[Tensor], object], pictures: Tensor, output: int | str | None) -> Tensor:
    """Call a network on (N, 3, H, W) or (N, T, 3, H, W) and take what it should give: a tensor of that shape.

    Raises:
        FitError: it fails, or returns something else or another shape.
    """
    try:
        given = network(pictures)
    except (torch.cuda.OutOfMemoryError, HvdbenchError):
        raise
    except Exception as error:  # the code is others': it may fail in any way
        raise FitError(f"the network fails on {_shape(pictures)}: {reason(error)}") from error
    result = _pick(given, output)
    if result.shape != pictures.shape:
        raise FitError(_another_shape(pictures, result))
    if not result.is_floating_point():
        raise FitError(f"the network gives {str(result.dtype).removeprefix('torch.')}; floats are expected")
    return result


def reason(error: BaseException) -> str:
    """Return an error of others in one line: its type and the first line of its message."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    told = next((line for line in reversed(lines) if line.startswith("RuntimeError:")), lines[0] if lines else "")
    told = told if len(told) <= _LONGEST_REASON else f"{told[:_LONGEST_REASON]} …"
    return f"{type(error).__name__}: {told}" if told else type(error).__name__


def _pick(given: object, output: int | str | None) -> Tensor:
    """Take the tensor that ``output`` names; without a name there must be a single one."""
    if output is None:
        if isinstance(given, Tensor):
            return given
        raise FitError(f"the network gives {_describe(given)}: name the restored part by the setting output")
    try:
        part = given[output]  # type: ignore[index]
    except (LookupError, TypeError, ValueError) as error:
        raise FitError(f"the network gives {_describe(given)}, which has no part {output!r}") from error
    if isinstance(given, Tensor) or not isinstance(part, Tensor):
        raise FitError(f"the network gives {_describe(given)}: output = {output!r} names no tensor of it")
    return part


def _describe(given: object) -> str:
    if isinstance(given, Tensor):
        return f"a single tensor, {_shape(given)}"
    if isinstance(given, Mapping):
        return f"a dict with {', '.join(f'{key!r}: {_part(value)}' for key, value in given.items()) or 'nothing in it'}"
    if isinstance(given, Sequence) and not isinstance(given, str | bytes):
        parts = ", ".join(f"{number}: {_part(value)}" for number, value in enumerate(given))
        return f"a {type(given).__name__} with {parts or 'nothing in it'}"
    return f"{type(given).__name__}, no tensor"


def _part(value: object) -> str:
    return _shape(value) if isinstance(value, Tensor) else type(value).__name__


def _shape(tensor: Tensor) -> str:
    return f"({', '.join(map(str, tensor.shape))})"


def _another_shape(pictures: Tensor, result: Tensor) -> str:
    """Describe what differs: most often frames at the ends of a clip that are left out, or the size."""
    if result.ndim == pictures.ndim == 5 and result.shape[1] != pictures.shape[1]:
        return (
            f"the network gives {result.shape[1]} frames for a clip of {pictures.shape[1]}: every frame must be "
            "restored, so let it repeat frames at the ends of the clip"
        )
    if result.ndim == pictures.ndim and result.shape[:-2] == pictures.shape[:-2]:
        (height, width), (high, wide) = pictures.shape[-2:], result.shape[-2:]
        return (
            f"the network turns {width}x{height} px into {wide}x{high} px: the size must stay (where it takes "
            "multiples of a number only, set spec.size_multiple)"
        )
    return f"the network turns {_shape(pictures)} into {_shape(result)}: the shape must stay"
