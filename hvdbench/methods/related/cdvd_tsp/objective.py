"""Define the loss of CDVD-TSP: L1 and hard-example mining over the outputs of all stages."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hvdbench.methods.related.cdvd_tsp.settings import CdvdTspSettings
from hvdbench.methods.training.objective import Objective, StepLoss, bare
from hvdbench.networks.cdvd_tsp import CDVDTSP

_PIXELS = 5  # keeps these draws apart from that of the window, which has the same seed and index


class CdvdTspObjective(Objective):
    """The distance of the outputs of all stages to the truth: every output counts alike, and hard pixels count more."""

    def __init__(self, settings: CdvdTspSettings, seed: int = 0) -> None:
        self.settings, self.seed = settings, seed

    def loss(self, network: nn.Module, batch: Mapping[str, Tensor], step: int) -> StepLoss:
        """Restore the windows in all stages and compare each output with the truth of its frame.

        Raises:
            ValueError: if the windows have another number of frames than the stages need.
        """
        mining = self.settings.hard_examples
        truths = self._truths(batch)
        difference = (self._outputs(network, batch) - truths).abs()  # (N, K, 3, h, w)
        terms = {"l1": difference.detach().mean(), "l1_last": difference[:, -1].detach().mean()}
        share = self._shares(batch, truths)  # (N, K)
        total = (difference.mean(dim=(2, 3, 4)) * share).mean()
        if not mining.weight:
            return StepLoss(total, terms)
        mask = hard_mask(
            difference.detach().sum(dim=(1, 2)),
            mining.top_share,
            mining.random_share,
            [[self.seed, index, _PIXELS] for index in batch["index"].tolist()],
        )
        hard = (difference * mask[:, None, None]).mean(dim=(2, 3, 4))  # over all pixels, those outside as zero
        terms |= {"hard": hard.detach().mean(), "hard_share": mask.mean()}
        return StepLoss(total + mining.weight * (hard * share).mean(), terms)

    def panel(self, network: nn.Module, batch: Mapping[str, Tensor], step: int) -> NDArray[np.uint8]:
        """Draw the middle frame of the first window: blurry, after each stage, true, and the last error times eight."""
        first = {name: value[:1] for name, value in batch.items()}
        outputs, stages = self._outputs(network, first)[0], self.settings.stages
        middle = [outputs[1], outputs[3]] if stages > 1 else [outputs[0]]
        truth = first["truth"][0, stages]
        shown = [first["blurry"][0, stages], *middle, truth, 8 * (middle[-1] - truth).abs()]
        side_by_side = torch.cat([picture.clamp(0, 1) for picture in shown], dim=2).permute(1, 2, 0)  # (h, K*w, 3)
        return np.asarray((255 * side_by_side.float()).round().byte().cpu().numpy(), np.uint8)

    def _outputs(self, network: nn.Module, batch: Mapping[str, Tensor]) -> Tensor:
        """Return the outputs of all stages, (N, K, 3, h, w)."""
        cascade = bare(network).get_submodule("inner")
        assert isinstance(cascade, CDVDTSP)
        with cascade.returning_stages():
            outputs: Tensor = network(batch["blurry"])
        return outputs

    def _shares(self, batch: Mapping[str, Tensor], truths: Tensor) -> Tensor:
        """Return what the error of each output is multiplied by, (N, K)."""
        floor = self.settings.relative_floor
        if floor is None:
            return torch.ones(truths.shape[:2]).to(truths)
        return 1 / ((self._cut(batch["blurry"]) - truths).abs().mean(dim=(2, 3, 4)) + floor)

    def _truths(self, batch: Mapping[str, Tensor]) -> Tensor:
        """Return the truth of each output, (N, K, 3, h, w)."""
        return self._cut(batch["truth"])

    def _cut(self, frames: Tensor) -> Tensor:
        """Return the frames that the outputs of all stages restore, one for each output; (N, T, ...) to (N, K, ...)."""
        stages, count = self.settings.stages, frames.shape[1]
        return torch.cat([frames[:, 1 + stage : count - 1 - stage] for stage in range(stages)], dim=1)


def hard_mask(error: Tensor, top_share: float, random_share: float, seeds: Sequence[Sequence[int]]) -> Tensor:
    """Choose the pixels of each window that count as hard, and some at random.

    Args:
        error: error of each pixel, (N, h, w).
        top_share: share of the pixels with the largest errors; it is rounded down to whole pixels.
        random_share: share of pixels drawn from all, without putting back; they may be among the others.
        seeds: for each window, the seed of its draw.

    Returns:
        The mask, (N, h, w) float, 1 where a pixel counts.
    """
    flat = error.flatten(1)  # (N, h*w)
    top, drawn = (int(share * flat.shape[1]) for share in (top_share, random_share))
    mask = torch.zeros_like(flat).scatter_(1, flat.topk(top, dim=1).indices, 1.0)
    for row, seed in zip(mask, seeds, strict=True):
        chosen = np.random.default_rng(seed).choice(flat.shape[1], drawn, replace=False)
        row[torch.from_numpy(chosen).to(row.device)] = 1.0
    return mask.view_as(error)
