"""The objective of the meta-training: Algorithm 1 of Ren et al. (arXiv 2012.05228), after Finn et al. (ICML 2017)."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from hvdbench.errors import FitError
from hvdbench.methods.rivals.ren.objective import KERNEL_DRAWS, PatchObjective
from hvdbench.methods.rivals.ren.settings import RenMamlSettings
from hvdbench.methods.training.objective import StepLoss, bare

ADAPTING, JUDGING = 0, 1
"""Which of the two kernels of a batch a seed stands for."""


class MamlObjective(PatchObjective):
    """The loss after one step of adaptation to each image, whose gradient goes through that step.

    Every sample of a batch is a task: an image ``I_i`` of an outside clip. A batch has two kernels. The weights are
    adapted to the image blurred by the first kernel, and judged by how they restore it blurred by the second.
    """

    settings: RenMamlSettings

    def loss(self, network: nn.Module, batch: Mapping[str, Tensor], step: int) -> StepLoss:
        """Return the mean over a batch's images of ``L(g_{θ_i}(Blur_i*), GT_i)``, line 9 of Algorithm 1.

        Raises:
            FitError: if the training runs on several processes, which do not share the gradient of adapted weights.
        """
        door = bare(network)
        if door is not network:
            raise FitError("the meta-training works on one process: start it on a single GPU")
        patches = batch["blurry"][:, 0]
        if self.settings.inner_steps == 0:
            return self._plain_loss(network, patches, [int(number) for number in batch["index"]])
        first = int(batch["index"][0])
        seeds = [[self.seed, KERNEL_DRAWS, first, which] for which in (ADAPTING, JUDGING)]
        (blurry, sharp), (other, _) = (self.pairs(patches, [seed] * len(patches)) for seed in seeds)
        weights = {name: value for name, value in door.named_parameters() if value.requires_grad}
        before, after = [], []
        for i in range(len(patches)):
            task = slice(i, i + 1)
            found, adapted = self.adapted(door, weights, blurry[task], sharp[task])
            before.append(found.detach())
            restored = torch.func.functional_call(door, adapted, (other[task, None],))[:, 0]
            after.append(self.patch_loss(restored, sharp[task]))
        total = torch.stack(after).mean()
        return StepLoss(total, {"before_adaptation": torch.stack(before).mean(), "after_adaptation": total.detach()})

    def _plain_loss(self, network: nn.Module, patches: Tensor, numbers: list[int]) -> StepLoss:
        """Return the loss of the weights as they are, on patches that are each blurred by a kernel of their own."""
        blurry, sharp = self.pairs(patches, [[self.seed, KERNEL_DRAWS, number] for number in numbers])
        return StepLoss(self.patch_loss(network(blurry[:, None])[:, 0], sharp), {})

    def patch_loss(self, restored: Tensor, sharp: Tensor) -> Tensor:
        """Return the loss of patches (N, 3, H, W): the fit's, or the mean of Eq. 2 where images count alike."""
        if self.settings.reweights_images:
            return super().patch_loss(restored, sharp)
        return self.perceptual(restored, sharp).mean()

    def adapted(
        self, network: nn.Module, weights: Mapping[str, Tensor], blurry: Tensor, sharp: Tensor
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the loss on a task, and ``θ_i = θ - α ∇L(g_θ(Blur_i), GT_i)``, lines 7 and 8 of Algorithm 1.

        Args:
            network: network for clips, ``g``.
            weights: weights ``θ`` by name.
            blurry: blurry patches of the task, (N, 3, H, W).
            sharp: the same patches sharp.
        """
        outer = torch.is_grad_enabled()
        with torch.enable_grad():  # a validation adapts, too, though it takes no gradient of the result
            restored = torch.func.functional_call(network, dict(weights), (blurry[:, None],))[:, 0]
            loss = self.patch_loss(restored, sharp)
            second = self.settings.second_order and outer
            gradients = torch.autograd.grad(loss, list(weights.values()), create_graph=second)
        rate = self.settings.inner_rate
        moved = zip(weights.items(), gradients, strict=True)
        return loss, {name: value - rate * gradient for (name, value), gradient in moved}
