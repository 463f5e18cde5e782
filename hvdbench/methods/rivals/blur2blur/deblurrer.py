"""Train the network that removes the known blur, on pairs that were made of the clip's sharp frames."""

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import nn

from hvdbench.errors import InputError
from hvdbench.methods.building import build_network, load_start, start_at_identity
from hvdbench.methods.restoration import Budget
from hvdbench.methods.rivals.blur2blur.known import KnownPairs
from hvdbench.methods.rivals.blur2blur.losses import at_scales, frequency_loss, pixel_loss
from hvdbench.methods.rivals.blur2blur.settings import DeblurrerSettings
from hvdbench.methods.rivals.crops import PictureCrops
from hvdbench.networks.rivals.mimo_unet import MIMOUNet

LOGGED_STEPS = 10
_MULTIPLE_PX = 4  # of MIMO-UNet's sides


@dataclass
class Deblurrer:
    """A network that was trained on known blur, in evaluation, with the loss of every tenth step."""

    network: nn.Module
    loss: list[float] = field(default_factory=list)


def build_mimo(name: str, seed: int) -> MIMOUNet:
    """Build a MIMO-UNet that starts at the identity.

    Args:
        name: of the catalogue, with a preset if wanted, or an import string.
        seed: random seed of the weights.

    Raises:
        UnknownNameError: if there is no such network or preset.
        InputError: if it is another network.
    """
    network = build_network(name, {}, seed)
    if not isinstance(network, MIMOUNet):
        raise InputError(
            f"network '{name}' is a {type(network).__name__}, but Blur2Blur compares pictures at three scales: name "
            "mimo_unet, mimo_unet@small or mimo_unet@tiny"
        )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network.draw_weights()
    network.start_at_identity()
    return network


def train_deblurrer(
    pairs: KnownPairs, settings: DeblurrerSettings, crop_px: int, budget: Budget, total_steps: int
) -> Deblurrer:
    """Train a network from the identity by MIMO-UNet's loss: L1 at three scales, and that of Fourier transforms.

    Args:
        pairs: known blurry and sharp pictures.
        settings: settings of the deblurrer.
        crop_px: side of the crops.
        budget: seed, device and progress.
        total_steps: number of steps of the whole fit, for the progress.

    Returns:
        The network; without steps, one that has the weights of ``start_from`` or returns its frames.

    Raises:
        WeightsError: if the weights that it starts from are missing, damaged, or of another network.
    """
    if settings.steps == 0:
        kept = build_network(settings.network, {}, budget.seed)
        if settings.start_from:
            load_start(kept, settings.start_from, {})
        else:
            start_at_identity(kept)
        return Deblurrer(kept.to(budget.device).eval())
    network = build_mimo(settings.network, budget.seed).to(budget.device).train()
    made = Deblurrer(network)
    random = np.random.default_rng([budget.seed, 1])
    drawer = PictureCrops((pairs.blurry, pairs.sharp), crop_px, random, budget.device, multiple_px=_MULTIPLE_PX)
    optimiser = torch.optim.Adam(network.parameters(), lr=settings.learning_rate)
    for step in range(settings.steps):
        share = 0.5 * (1 + np.cos(np.pi * step / settings.steps))
        for group in optimiser.param_groups:
            group["lr"] = float(share * settings.learning_rate)
        blurry, sharp = drawer.draw(settings.batch)
        restored, wanted = network.scales(blurry), at_scales(sharp)
        loss = pixel_loss(restored, wanted)
        if settings.frequency > 0:
            loss = loss + settings.frequency * frequency_loss(restored, wanted)
        optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        if step % LOGGED_STEPS == 0 or step == settings.steps - 1:
            made.loss.append(round(float(loss.detach()), 5))
            budget.progress(step + 1, total_steps, "learn to remove the known blur")
    network.eval()
    return made
