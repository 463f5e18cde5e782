"""The loss of the pre-trained fusion: distance to the truth, and how its error changes from frame to frame."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hvdbench.dataset.facts import ClipReader
from hvdbench.methods.fusion.pretrained.clips import STREAM, PlaneClips
from hvdbench.methods.fusion.pretrained.settings import FusionTrainingSettings
from hvdbench.methods.training.objective import Objective, StepLoss
from hvdbench.networks.candidate_fusion import LACKING_PLANE, MASK_PLANE, MIDDLE, PATH_PLANE
from hvdbench.workspace.progress import Progress

_BLEND = slice(3, 6)
_DRAW = 2  # keeps this draw apart from that of the window itself, which has the same seed and index
_COLOURS = [*range(0, MASK_PLANE, 3), LACKING_PLANE]


class FusionObjective(Objective):
    """The Charbonnier distance of each restored frame to its truth, and of the change of its error to none."""

    def __init__(self, settings: FusionTrainingSettings, seed: int) -> None:
        self.settings, self.seed = settings, seed

    def prepare(
        self,
        clips: ClipReader,
        selection: Mapping[str, NDArray[np.bool_]] | None,
        *,
        device: torch.device,
        folder: Path | None,
        progress: Progress,
    ) -> ClipReader:
        """Align all clips once and return a reader with their planes."""
        return PlaneClips(clips, selection, settings=self.settings, folder=folder, progress=progress)

    def loss(self, network: nn.Module, batch: Mapping[str, Tensor], step: int) -> StepLoss:
        """Restore the frames of the windows and compare them with their truth.

        Frames that are selected, which are sharp already, count less. The loss of a window is relative to the error of
        its blends, since otherwise noise that nothing can take out would decide what is learned. Mirroring, turns and
        the order of the colours are drawn for each window here, because the path of the exposure has to be mirrored and
        turned along.
        """
        planes, truth = self._drawn(batch)
        count = planes.shape[1]
        restored = network(planes.flatten(0, 1).unsqueeze(2)).unflatten(0, (-1, count))[:, :, 0]
        error = restored - truth  # (N, T, 3, h, w)
        weight = torch.where(batch["is_selected"].bool(), self.settings.selected_weight, 1.0).to(error)
        epsilon = self.settings.charbonnier_epsilon
        start = (planes[:, :, _BLEND] - truth).abs().mean(dim=(1, 2, 3, 4)) + self.settings.relative_floor  # (N,)
        distance = (charbonnier(error, epsilon).mean(dim=(2, 3, 4)) * weight).sum(dim=1) / weight.sum(dim=1)
        change = error[:, 1:] - error[:, :-1] if count > 1 else error * 0
        flicker = charbonnier(change, epsilon).mean(dim=(1, 2, 3, 4))
        total = ((distance + self.settings.flicker * flicker) / start).mean()
        terms = {"distance": distance.mean().detach(), "flicker": flicker.mean().detach()}
        return StepLoss(total, terms | {"of_blend": (distance / start).mean().detach()})

    def panel(self, network: nn.Module, batch: Mapping[str, Tensor], step: int) -> NDArray[np.uint8]:
        """Draw the first frame: blurry, blend, restored, true, and the error multiplied by eight."""
        planes, truth = batch[STREAM][0, :1], batch["truth"][0, :1]
        shown = [planes[:, :3], planes[:, 3:6], network(planes.unsqueeze(2))[:, 0], truth]
        shown.append((8 * (shown[2] - truth).abs()).clamp(0, 1))
        side_by_side = torch.cat([picture.clamp(0, 1) for picture in shown], dim=3)[0].permute(1, 2, 0)
        return np.asarray((255 * side_by_side.float()).round().byte().cpu().numpy(), np.uint8)

    def _drawn(self, batch: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Return planes (N, T, PLANES, h, w) and truth (N, T, 3, h, w), each window in a way of its own."""
        made, true = [], []
        for row, index in enumerate(batch["index"].tolist()):
            random = np.random.default_rng([self.seed, index, _DRAW])
            planes, (truth,) = drawn_anew(
                batch[STREAM][row], [batch["truth"][row]], random, mix_colours=self.settings.mix_colours
            )
            made.append(planes)
            true.append(truth)
        return torch.stack(made), torch.stack(true)


def drawn_anew(
    planes: Tensor, pictures: Sequence[Tensor], random: np.random.Generator, *, mix_colours: bool
) -> tuple[Tensor, list[Tensor]]:
    """Mirror and turn a window, and permute its colours, at random; the path of the exposure is turned along.

    Args:
        planes: planes of a window, (..., PLANES, h, w) in [0, 1].
        pictures: what belongs to it, each (..., C, h, w); those of three channels have colours.
        random: generator that is drawn from.
        mix_colours: whether the order of the colours is drawn.
    """
    flip_x, flip_y, is_turned = random.random(3) < 0.5
    order = torch.from_numpy(random.permutation(3) if mix_colours else np.arange(3))
    planes = planes.clone()
    for first in _COLOURS:
        planes[..., first : first + 3, :, :] = planes[..., first + order, :, :]
    others = [picture[..., order, :, :] if picture.shape[-3] == 3 else picture for picture in pictures]
    if flip_x:
        planes, others = planes.flip(-1), [picture.flip(-1) for picture in others]
        planes[..., PATH_PLANE, :, :] = 2 * MIDDLE - planes[..., PATH_PLANE, :, :]
    if flip_y:
        planes, others = planes.flip(-2), [picture.flip(-2) for picture in others]
        planes[..., PATH_PLANE + 1, :, :] = 2 * MIDDLE - planes[..., PATH_PLANE + 1, :, :]
    if is_turned:
        planes, others = planes.transpose(-1, -2), [picture.transpose(-1, -2) for picture in others]
        planes[..., [PATH_PLANE, PATH_PLANE + 1], :, :] = planes[..., [PATH_PLANE + 1, PATH_PLANE], :, :]
    return planes, others


def charbonnier(difference: Tensor, epsilon: float) -> Tensor:
    """Return ``sqrt(d² + ε²)`` (Charbonnier et al., ICIP 1994), element by element."""
    return (difference.square() + epsilon**2).sqrt()
