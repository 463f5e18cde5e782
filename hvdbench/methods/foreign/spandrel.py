"""Open checkpoints of single-picture networks that the package ``spandrel`` recognises by their keys."""

import dataclasses
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from hvdbench.errors import InputError, WeightsError
from hvdbench.methods.foreign.adapting import SpecSettings
from hvdbench.methods.foreign.calling import reason
from hvdbench.methods.foreign.single_image import FrameByFrame
from hvdbench.networks.spec import NetworkSpec, VideoNetwork
from hvdbench.weights.checkpoints import read_checkpoint


class Described(nn.Module):
    """A model of spandrel's behind its public call, which pads and clamps; its network is a submodule of this one."""

    def __init__(self, descriptor: Any) -> None:
        super().__init__()
        self.network = descriptor.model
        self._descriptor = descriptor

    def forward(self, pictures: Tensor) -> Tensor:
        """Restore (1, 3, H, W) in [0, 1]."""
        result: Tensor = self._descriptor(pictures)
        return result.clone()  # spandrel's own tensor comes from inference mode and must not be changed outside of it


def open_spandrel(path: Path, settings: SpecSettings) -> VideoNetwork:
    """Open a checkpoint; the file is read by :mod:`hvdbench.weights`, which runs nothing in it.

    Args:
        path: path of the file.
        settings: values that replace what spandrel states about the network.

    Raises:
        InputError: if spandrel is not installed, or the model does not restore colour pictures at their own size.
        WeightsError: if the file is missing or damaged, or spandrel does not know its network.
    """
    spandrel = _import()
    state_dict = read_checkpoint(path).state_dict
    try:
        model = spandrel.ModelLoader().load_from_state_dict(dict(state_dict))
    except spandrel.UnsupportedModelError as error:
        raise WeightsError(f"{path} belongs to no network that spandrel {spandrel.__version__} knows") from error
    except Exception as error:  # right keys with wrong shapes can make it fail in any way
        raise WeightsError(f"spandrel cannot build a network from {path}: {reason(error)}") from error
    name = model.architecture.name
    if not isinstance(model, spandrel.ImageModelDescriptor):
        raise InputError(f"{path} is {name}, which needs a mask beside each picture: it cannot restore clips")
    channels = (model.input_channels, model.output_channels)
    if model.scale != 1 or channels != (3, 3):
        raise InputError(
            f"{path} is {name} with {channels[0]} channels in, {channels[1]} out and a scale of {model.scale}: "
            "3 in, 3 out and a scale of 1 are needed"
        )
    needs = model.size_requirements
    spec = NetworkSpec(
        size_multiple=needs.multiple_of,
        min_size_px=max(1, needs.minimum),
        context_frames=0,
        reduced_precision=model.supports_bfloat16 and model.supports_half,
    )
    return FrameByFrame(Described(model), dataclasses.replace(settings.over(spec), context_frames=0))


def _import() -> Any:
    try:
        import spandrel
    except ImportError as error:
        raise InputError("spandrel is not installed: run pip install hvdbench[spandrel]") from error
    return spandrel
