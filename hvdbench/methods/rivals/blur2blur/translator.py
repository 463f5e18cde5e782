"""Train the network that translates the clip's unknown blur to the known one, against a discriminator."""

from dataclasses import dataclass, field

import cv2
import numpy as np
import torch
from torch import Tensor

from hvdbench.catalog import NamedPreset, resolve
from hvdbench.errors import InputError
from hvdbench.frames import Frames
from hvdbench.methods.restoration import Budget
from hvdbench.methods.rivals.blur2blur.deblurrer import LOGGED_STEPS, build_mimo
from hvdbench.methods.rivals.blur2blur.kernel_training import build_kernel
from hvdbench.methods.rivals.blur2blur.known import KnownPairs
from hvdbench.methods.rivals.blur2blur.losses import at_scales, fooling_loss, gradient_penalty, judge_loss, pixel_loss
from hvdbench.methods.rivals.blur2blur.perceptual import make_perceptual
from hvdbench.methods.rivals.blur2blur.settings import Blur2blurSettings
from hvdbench.methods.rivals.crops import PictureCrops
from hvdbench.networks.rivals.kernel_wizard import KernelWizard
from hvdbench.networks.rivals.mimo_unet import MIMOUNet
from hvdbench.networks.rivals.patch_gan import PatchGan
from hvdbench.weights.checkpoints import load_checkpoint
from hvdbench.weights.finding import find_weights
from hvdbench.weights.fitting import load_into

LOAD_PX = 512
"""Short side to which the published code resizes pictures of unknown blur and sharp ones, but not the known pairs."""
TEST_MULTIPLE_PX = 256
"""Number to whose multiples the published code resizes a picture that it translates whole."""
_CONSTANT_SHARE = 1 / 3  # 100 of 300 epochs
_KNOWN_SHARE = 0.4  # the published code takes a known pair by the number of a sharp picture, of which it keeps 40 %
_COARSEST = 4


@dataclass
class Translator:
    """A translator in evaluation, with the losses of every tenth step: discriminator, generator, likeness."""

    network: MIMOUNet
    loss: list[tuple[float, float, float]] = field(default_factory=list)


def build_judge(name: str, seed: int) -> PatchGan:
    """Build a discriminator with random weights drawn from ``seed``.

    Raises:
        UnknownNameError: if there is no such network or preset.
        InputError: if it is another network.
    """
    asked = NamedPreset.parse(name)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = resolve("network", asked.name).build(asked.preset)
    if not isinstance(network, PatchGan):
        raise InputError(f"network '{name}' is a {type(network).__name__}: name patch_gan or patch_gan@tiny")
    return network


def load_kernel(settings: Blur2blurSettings) -> KernelWizard | None:
    """Build the kernel network with its weights, frozen; None where the settings name no weights.

    Raises:
        WeightsError: if the weights are missing, damaged or another network's.
    """
    if not settings.kernel_weights:
        return None
    network = build_kernel(settings.kernel, {})
    path = find_weights(settings.kernel_weights)
    load_into(network, load_checkpoint(path), path)
    return network.eval().requires_grad_(requires_grad=False)


class TranslatorFit:
    """A fit of generator and discriminator.

    Args:
        unknown: frames of the clip that are to be restored, uint8 RGB (N, H, W, 3).
        sharp: sharp frames of the same clip, (S, H, W, 3).
        pairs: known blurry and sharp pictures of the same size.
        settings: settings of the method.
        budget: seed, device and progress.

    Raises:
        InputError: if the crops are too small for the networks.
        WeightsError: if weights are missing.
    """

    def __init__(
        self, unknown: Frames, sharp: Frames, pairs: KnownPairs, settings: Blur2blurSettings, budget: Budget
    ) -> None:
        self.settings, self.budget = settings, budget
        self.kernel = load_kernel(settings)
        how = settings.translator
        self.generator = build_mimo(how.network, budget.seed).to(budget.device).train()
        self.judge = build_judge(how.discriminator, budget.seed).to(budget.device).train()
        self._perceptual = make_perceptual(how, normalises=settings.as_.normalisation == "meant")
        for module in (self.kernel, self._perceptual):
            if module is not None:
                module.to(budget.device)
        self._random = np.random.default_rng([budget.seed, 2])
        if settings.as_.load_size == "published":
            unknown, sharp = (resized(frames, LOAD_PX) for frames in (unknown, sharp))
        if settings.as_.pairs == "published":
            kept = max(1, int(_KNOWN_SHARE * len(pairs.sharp)))
            pairs = KnownPairs(pairs.blurry[:kept], pairs.sharp[:kept])
        multiple = _COARSEST if self.kernel is None else self.kernel.size_multiple

        def drawer(*stacks: Frames) -> PictureCrops:
            return PictureCrops(stacks, settings.crop_px, self._random, budget.device, multiple_px=multiple)

        self._unknown, self._sharp, self._pairs = drawer(unknown), drawer(sharp), drawer(pairs.blurry, pairs.sharp)
        self._check_sides()
        self._optimisers = [
            torch.optim.Adam(network.parameters(), lr=how.learning_rate, betas=how.betas)
            for network in (self.generator, self.judge)
        ]

    def run(self, done: int, total: int) -> Translator:
        """Run all steps and return the generator, in evaluation; ``done`` of ``total`` steps of the fit came before."""
        how = self.settings.translator
        made = Translator(self.generator)
        for step in range(how.steps):
            share = step / how.steps
            rate = how.learning_rate * min(1.0, (1 - share) / (1 - _CONSTANT_SHARE))
            for optimiser in self._optimisers:
                for group in optimiser.param_groups:
                    group["lr"] = rate
            losses = self._step()
            if step % LOGGED_STEPS == 0 or step == how.steps - 1:
                made.loss.append(losses)
                self.budget.progress(done + step + 1, total, "translate the blur")
        self.generator.eval()
        return made

    def real(self) -> Tensor:
        """Draw pictures with known blur, (N, 3, side, side): sharp ones, blurred by the codes of known pairs."""
        batch = self.settings.translator.batch
        known, its_sharp = self._pairs.draw(batch)
        if self.kernel is None:
            return known
        (sharp,) = self._sharp.draw(batch)
        with torch.no_grad():  # the published code keeps the graph, which takes memory and changes nothing
            return self.kernel.adapt(sharp, self.kernel(its_sharp, known))

    def _step(self) -> tuple[float, float, float]:
        how = self.settings.translator
        of_generator, of_judge = self._optimisers
        (unknown,) = self._unknown.draw(how.batch)
        real = self.real()
        translated = self.generator.scales(unknown)
        fixed = [picture.detach() for picture in translated]
        judged = judge_loss([self.judge(x) for x in at_scales(real)], [self.judge(x) for x in fixed])
        loss = judged
        if how.gradient_penalty > 0:
            share = torch.from_numpy(self._random.random(how.batch).astype(np.float32)).to(real.device)
            loss = loss + how.gradient_penalty * gradient_penalty(self.judge, real, fixed[-1], share)
        of_judge.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        of_judge.step()
        self.judge.requires_grad_(requires_grad=False)
        fooling, likeness = fooling_loss([self.judge(x) for x in translated]), self._likeness(translated, unknown)
        of_generator.zero_grad(set_to_none=True)
        torch.autograd.backward(fooling + likeness)
        of_generator.step()
        self.judge.requires_grad_(requires_grad=True)
        found = (float(judged.detach()), float(fooling.detach()), float(likeness.detach()))
        return round(found[0], 5), round(found[1], 5), round(found[2], 5)

    def _likeness(self, translated: list[Tensor], unknown: Tensor) -> Tensor:
        how, wanted = self.settings.translator, at_scales(unknown)
        total = unknown.new_zeros(())
        if self._perceptual is not None:
            total = total + how.perceptual * self._perceptual(translated, wanted)
        if how.pixel > 0:
            total = total + how.pixel * pixel_loss(translated, wanted)
        return total

    def _check_sides(self) -> None:
        least = _COARSEST * self.judge.min_size_px
        if self.kernel is not None:
            least = max(least, self.kernel.min_size_px)
        side = min(drawer.side_px for drawer in (self._unknown, self._sharp, self._pairs))
        if side < least:
            raise InputError(
                f"crops of {side} px are too small for {self.settings.translator.discriminator} and "
                f"{self.settings.kernel}, which need {least} px: raise crop_px, or take smaller networks or a larger "
                "clip"
            )


def resized(frames: Frames, short_px: int) -> Frames:
    """Resize frames (N, H, W, 3), uint8, bicubically, so that the shorter side has ``short_px``."""
    height, width = frames.shape[1:3]
    factor = short_px / min(height, width)
    return to_size(frames, (round(height * factor), round(width * factor)))


def to_size(frames: Frames, size: tuple[int, int]) -> Frames:
    """Resize frames (N, H, W, 3), uint8, bicubically to a height and width."""
    made = [cv2.resize(frame, size[::-1], interpolation=cv2.INTER_CUBIC) for frame in frames]
    return np.asarray(np.stack(made), np.uint8)


def size_of_test(size: tuple[int, int]) -> tuple[int, int]:
    """Return the height and width to which the published code resizes a picture that it translates whole."""
    height, width = (max(1, round(side / TEST_MULTIPLE_PX)) * TEST_MULTIPLE_PX for side in size)
    return height, width
