"""Define the objective of a training: the loss of a step, and the decisions that belong to it."""

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
"""Logged term: the mean of the mask that weights the loss, 0 to 1."""
SHARP_CHOSEN_SHARE = "sharp_chosen_share"
"""Logged term: the share of frames whose target was the warped sharp frame, not the teacher's output, 0 to 1."""
ANCHOR_UPDATE = "anchor_update"
"""Number logged at a validation: 1 if the anchor moved to the current weights, else 0."""
_SHARES = ("_share", "_coverage")


@dataclass(frozen=True)
class StepLoss:
    """The loss of one part of a batch.

    Attributes:
        total: scalar with gradients, a mean over samples, so that its mean over equal parts of a batch is that of the
            whole batch.
        terms: detached scalars for the log: each loss, and shares, whose names end like those above.
    """

    total: Tensor
    terms: dict[str, Tensor] = field(default_factory=dict)


class Objective(ABC):
    """The part of a method that the training loop calls.

    ``step`` is the number of optimiser steps that are done. Randomness comes from the batch's ``index`` and a seed of
    the objective's own, never from a global generator, so that a stopped run continues as if it had not been stopped.
    Only :meth:`loss` must be written; in this base class the other hooks decide, draw and keep nothing.
    """

    @abstractmethod
    def loss(self, network: nn.Module, batch: Mapping[str, Tensor], step: int) -> StepLoss:
        """Return the loss of a batch, or of a part of one.

        Args:
            network: network that takes and returns (N, T, 3, H, W) RGB in [0, 1]. It may be called at most once with
                gradients, and any number of times under ``torch.no_grad()``. To copy it, copy :func:`bare` of it.
            batch: samples as :mod:`hvdbench.methods.training.samples` makes them, floats, on the network's device.
            step: number of optimiser steps done, 0 in the first step.
        """

    @property
    def validate_at(self) -> tuple[int, ...]:
        """The steps at which a validation is due in addition to the regular ones."""
        return ()

    @property
    def least_coverage(self) -> float:
        """The mean of the logged ``mask_coverage`` below which a run stops; with 0, as here, none does."""
        return 0.0

    def distance(self, network: nn.Module, batch: Mapping[str, Tensor]) -> Tensor | None:
        """Return how far the outputs are from the labels, a scalar that means the same in every step of a run.

        By it the run decides whether training made the weights worse than those that it started from. It is called
        without gradient, also with a network that returns its input. In this base class there is none.

        Args:
            network: network as :meth:`loss` gets it.
            batch: samples that are not trained on.
        """
        return None

    def prepare(
        self,
        clips: ClipReader,
        selection: Mapping[str, NDArray[np.bool_]] | None,
        *,
        device: torch.device,
        folder: Path | None,
        progress: Progress,
    ) -> ClipReader:
        """Return the reader that the training reads from; in this base class, ``clips`` itself.

        Args:
            clips: reader of the clips that are trained on.
            selection: (T,) frames to take as selected, by a clip's key, in place of the labels; None for the labels.
            device: device to compute on.
            folder: folder of the run; None if nothing is kept.
            progress: function called with (done, total, what).
        """
        return clips

    def at_validation(self, network: nn.Module, step: int, measured: Mapping[str, float]) -> dict[str, float]:
        """Decide what depends on a validation; this is called on every process with equal numbers.

        Args:
            network: bare network, in evaluation, with the weights that were measured.
            step: number of optimiser steps done.
            measured: ``shift_px`` (median phase-correlation shift of output to input), ``sharpness`` (mean Laplacian
                variance of the outputs), ``sharpness_ratio`` (that of outputs over that of inputs).

        Returns:
            Numbers for the log; a step where ``anchor_update`` is 1 is marked in the plot.
        """
        return {}

    def panel(self, network: nn.Module, batch: Mapping[str, Tensor], step: int) -> NDArray[np.uint8] | None:
        """Draw a picture (H, W, 3) uint8 RGB for the log, or return None."""
        return None

    def state(self) -> dict[str, Tensor]:
        """Return the state that a resumed run needs besides the weights, as tensors by name."""
        return {}

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Restore the state that :meth:`state` returned."""
        return


def is_share(term: str) -> bool:
    """Return whether a term, by its name, is a share from 0 to 1; all others are losses."""
    return term.endswith(_SHARES)


def bare(network: nn.Module) -> nn.Module:
    """Return the network inside the wrapper of distributed training; without a wrapper, return it as it is."""
    from torch.nn.parallel import DistributedDataParallel

    while isinstance(network, DistributedDataParallel):
        network = network.module
    return network
