"""What a training strives for: the loss of a step, and the decisions that belong to it."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hvdbench.dataset.facts import ClipReader
from hvdbench.workspace.progress import Progress

MASK_COVERAGE = "mask_coverage"
"""Term: mean of the mask that weights the loss, 0 to 1."""
SHARP_CHOSEN_SHARE = "sharp_chosen_share"
"""Term: share of frames whose target was the warped sharp frame, not the teacher's, 0 to 1."""
ANCHOR_UPDATE = "anchor_update"
"""Number of a validation: 1 where the anchor moved to the present weights, else 0."""
_SHARES = ("_share", "_coverage")


@dataclass(frozen=True)
class StepLoss:
    """The loss of one part of a batch.

    Attributes:
        total: scalar with gradients, a mean over samples, so that the mean over equal parts of a batch is the whole's.
        terms: detached scalars for the log: each loss, and shares, whose names end as those above do.
    """

    total: Tensor
    terms: dict[str, Tensor] = field(default_factory=dict)


class Objective(ABC):
    """What the engine asks of a method.

    A step is counted from 0 by optimiser steps; ``step`` is the number of those that are done. Randomness comes from
    the batch's ``index`` and a seed of the objective's own, never from a global generator, so that a run that was
    stopped goes on as if it had not been. Only :meth:`loss` must be written; the rest decides, draws and keeps nothing
    as it is here.
    """

    @abstractmethod
    def loss(self, network: nn.Module, batch: Mapping[str, Tensor], step: int) -> StepLoss:
        """Return the loss of a batch, or of a part of one.

        Args:
            network: takes and returns (N, T, 3, H, W) RGB in [0, 1]. Call it at most once with gradients; calls under
                ``torch.no_grad()`` are free. To copy it, copy :func:`bare` of it.
            batch: samples as :mod:`hvdbench.methods.training.samples` makes them, floats, on the network's device.
            step: optimiser steps done; at ``step == n`` the n first steps lie behind.
        """

    @property
    def validate_at(self) -> tuple[int, ...]:
        """Steps at which a validation should be made whatever the rhythm."""
        return ()

    def prepare(
        self,
        clips: ClipReader,
        selection: Mapping[str, NDArray[np.bool_]] | None,
        *,
        device: torch.device,
        folder: Path | None,
        progress: Progress,
    ) -> ClipReader:
        """Return the reader that the training reads from; the same one here.

        Args:
            clips: the reader of the clips that are trained on.
            selection: a clip's key → (T,) frames to take as selected, in place of the labels; None: the labels.
            device: where to compute.
            folder: of the run; None: nothing is kept.
            progress: called with (done, total, what).
        """
        return clips

    def at_validation(self, network: nn.Module, step: int, measured: Mapping[str, float]) -> dict[str, float]:
        """Decide what hangs on a validation; called on every process with equal numbers.

        Args:
            network: bare, in evaluation, with the weights that were measured.
            step: optimiser steps done.
            measured: ``shift_px`` (median phase-correlation shift of output to input), ``sharpness`` (mean Laplacian
                variance of the outputs), ``sharpness_ratio`` (to the inputs).

        Returns:
            Numbers for the log; ``anchor_update`` is marked in the plot.
        """
        return {}

    def panel(self, network: nn.Module, batch: Mapping[str, Tensor], step: int) -> NDArray[np.uint8] | None:
        """Draw a picture (H, W, 3) uint8 RGB for the log, or none."""
        return None

    def state(self) -> dict[str, Tensor]:
        """Return what a resumed run needs besides the weights: tensors by name."""
        return {}

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Take up what :meth:`state` returned."""
        return


def is_share(term: str) -> bool:
    """Return whether a term is a share, 0 to 1, by its name; all others are losses."""
    return term.endswith(_SHARES)


def bare(network: nn.Module) -> nn.Module:
    """Take the wrapper of distributed training off a network; others are returned as they are."""
    from torch.nn.parallel import DistributedDataParallel

    while isinstance(network, DistributedDataParallel):
        network = network.module
    return network
