"""Hold the user's choice of how a network is run: precision, windows over time, and tiles of the picture."""

import re
from dataclasses import asdict, dataclass
from typing import Literal, get_args

from hvdbench.errors import InputError

Auto = Literal["auto"]
PrecisionName = Literal["float32", "bfloat16", "float16"]
PRECISIONS: tuple[PrecisionName, ...] = get_args(PrecisionName)


@dataclass(frozen=True)
class InferenceOptions:
    """The options that were asked for; :class:`hvdbench.methods.inference.restore.InferencePlan` is what is done.

    Attributes:
        precision: number format to compute in.
        window: most frames at once; None for the whole clip, ``auto`` for what fits into memory.
        tile: largest side, or height and width, in px; None for the whole frame, ``auto`` for what fits into memory.
    """

    precision: PrecisionName = "float32"
    window: int | Auto | None = None
    tile: int | tuple[int, int] | Auto | None = None

    @property
    def is_usual(self) -> bool:
        """Whether nothing special was asked for: float32, whole clips, whole frames."""
        return self == InferenceOptions()

    def values(self) -> dict[str, object]:
        """Return the options as JSON values, for digests and manifests."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}


@dataclass(frozen=True)
class Extents:
    """The way a network is run over a clip: what was asked for, completed by what its method sets.

    Attributes:
        window: most frames at once; None for the whole clip, ``auto`` for what fits into memory.
        overlap: frames of context at each inner end of a window; None for what the network declares, else a quarter.
        tile: largest side, or height and width, in px; None for the whole frame, ``auto`` for what fits into memory.
        context_px: px of context at each inner side of a tile; None for what the network declares, else 32.
        precision: number format to compute in.
    """

    window: int | Auto | None = None
    overlap: int | None = None
    tile: int | tuple[int, int] | Auto | None = None
    context_px: int | None = None
    precision: PrecisionName = "float32"


def choose_device(name: str) -> str:
    """Turn ``auto`` into ``cuda`` where there is a GPU, else into ``cpu``; return any other device as it is named.

    Raises:
        InputError: if the device cannot be used here.
    """
    if name == "cpu":
        return name  # importing torch takes a second, and much that runs on the CPU does not need it
    import torch

    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=name)
    except (RuntimeError, AssertionError, TypeError) as error:
        raise InputError(
            f"device '{name}' cannot be used here ({str(error).splitlines()[0].split('. ')[0][:120]}): choose cpu"
        ) from error
    return name


def parse_inference(*, precision: str = "float32", window: str | None, tile: str | None) -> InferenceOptions:
    """Parse the options of a command line: ``float32|bfloat16|float16``, ``N|auto``, ``N|WxH|auto``.

    Raises:
        InputError: if a word is unknown or a size is 0.
    """
    known = next((name for name in PRECISIONS if name == precision), None)
    if known is None:
        raise InputError(f"precision '{precision}' is not known (known: {', '.join(PRECISIONS)})")
    return InferenceOptions(known, _parse_window(window), _parse_tile(tile))


def _parse_window(text: str | None) -> int | Auto | None:
    if text is None:
        return None
    if text == "auto":
        return "auto"
    if not re.fullmatch(r"[1-9]\d*", text, re.ASCII):
        raise InputError(f"window '{text}' is neither a number of frames nor 'auto'")
    return int(text)


def _parse_tile(text: str | None) -> int | tuple[int, int] | Auto | None:
    if text is None:
        return None
    if text == "auto":
        return "auto"
    found = re.fullmatch(r"([1-9]\d*)(?:[xX]([1-9]\d*))?", text, re.ASCII)
    if not found:
        raise InputError(f"tile '{text}' is neither a side in px, nor WxH, nor 'auto'")
    return (int(found[2]), int(found[1])) if found[2] else int(found[1])
