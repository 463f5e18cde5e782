"""Run ONNX files with ONNX Runtime, for free or fixed sizes, single pictures or clips."""

import dataclasses
import logging
import re
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hvdbench.errors import FitError, InputError, WeightsError
from hvdbench.methods.foreign.adapting import NetworkInput, Takes
from hvdbench.methods.foreign.calling import CentreFrames, Layout, WholeClips, reason
from hvdbench.methods.foreign.single_image import FrameByFrame
from hvdbench.methods.inference.tiling import FEATHER_PX, GLOBAL_CONTEXT_PX, Tile, blend_tiles, plan_tiles
from hvdbench.networks.spec import NetworkSpec, VideoNetwork

logger = logging.getLogger(__name__)

_DTYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16}
_LOCATION = re.compile(rb"\x0a\x08location\x12(.)", re.DOTALL)  # key and value of an entry, in protobuf's wire format
_ERRORS_ONLY = 3


class OnnxModel(nn.Module):
    """An ONNX file as a module: one input, pictures or clips in a layout of :class:`NetworkInput`.

    If the file fixes height and width, larger pictures are cut into tiles of that size, which are blended, and smaller
    ones are mirrored at their edges.

    Args:
        path: of the file.
        settings: of the output, where there are several, and of the layout, where the file leaves it open.

    Attributes:
        takes: the layout of the input.
        frame_count: frames that it takes at once, where it takes no other number; else None.
        gives_middle: whether it returns the middle frame alone.

    Raises:
        InputError: if ONNX Runtime is not installed, or the model takes another input.
        WeightsError: if the file, or one that it names for its weights, is missing or damaged.
    """

    def __init__(self, path: Path, settings: NetworkInput) -> None:
        super().__init__()
        self.path = path
        self._sessions: dict[str, Any] = {}
        session = self._on(torch.device("cpu"))
        found = session.get_inputs()
        if len(found) != 1:
            raise InputError(
                f"{path} has {len(found)} inputs ({_names(found)}): a model with one input, the pictures, is needed"
            )
        self.input, self.shape = found[0].name, tuple(found[0].shape)
        self.takes = _layout(path, found[0], settings.takes)
        self.dtype = _DTYPES[found[0].type]
        self.frame_count = _frame_count(self.shape, self.takes)
        self.size = (_fixed(self.shape[-2]), _fixed(self.shape[-1]))
        chosen = _choose(path, session.get_outputs(), settings.output)
        self.output = str(chosen.name)
        self.gives_middle = self.takes == "stack" or (self.takes != "one" and len(chosen.shape) == 4)

    def forward(self, pictures: Tensor) -> Tensor:
        """Run the model on pictures or clips in the layout that it takes; float32, on the device of the input.

        Raises:
            FitError: if the model fails, or takes another number of frames.
        """
        given = _frame_count(tuple(pictures.shape), self.takes)
        if self.frame_count not in (None, given):
            raise FitError(f"{self.path} takes {self.frame_count} frames at once, not {given}")
        height, width = pictures.shape[-2:]
        size = (self.size[0] or height, self.size[1] or width)
        if size == (height, width):
            return self._run(pictures)
        padded = _pad(pictures, size)
        high, wide = padded.shape[-2:]
        context_px = min(GLOBAL_CONTEXT_PX, max(0, (min(size) - FEATHER_PX - 1) // 2))
        try:
            tiles = plan_tiles(high, wide, size, NetworkSpec(), context_px)
        except ValueError as error:
            raise FitError(
                f"{self.path} takes only pictures of {size[1]}x{size[0]} px, which is too small for tiles of a picture "
                f"of {width}x{height} px"
            ) from error

        def restore(tile: Tile) -> Tensor:
            return self._run(padded[..., tile.top : tile.bottom, tile.left : tile.right])

        return blend_tiles(tiles, restore, high, wide)[..., :height, :width].to(pictures.device)

    def _run(self, pictures: Tensor) -> Tensor:
        session = self._on(pictures.device)
        given = pictures.detach().cpu().numpy().astype(self.dtype)
        try:
            (result,) = session.run([self.output], {self.input: given})
        except Exception as error:  # ONNX Runtime's errors have no common base class
            raise FitError(f"{self.path} fails on {'x'.join(map(str, given.shape))}: {reason(error)}") from error
        return torch.from_numpy(np.ascontiguousarray(result)).float().to(pictures.device)

    def _on(self, device: torch.device) -> Any:
        key = str(device)
        if key not in self._sessions:
            self._sessions[key] = _open_session(self.path, device)
        return self._sessions[key]


def open_onnx(path: Path, settings: NetworkInput | None = None) -> VideoNetwork:
    """Open an ONNX file: for single pictures, for clips, or for windows whose middle frame it returns.

    Args:
        path: of the file.
        settings: laid over what the file says, and over the usual spec: RGB in [0, 1] of any size.

    Raises:
        InputError, WeightsError: under the conditions of :class:`OnnxModel`.
    """
    settings = settings or NetworkInput()
    model = OnnxModel(path, settings)
    spec = settings.spec.over(NetworkSpec(reduced_precision=False))  # it computes in what the file says
    if model.takes == "one":
        return FrameByFrame(model, dataclasses.replace(spec, context_frames=0))
    if not model.gives_middle:
        least = model.frame_count or spec.min_frames
        return WholeClips(model, dataclasses.replace(spec, min_frames=least), layout=model.takes)
    frames = model.frame_count or settings.frames
    if frames is None or frames % 2 == 0:
        found = "any number of" if frames is None else str(frames)
        raise InputError(f"{path} takes {found} frames and returns one of them: set frames to an odd number")
    return CentreFrames(model, spec, frames, layout=model.takes)


def fixed_frame_count(network: object) -> int | None:
    """Return the number of frames that a network takes at once, where it takes no other; else None."""
    inner = network.inner if isinstance(network, WholeClips) else None
    return inner.frame_count if isinstance(inner, OnnxModel) else None


def weight_files(path: Path) -> list[Path]:
    """List the files beside an ONNX file that contain its weights; most files have none.

    Raises:
        WeightsError: if one of them is missing.
    """
    content = path.read_bytes()
    names = {content[found.end() : found.end() + found[1][0]] for found in _LOCATION.finditer(content)}
    files = [path.parent / name.decode("utf-8", "replace") for name in sorted(names)]
    for file in files:
        if not file.is_file():
            raise WeightsError(f"{path} has its weights in {file.name}, which is not beside it: copy both")
    return files


def _open_session(path: Path, device: torch.device) -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise InputError("ONNX Runtime is not installed: run pip install hvdbench[onnx]") from error
    if not path.is_file():
        raise WeightsError(f"the ONNX file {path} does not exist")
    weight_files(path)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = _ERRORS_ONLY
    options.intra_op_num_threads = torch.get_num_threads()
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=_providers(onnxruntime, device))
    except Exception as error:  # ONNX Runtime has a family of its own for this
        raise WeightsError(f"{path} cannot be read as ONNX: {reason(error)}") from error


def _providers(onnxruntime: Any, device: torch.device) -> list[Any]:
    """Choose what the model runs on: CUDA if it is asked for and available, else the CPU."""
    if device.type == "cuda":
        if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
            return [("CUDAExecutionProvider", {"device_id": device.index or 0}), "CPUExecutionProvider"]
        logger.warning("this ONNX Runtime has no CUDA, which onnxruntime-gpu has, so the model runs on the CPU")
    return ["CPUExecutionProvider"]


def _layout(path: Path, given: Any, takes: Takes) -> Literal["one"] | Layout:
    """Return the layout of a model's input: what is set, else what its shape shows.

    Raises:
        InputError: it is none of them, or has other numbers than floats.
    """
    shape = tuple(given.shape)
    layouts = "(1, 3, H, W), (1, T, 3, H, W), (1, 3, T, H, W) or (1, 3T, H, W)"
    if given.type not in _DTYPES:
        raise InputError(f"{path}: its input is {given.type}; float32 or float16 {layouts} is needed")
    is_last = shape[-1] == 3 and (len(shape) < 3 or shape[-3] != 3)  # colours in the last place, as arrays have them
    fits = [] if is_last or len(shape) not in (4, 5) or _fixed(shape[0]) not in (None, 1) else _fitting(shape)
    wanted = [name for name in fits if takes in ("auto", name)]
    if len(wanted) == 1:
        return wanted[0]
    found = ", ".join(map(str, shape))
    if wanted:
        raise InputError(
            f"{path}: its input is ({found}), frames before colours or behind them: set takes = 'clip' or 'volume'"
        )
    raise InputError(
        f"{path}: its input is ({found}); {layouts if takes == 'auto' else f'what takes = {takes!r} says'} is needed"
    )


def _fitting(shape: tuple[object, ...]) -> "list[Literal['one'] | Layout]":
    """List the layouts that a shape may be; a place with three fixed comes before one that is open."""
    first, second = _fixed(shape[1]), _fixed(shape[2])
    if len(shape) == 4:
        if first in (None, 3):
            return ["one"]
        return ["stack"] if first % 3 == 0 else []
    if 3 in (first, second):
        both: list[tuple[Layout, int | None]] = [("clip", second), ("volume", first)]
        return [layout for layout, colours in both if colours == 3]
    return ["clip"] if second is None else []


def _frame_count(shape: tuple[object, ...], takes: str) -> int | None:
    """Return how many frames a shape in a layout holds; None where it leaves that open, or is of single pictures."""
    if takes == "stack":
        channels = _fixed(shape[1])
        return None if channels is None else channels // 3
    return None if takes == "one" else _fixed(shape[2 if takes == "volume" else 1])


def _choose(path: Path, outputs: list[Any], wanted: int | str | None) -> Any:
    if wanted is None and len(outputs) == 1:
        return outputs[0]
    for number, output in enumerate(outputs):
        if wanted in (output.name, number, number - len(outputs)):
            return output
    ask = "name one with the setting output" if wanted is None else f"none is {wanted!r}"
    raise InputError(f"{path} has {len(outputs)} outputs ({_names(outputs)}): {ask}")


def _names(parts: list[Any]) -> str:
    return ", ".join(str(part.name) for part in parts)


def _fixed(dimension: object) -> int | None:
    return dimension if isinstance(dimension, int) and dimension > 0 else None


def _pad(pictures: Tensor, size: tuple[int, int]) -> Tensor:
    """Extend (..., 3, H, W) at the bottom and to the right to at least a size."""
    high, wide = (max(0, least - side) for least, side in zip(size, pictures.shape[-2:], strict=True))
    if not high and not wide:
        return pictures
    mode = "reflect" if high < pictures.shape[-2] and wide < pictures.shape[-1] else "replicate"
    flat = pictures.reshape(-1, *pictures.shape[-3:])  # (N * T, 3, H, W)
    padded = F.pad(flat, (0, wide, 0, high), mode=mode)
    return padded.reshape(*pictures.shape[:-2], *padded.shape[-2:])
