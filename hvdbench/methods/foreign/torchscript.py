"""TorchScript files: a network with its code, which runs without the Python that made it."""

import warnings
import zipfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from hvdbench.errors import WeightsError
from hvdbench.methods.foreign.calling import reason
from hvdbench.weights.checkpoints import check_whole


class Scripted(nn.Module):
    """A TorchScript file, loaded onto each device that it is called on.

    It is no parameter of this module: what a trace or a freeze has fixed to a device moves by loading alone.

    Args:
        path: of the file.

    Raises:
        WeightsError: it is missing, damaged or no TorchScript.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self._loaded: dict[str, Any] = {}
        self._on(torch.device("cpu"))

    def forward(self, pictures: Tensor) -> object:
        """Call the program in evaluation, on the device of its input.

        In float32 nothing is rewritten after the first calls, so that they return what later ones do; casting to 16
        bits is done by what rewrites.
        """
        program = self._on(pictures.device)
        if torch.is_autocast_enabled(pictures.device.type):
            return program(pictures)
        with torch.jit.optimized_execution(False):  # type: ignore[attr-defined]
            return program(pictures)

    def _on(self, device: torch.device) -> Any:
        key = str(device)
        if key not in self._loaded:
            self._loaded[key] = _load(self.path, device)
        return self._loaded[key]


def is_torchscript(path: Path) -> bool:
    """Return whether a ``.pt`` file is TorchScript and not a state dict: the parts of the archive differ."""
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.endswith("/constants.pkl") for name in archive.namelist())
    except (OSError, zipfile.BadZipFile):
        return False


def _load(path: Path, device: torch.device) -> Any:
    if not path.is_file():
        raise WeightsError(f"the TorchScript file {path} is missing")
    check_whole(path)
    if not is_torchscript(path):
        raise WeightsError(f"{path} is no TorchScript: save it with torch.jit.trace or torch.jit.script, and save()")
    try:
        with warnings.catch_warnings():  # PyTorch would have torch.export instead; the files are there all the same
            warnings.filterwarnings("ignore", message=r"`torch\.jit", category=FutureWarning)
            warnings.filterwarnings("ignore", message=r"`torch\.jit", category=DeprecationWarning)
            module = torch.jit.load(path, map_location=device)  # type: ignore[no-untyped-call]
    except (RuntimeError, ValueError) as error:
        raise WeightsError(f"{path} cannot be read as TorchScript: {reason(error)}") from error
    return module.eval()
