"""Make seven sharp frames of a blurry picture with a trained network, and choose which end of each comes first."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hvdbench.catalog import NamedPreset, resolve
from hvdbench.errors import InputError
from hvdbench.frames import Frame, Frames
from hvdbench.methods.foreign.calling import reason
from hvdbench.methods.training.rgb import RgbNetwork
from hvdbench.networks.related.sequence import FRAMES, SequenceNetwork
from hvdbench.networks.spec import NetworkSpec


class PlanesOfPictures(nn.Module):
    """A network of sequences behind the interface of networks of clips, with all planes that a training compares.

    (N, T, C, H, W) becomes (N, T, C', H, W), each frame by itself.
    """

    def __init__(self, network: SequenceNetwork) -> None:
        super().__init__()
        self.network = network
        self.spec = spec_of(network)

    def forward(self, clip: Tensor) -> Tensor:
        planes = self.network.planes(clip.flatten(0, 1))  # (N*T, C', H, W)
        return planes.reshape(*clip.shape[:2], *planes.shape[1:])


class GuessesOfPictures(nn.Module):
    """A network of sequences behind the same interface, with the frames of one plausible sequence: 21 planes."""

    def __init__(self, network: SequenceNetwork, generator: torch.Generator) -> None:
        super().__init__()
        self.network, self.generator = network, generator
        self.spec = spec_of(network)

    def forward(self, clip: Tensor) -> Tensor:
        frames = self.network.guesses(clip.flatten(0, 1), self.generator)  # (N*T, 7, 3, H, W)
        return frames.reshape(*clip.shape[:2], -1, *clip.shape[-2:])


def spec_of(network: SequenceNetwork) -> NetworkSpec:
    """Return the sizes that a network takes, as a spec."""
    return NetworkSpec(size_multiple=network.size_multiple, min_size_px=network.min_size_px, context_frames=0)


def build_sequence_network(name: str, arguments: dict[str, object], seed: int = 0) -> SequenceNetwork:
    """Build a network of sequences on the CPU, its weights drawn from ``seed``.

    Raises:
        UnknownNameError: if there is no such network or preset.
        InputError: if the network does not take its arguments, or makes no sequences.
    """
    asked = NamedPreset.parse(name)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        try:
            network = resolve("network", asked.name).build(asked.preset, **arguments)
        except (TypeError, ValueError, RuntimeError) as error:
            raise InputError(f"network '{name}' cannot be made with {arguments}: {reason(error)}") from error
    if not isinstance(network, SequenceNetwork):
        raise InputError(
            f"network '{name}' makes no sequence of a blurry picture: name 'jin_sequence', 'purohit_sequence' or "
            "'zhong_sequence', at one of their sizes"
        )
    return network


def sequence_of(network: SequenceNetwork, blurry: Frame, device: str = "cpu", *, seed: Sequence[int] = (0,)) -> Frames:
    """Return the seven frames of a blurry picture, in one of the two directions of time.

    Args:
        network: network with its weights, in evaluation, on the device.
        blurry: uint8 RGB (H, W, 3); it is mirrored at the right and bottom to a size that the network takes.
        device: device to compute on.
        seed: what a plausible sequence is drawn from, where the network knows several.

    Returns:
        uint8 RGB (7, H, W, 3).

    Raises:
        InputError: if the network needs the true middle frame, or returned values that are not finite.
    """
    if network.inputs > 3 and not network.guesses_inputs:
        raise InputError(
            "this network was trained with the true middle frame as part of its input, as the published code is, so it "
            "makes nothing of a blurry picture alone: train it with as = 'meant'"
        )
    number = int(np.random.SeedSequence(list(seed)).generate_state(1, np.uint64)[0] >> np.uint64(1))
    door = RgbNetwork(network, video=GuessesOfPictures(network, torch.Generator().manual_seed(number)))
    picture = torch.from_numpy(np.ascontiguousarray(blurry.transpose(2, 0, 1))).float().div(255).to(device)
    with torch.inference_mode():
        planes = door(picture[None, None])[0, 0]  # (21, H, W)
    if not bool(torch.isfinite(planes).all()):
        raise InputError("the network returned values that are not finite: its weights are damaged or diverged")
    levels = (255 * planes.clamp(0, 1)).round().byte().unflatten(0, (FRAMES, 3))
    return np.ascontiguousarray(levels.permute(0, 2, 3, 1).cpu().numpy())


def plausible_sequences(
    network: SequenceNetwork, clip: Frames, count: int, device: str = "cpu", *, seed: int = 0
) -> tuple[Frames, ...]:
    """Return several plausible sequences of each picture of a clip, for the best of them to be scored (Table 4).

    Args:
        network: as for :func:`sequence_of`.
        clip: blurry pictures, uint8 RGB (T, H, W, 3).
        count: number of sequences of each picture.
        device: device to compute on.
        seed: what they are drawn from, with the picture's number and the sequence's.

    Returns:
        ``count`` times uint8 RGB (T, 7, H, W, 3).

    Raises:
        InputError: under the conditions of :func:`sequence_of`.
    """
    return tuple(
        np.stack([sequence_of(network, blurry, device, seed=(seed, index, guess)) for index, blurry in enumerate(clip)])
        for guess in range(count)
    )


def directions(ends: Sequence[tuple[Frame, Frame]]) -> NDArray[np.bool_]:
    """Choose which sequences to reverse, so that each begins near where the one before it ended.

    A blurry picture does not say which end of its exposure came first; the pictures before and after it do. The choice
    minimises the sum of the squared differences at all joints; of two equal choices the one that reverses the first
    sequence less is taken, as for a single picture.

    Args:
        ends: first and last frame of each sequence, uint8 (H, W, 3).

    Returns:
        (T,) whether to reverse each.
    """
    cost, came_from = np.zeros(2), []
    for before, after in pairwise(ends):
        # [was reversed][is reversed]: where one ends against where the next begins
        joints = np.array([[_distance(before[1 - was], after[now]) for now in (0, 1)] for was in (0, 1)])
        total = cost[:, None] + joints
        came_from.append(total.argmin(axis=0))
        cost = total.min(axis=0)
    state, chosen = int(cost.argmin()), []
    for origins in reversed(came_from):
        chosen.append(bool(state))
        state = int(origins[state])
    chosen.append(bool(state))
    return np.array(chosen[::-1], np.bool_)


def _distance(a: Frame, b: Frame) -> float:
    return float(np.square(a.astype(np.float32) - b).mean())
