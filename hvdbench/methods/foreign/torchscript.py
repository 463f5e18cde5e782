"""Run TorchScript files, which contain a network with its code and need no Python class."""

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
    """A TorchScript file that is loaded onto each device on which it is called.

    The loaded network is not registered as a submodule, because constants that a trace or a freeze has fixed to a
    device move to another one only by loading.

    Args:
        path: path of the file.

    Raises:
        WeightsError: if the file is missing, damaged or not TorchScript.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self._loaded: dict[str, Any] = {}
        self._on(torch.device("cpu"))

    def forward(self, pictures: Tensor) -> object:
        """Call the network in evaluation, on the device of its input.

        In float32 the optimiser of TorchScript is off, so that the first calls return the same as later ones; under
        autocast it stays on, since it does the casting to 16 bits.
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
    """Return whether a ``.pt`` file is TorchScript rather than a state dict, by the members of its archive."""
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.endswith("/constants.pkl") for name in archive.namelist())
    except (OSError, zipfile.BadZipFile):
        return False


def _load(path: Path, device: torch.device) -> Any:
    if not path.is_file():
        raise WeightsError(f"the TorchScript file {path} does not exist")
    check_whole(path)
    if not is_torchscript(path):
        raise WeightsError(
            f"{path} is not a TorchScript file: make one with torch.jit.trace or torch.jit.script, and save()"
        )
    try:
        with warnings.catch_warnings():  # PyTorch recommends torch.export instead, but such files exist
            warnings.filterwarnings("ignore", message=r"`torch\.jit", category=FutureWarning)
            warnings.filterwarnings("ignore", message=r"`torch\.jit", category=DeprecationWarning)
            module = torch.jit.load(path, map_location=device)  # type: ignore[no-untyped-call]
    except (RuntimeError, ValueError) as error:
        raise WeightsError(f"{path} cannot be read as TorchScript: {reason(error)}") from error
    return module.eval()
