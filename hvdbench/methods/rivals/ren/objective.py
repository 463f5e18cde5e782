"""The objective of a fit to one clip: restore blurred patches of its sharpest frames (Ren et al., section III-B)."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hvdbench.dataset.facts import ClipReader
from hvdbench.methods.rivals.ren.kernels import kernels_of, make_pairs, side_px, with_noise
from hvdbench.methods.rivals.ren.losses import critic_loss, inner_px, judgement, make_perceptual_loss, reweighted
from hvdbench.methods.rivals.ren.selection import mean_mvl, only_chosen_frames
from hvdbench.methods.rivals.ren.settings import RenSettings
from hvdbench.methods.training.objective import Objective, StepLoss
from hvdbench.networks.rivals.ren_critic import RenCritic
from hvdbench.workspace.progress import Progress

KERNEL_DRAWS, CRITIC_DRAWS = 1, 2
"""What a draw is for, between the seed and the window's number, so that no two draws are alike."""


class PatchObjective(Objective):
    """The part that the fit to a clip and the meta-training share: chosen frames, blurry patches, and the loss.

    Args:
        settings: kernels, losses and the length of the segments.
        seed: random seed of the kernels.
    """

    def __init__(self, settings: RenSettings, seed: int) -> None:
        self.settings, self.seed = settings, seed
        self.perceptual = make_perceptual_loss(settings.loss)
        self.mvl_per_px = 1.0

    def prepare(
        self,
        clips: ClipReader,
        selection: Mapping[str, NDArray[np.bool_]] | None,
        *,
        device: torch.device,
        folder: Path | None,
        progress: Progress,
    ) -> ClipReader:
        """Return a reader whose windows are single chosen frames, and take the constant ``N`` of Eq. 3 from them.

        Raises:
            FitError: if the chosen frames are flat.
        """
        chosen = only_chosen_frames(clips, self.settings.segment_frames)
        self.mvl_per_px = mean_mvl(chosen)
        self.perceptual.to(device)
        return chosen

    def pairs(self, sharp: Tensor, seeds: list[list[int]]) -> tuple[Tensor, Tensor]:
        """Blur patches (N, 3, H, W) by kernels drawn from a seed each; return blurry and sharp ones, (N, 3, h, w)."""
        kernels = self.settings.kernels
        blurry, truth = make_pairs(sharp, kernels_of(kernels, seeds, sharp), kernels.gamma)
        return (blurry if kernels.noise == 0 else with_noise(blurry, kernels.noise / 255, seeds)), truth

    def patch_loss(self, restored: Tensor, sharp: Tensor) -> Tensor:
        """Return the loss of patches (N, 3, H, W): Eq. 3, or the mean of Eq. 2 where reweighting is off."""
        losses = self.perceptual(restored, sharp)
        if not self.settings.loss.reweighting:
            return losses.mean()
        return reweighted(losses, sharp, self.mvl_per_px * inner_px(sharp))

    def panel(self, network: nn.Module, batch: Mapping[str, Tensor], step: int) -> NDArray[np.uint8]:
        """Draw the first patch of a batch: blurred, restored, sharp, and the error multiplied by eight."""
        blurry, sharp = self.pairs(batch["blurry"][:1, 0], [[self.seed, KERNEL_DRAWS, 0]])
        restored = network(blurry[:, None])[:, 0]
        shown = [patch[0].clamp(0, 1) for patch in (blurry, restored, sharp)]
        shown.append((8 * (shown[1] - shown[2]).abs()).clamp(0, 1))
        side_by_side = torch.cat(shown, dim=2).permute(1, 2, 0)  # (h, 4w, 3)
        return np.asarray((255 * side_by_side.float()).round().byte().cpu().numpy(), np.uint8)


class RenObjective(PatchObjective):
    """The objective of a fit: the reweighted loss and, where it is on, the critic, which is trained in each step.

    Args:
        settings: kernels, losses and the critic.
        seed: random seed of the kernels, and of the critic's weights and mixtures.
    """

    def __init__(self, settings: RenSettings, seed: int) -> None:
        super().__init__(settings, seed)
        self.critic: RenCritic | None = None
        if settings.critic.weight > 0:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(seed)
                self.critic = RenCritic(settings.critic.channels, settings.critic.layers)
            self.adam = torch.optim.Adam(
                self.critic.parameters(), lr=settings.critic.learning_rate, betas=settings.critic.betas
            )

    def prepare(
        self,
        clips: ClipReader,
        selection: Mapping[str, NDArray[np.bool_]] | None,
        *,
        device: torch.device,
        folder: Path | None,
        progress: Progress,
    ) -> ClipReader:
        """Choose the frames, and move the critic to the device.

        Raises:
            FitError: if the chosen frames are flat.
        """
        if self.critic is not None:
            self.critic.to(device)
        return super().prepare(clips, selection, device=device, folder=folder, progress=progress)

    def loss(self, network: nn.Module, batch: Mapping[str, Tensor], step: int) -> StepLoss:
        """Blur the patches, restore them, train the critic on the result, and return the loss of the network.

        Without gradients, as a validation calls it, the critic stays as it is.
        """
        numbers = [int(number) for number in batch["index"]]
        blurs = self.settings.blurs
        made = [self.pairs(batch["blurry"][:, 0], self._seeds(numbers, copy)) for copy in range(blurs)]
        window = torch.stack([blurry for blurry, _ in made], dim=1)  # (N, blurs, 3, h, w)
        restored = network(window).flatten(0, 1)
        sharp = made[0][1].repeat_interleave(blurs, dim=0)
        loss = self.patch_loss(restored, sharp)
        terms = {"reweighted" if self.settings.loss.reweighting else "perceptual": loss.detach()}
        if self.critic is None:
            return StepLoss(loss, terms)
        if torch.is_grad_enabled():
            terms["critic"] = self._train_critic(self.critic, sharp, restored.detach(), numbers)
        self.critic.requires_grad_(False)
        adversarial = -judgement(self.critic, restored).mean()
        self.critic.requires_grad_(True)
        terms["adversarial"] = adversarial.detach()
        return StepLoss(loss + self.settings.critic.weight * adversarial, terms)

    def _seeds(self, numbers: list[int], copy: int) -> list[list[int]]:
        """Return the seeds of the kernels of one blurry copy; the first copy has the same however many there are."""
        more = [copy] if copy else []
        return [[self.seed, KERNEL_DRAWS, number, *more] for number in numbers]

    def _train_critic(self, critic: RenCritic, sharp: Tensor, restored: Tensor, numbers: list[int]) -> Tensor:
        """Make the critic's steps on one batch, each with other mixtures, and return its last loss."""
        drawn = np.random.SeedSequence([self.seed, CRITIC_DRAWS, *numbers]).generate_state(1, np.uint64)
        random = torch.Generator().manual_seed(int(drawn[0]))
        loss = sharp.new_zeros(())
        for _ in range(self.settings.critic.steps):
            share = torch.rand(len(sharp), generator=random).to(sharp.device)
            loss = critic_loss(critic, sharp, restored, share, self.settings.critic.gradient_penalty)
            self.adam.zero_grad(set_to_none=True)
            torch.autograd.backward(loss)
            self.adam.step()
        self.adam.zero_grad(set_to_none=True)
        return loss.detach()

    def state(self) -> dict[str, Tensor]:
        """Return the critic's weights and those of its optimiser, by name; nothing without a critic."""
        if self.critic is None:
            return {}
        found = {f"weights.{name}": value for name, value in self.critic.state_dict().items()}
        for name, parameter in self.critic.named_parameters():
            for key, value in self.adam.state.get(parameter, {}).items():
                found[f"adam.{key}.{name}"] = value
        return found

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Restore what :meth:`state` returned."""
        if self.critic is None:
            return
        prefix = "weights."
        weights = {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
        self.critic.load_state_dict(weights)
        for name, parameter in self.critic.named_parameters():
            moments = {key: state[f"adam.{key}.{name}"] for key in ("step", "exp_avg", "exp_avg_sq")}
            self.adam.state[parameter] = {**moments, "step": moments["step"].cpu()}


def window_px(settings: RenSettings) -> int:
    """Return the side of the sharp crops, of which blurry patches of ``window.crop_px`` are made."""
    return settings.window.crop_px + side_px(settings.kernels) - 1
