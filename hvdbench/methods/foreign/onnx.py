"""Run ONNX files with ONNX Runtime, for free or fixed sizes, single pictures or clips."""

import dataclasses
import logging
import re
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hvdbench.errors import FitError, InputError, WeightsError
from hvdbench.methods.foreign.adapting import SpecSettings
from hvdbench.methods.foreign.calling import WholeClips, reason
from hvdbench.methods.foreign.single_image import FrameByFrame
from hvdbench.methods.inference.tiling import FEATHER_PX, GLOBAL_CONTEXT_PX, Tile, blend_tiles, plan_tiles
from hvdbench.networks.spec import NetworkSpec, VideoNetwork

logger = logging.getLogger(__name__)

_DTYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16}
_LOCATION = re.compile(rb"\x0a\x08location\x12(.)", re.DOTALL)  # key and value of an entry, in protobuf's wire format
_ERRORS_ONLY = 3


class OnnxModel(nn.Module):
    """An ONNX file as a module with one input, pictures (1, 3, H, W) or clips (1, T, 3, H, W).

    If the file fixes height and width, larger pictures are cut into tiles of that size, which are blended, and smaller
    ones are mirrored at their edges.

    Args:
        path: path of the file.
        output: number or name of the output; needed if there are several.

    Raises:
        InputError: if ONNX Runtime is not installed, or the model takes another input.
        WeightsError: if the file, or one that it names for its weights, is missing or damaged.
    """

    def __init__(self, path: Path, output: int | str | None = None) -> None:
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
        self.rank = len(self.shape)
        _check_input(path, found[0])
        self.dtype = _DTYPES[found[0].type]
        self.frame_count = _fixed(self.shape[1]) if self.rank == 5 else None
        self.size = (_fixed(self.shape[-2]), _fixed(self.shape[-1]))
        self.output = _choose(path, session.get_outputs(), output)

    def forward(self, pictures: Tensor) -> Tensor:
        """Run the model on (1, 3, H, W) or (1, T, 3, H, W), whichever it takes; float32, on the device of the input.

        Raises:
            FitError: if the model fails, or takes another number of frames.
        """
        if self.frame_count not in (None, pictures.shape[1]):
            raise FitError(f"{self.path} takes {self.frame_count} frames at once, not {pictures.shape[1]}")
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


def open_onnx(path: Path, settings: SpecSettings, output: int | str | None = None) -> VideoNetwork:
    """Open an ONNX file; a model with an input of rank 4 runs frame by frame, one of rank 5 over clips.

    Args:
        path: path of the file.
        settings: values that replace those of the usual spec, RGB in [0, 1] of any size.
        output: number or name of the output; needed if there are several.

    Raises:
        InputError, WeightsError: under the conditions of :class:`OnnxModel`.
    """
    model = OnnxModel(path, output)
    spec = settings.over(NetworkSpec(reduced_precision=False))  # the file fixes what it computes in
    if model.rank == 4:
        return FrameByFrame(model, dataclasses.replace(spec, context_frames=0))
    return WholeClips(model, dataclasses.replace(spec, min_frames=model.frame_count or spec.min_frames))


def fixed_frame_count(network: object) -> int | None:
    """Return the only number of frames that a network takes at once, or None if it takes any."""
    inner = getattr(network, "inner", None)
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


def _check_input(path: Path, given: Any) -> None:
    shape = tuple(given.shape)
    layout = "(1, 3, H, W) or (1, T, 3, H, W)"
    if given.type not in _DTYPES:
        raise InputError(f"the input of {path} is {given.type}, and float32 or float16 {layout} is needed")
    if (
        len(shape) not in (4, 5)
        or (shape[-1] == 3 and shape[-3] != 3)
        or _fixed(shape[0]) not in (None, 1)
        or _fixed(shape[-3]) not in (None, 3)
    ):
        raise InputError(f"the input of {path} is ({', '.join(map(str, shape))}), and {layout} is needed")


def _choose(path: Path, outputs: list[Any], wanted: int | str | None) -> str:
    if wanted is None and len(outputs) == 1:
        return str(outputs[0].name)
    for number, output in enumerate(outputs):
        if wanted in (output.name, number, number - len(outputs)):
            return str(output.name)
    ask = (
        "name one with the setting output"
        if wanted is None
        else f"none of them is {wanted!r}, so correct the setting output"
    )
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
