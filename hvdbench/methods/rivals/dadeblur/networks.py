"""Build the two networks that DaDeblur needs, load their weights, and call them with frames."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hvdbench.catalog import NamedPreset, resolve
from hvdbench.errors import InputError, WeightsError
from hvdbench.frames import Frame, Frames
from hvdbench.methods.blur.averaging import average_along_line
from hvdbench.methods.foreign.calling import reason
from hvdbench.methods.rivals.dadeblur.conditions import Condition
from hvdbench.methods.rivals.dadeblur.settings import EstimatorSettings, FaultSettings
from hvdbench.methods.training.rgb import RgbNetwork
from hvdbench.networks.rivals.bme import MIN_SIZE_PX, SIZE_MULTIPLE, BlurMagnitude
from hvdbench.networks.rivals.id_blau import CONDITION_CHANNELS, IdBlau
from hvdbench.networks.spec import NetworkSpec
from hvdbench.response import open_response
from hvdbench.weights.checkpoints import load_checkpoint
from hvdbench.weights.finding import find_weights, missing_sentence
from hvdbench.weights.fitting import load_into

_NOISY = 3


class OfPictures(nn.Module):
    """The estimator behind the interface of networks of clips; (N, T, 3, H, W) BGR to (N, T, 1, H, W)."""

    spec: NetworkSpec = NetworkSpec(
        size_multiple=SIZE_MULTIPLE, min_size_px=MIN_SIZE_PX, context_frames=0, channel_order="bgr"
    )

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, clip: Tensor) -> Tensor:
        magnitudes: Tensor = self.network(clip.flatten(0, 1))
        return magnitudes.reshape(*clip.shape[:2], *magnitudes.shape[1:])


class OfPlanes(nn.Module):
    """The diffusion behind the interface of networks of clips, with planes in place of frames.

    The planes are those of the noisy picture, those of the condition, and one that holds the step's number.
    """

    spec: NetworkSpec = NetworkSpec()

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    @staticmethod
    def joined(noisy: Tensor, condition: Tensor, step: Tensor) -> Tensor:
        """Join the inputs of the diffusion to planes, (N, 10, 1, H, W)."""
        numbers = step[:, None, None, None].to(noisy).expand(-1, 1, *noisy.shape[2:])
        return torch.cat((noisy, condition, numbers), dim=1)[:, :, None]

    def forward(self, clip: Tensor) -> Tensor:
        planes = clip[:, :, 0]
        noisy, condition, numbers = torch.split(planes, [_NOISY, CONDITION_CHANNELS, 1], dim=1)
        predicted: Tensor = self.network(noisy, condition, numbers[:, 0, 0, 0].round().long())
        return predicted[:, :, None]


def build_part(name: str, arguments: Mapping[str, Any], seed: int = 0) -> nn.Module:
    """Build one of the two networks on the CPU, its weights drawn from ``seed``.

    Raises:
        UnknownNameError: if there is no such network or preset.
        InputError: if the network does not take its arguments, or is neither of the two.
    """
    asked = NamedPreset.parse(name)
    found = resolve("network", asked.name)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        try:
            network = found.build(asked.preset, **arguments)
        except (TypeError, ValueError, RuntimeError) as error:
            given = ", ".join(f"{key} = {value}" for key, value in arguments.items()) or "no arguments"
            raise InputError(f"network '{name}' cannot be made with {given}: {reason(error)}") from error
    if not isinstance(network, BlurMagnitude | IdBlau):
        raise InputError(f"network '{name}' is neither BME nor ID-Blau: name 'bme' or 'id_blau', at one of their sizes")
    return network


@dataclass(frozen=True)
class Chosen:
    """A network that was chosen: the published one where its file is there, else what stands in for it.

    Attributes:
        settings: network, weights and unit of length.
        path: file of the weights.
        is_stand_in: whether it stands in for the published one.
    """

    settings: EstimatorSettings
    path: Path
    is_stand_in: bool

    def open(self, device: str) -> nn.Module:
        """Build the network and load its weights, in evaluation.

        Raises:
            WeightsError: if the file is damaged or belongs to another network.
        """
        network = build_part(self.settings.network, {})
        load_into(network, load_checkpoint(self.path), self.path)
        return network.eval().requires_grad_(requires_grad=False).to(device)

    @property
    def fact(self) -> str:
        """The words for a manifest: which network with which weights."""
        return f"{self.settings.network} with {self.path.name}"


def published_or_none(published: EstimatorSettings) -> Chosen | None:
    """Return the published network if its weights are there, else None."""
    try:
        return Chosen(published, find_weights(published.weights), is_stand_in=False) if published.weights else None
    except WeightsError:
        return None


def choose(published: EstimatorSettings, stand_in: EstimatorSettings) -> Chosen:
    """Choose the published weights if they are there, else the stand-in.

    Raises:
        WeightsError: if neither is there; the error says where the published weights come from.
    """
    found = published_or_none(published)
    if found is not None:
        return found
    try:
        return Chosen(stand_in, find_weights(stand_in.weights), is_stand_in=True)
    except WeightsError as error:
        missing = f"{missing_sentence(published.weights)}; in its place: " if published.weights else ""
        raise WeightsError(f"{missing}{error}") from error


def estimate_lengths(network: BlurMagnitude, frames: Frames, device: str) -> NDArray[np.float32]:
    """Estimate the magnitude of each frame's blur, not clamped, in units of the longest path.

    Args:
        network: estimator with its weights.
        frames: uint8 RGB (T, H, W, 3); they are mirrored at the right and bottom to sizes that the network takes.
        device: device to compute on.

    Returns:
        Magnitudes (T, H, W), float32.
    """
    door, found = RgbNetwork(network, video=OfPictures(network)), []
    with torch.inference_mode():
        for frame in frames:
            found.append(door(_picture(frame)[None, None].to(device))[0, 0, 0].float().cpu().numpy())
    return np.stack(found)


def blur_picture(
    network: IdBlau,
    picture: Frame,
    condition: Condition,
    longest_px: float,
    steps: int,
    seed: Sequence[int],
    faults: FaultSettings,
    device: str,
) -> Frame:
    """Blur a picture under its condition.

    Args:
        network: diffusion with its weights.
        picture: uint8 RGB (H, W, 3); its edges are repeated to a size that the network takes.
        condition: of the same size, lengths in px.
        longest_px: length that is 1 for the network; longer ones are 1 too.
        steps: steps of the sampling.
        seed: what the noise is drawn from.
        faults: which faults of the published code are kept.
        device: device to compute on.

    Returns:
        The blurred picture, uint8 (H, W, 3).
    """
    height, width = picture.shape[:2]
    rows, columns = (-side % network.size_multiple for side in (height, width))
    exposure = torch.from_numpy(np.ascontiguousarray(condition.transpose(2, 0, 1)))
    whole = torch.cat((_picture(picture) - 0.5, exposure[:2], (exposure[2:] / longest_px).clamp(max=1)))
    padded = nn.functional.pad(whole, (0, columns, 0, rows), mode="replicate")[None].to(device)
    noise = np.random.default_rng(list(seed)).standard_normal((1, 3, *padded.shape[2:]), np.float32)
    ends_at: Literal["picture", "first step"] = "first step" if faults.last_step == "published" else "picture"
    blurred = network.sample(padded, torch.from_numpy(noise).to(device), count=steps, ends_at=ends_at)[0]
    levels = (255 * (blurred.clamp(-0.5, 0.5) + 0.5)).round().byte()[:, :height, :width]
    return np.ascontiguousarray(levels.permute(1, 2, 0).cpu().numpy())


def blur_along_lines(picture: Frame, condition: Condition, response: str = "linear") -> Frame:
    """Average a picture, uint8 (H, W, 3), along a straight line centred on each pixel, as its condition says.

    Args:
        picture: the picture.
        condition: (H, W, 3), lengths in px.
        response: the camera response by which levels become the light that is averaged, as
            :func:`hvdbench.response.open_response` takes it; ``linear`` averages the levels themselves.
    """
    path = np.ascontiguousarray(condition[..., :2] * condition[..., 2:])
    levels = open_response(response)
    return levels.to_display(average_along_line(levels.to_light(picture), path))


def _picture(frame: Frame) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(frame.transpose(2, 0, 1))).float() / 255
