"""Run the training loop that every learned method shares, on one process or several.

A run that is stopped, killed or out of time goes on exactly from its last checkpoint: samples depend on the step alone,
torch is seeded for each step, and the rest is in the checkpoint.
"""

import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from hvdbench.errors import InputError
from hvdbench.methods.training.guards import heeding_signals
from hvdbench.methods.training.objective import Objective
from hvdbench.methods.training.processes import Processes
from hvdbench.methods.training.rgb import RgbNetwork
from hvdbench.methods.training.run import Run, Say, StoppedBy
from hvdbench.methods.training.samples import TrainingWindows
from hvdbench.methods.training.settings import EngineSettings
from hvdbench.methods.training.validation import Validation
from hvdbench.workspace.progress import Progress, silent

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class FitResult:
    """The outcome of a training.

    Attributes:
        step: number of optimiser steps done.
        steps: number of optimiser steps of the whole run.
        checkpoint: folder of the latest checkpoint; None without a folder.
        stopped_by: cause that ended the run before its last step, its time or a signal; None if it was not stopped.
        facts: JSON values: seconds, peak memory, last losses and measurements, warnings.
    """

    step: int
    steps: int
    checkpoint: Path | None = None
    stopped_by: StoppedBy | None = None
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def is_finished(self) -> bool:
        """Whether all steps are done."""
        return self.step >= self.steps


def fit(
    network: nn.Module,
    objective: Objective,
    windows: TrainingWindows,
    settings: EngineSettings,
    folder: Path | None,
    *,
    validation: Validation | None = None,
    seed: int = 0,
    device: str = "cpu",
    progress: Progress = silent,
    max_minutes: float | None = None,
    digest: str = "",
    say: Say | None = None,
    processes: Processes | None = None,
) -> FitResult:
    """Train a network, continuing from the folder's latest checkpoint.

    Args:
        network: an :class:`RgbNetwork`, or a network that is wrapped in one. It is changed in place and ends on the
            device, in evaluation, with the weights to use: the averaged ones if weights are averaged.
        objective: objective of the method.
        windows: at least ``steps * batch`` samples; sample k of step s is number ``s * batch + k``.
        settings: settings of the loop.
        folder: folder for ``checkpoints/``, ``log.jsonl``, ``training.png``, ``panels/``, ``tensorboard/``; with None
            nothing is kept, and the run cannot be continued.
        validation: clips and windows that are measured during the run.
        seed: random seed of what the network itself draws.
        device: ``cpu`` or ``cuda``; with several processes, each takes its own GPU.
        progress: function called with (done, total, what).
        max_minutes: time after which the run stops at a checkpoint; the same call continues it.
        digest: digest of the recipe and the data; checkpoints with another one are refused.
        say: function called before the run with one line on what it will take; None for the log.
        processes: processes of the run; None to make them here.

    Raises:
        DatasetError: if the folder contains checkpoints of another recipe, data, seed or settings.
        FitError: if the loss exploded; the last good weights are kept.
        InputError: if there are too few windows, or the batch cannot be divided evenly.
    """
    processes = processes or Processes(device)
    if len(windows) < settings.steps * settings.batch:
        raise InputError(
            f"the run draws {settings.steps * settings.batch} windows, but there are only {len(windows)}: make as "
            "many as steps times batch"
        )
    door = network if isinstance(network, RgbNetwork) else RgbNetwork(network)
    door.precision = settings.precision
    cuda = [processes.device] if processes.device.type == "cuda" else []
    with torch.random.fork_rng(devices=cuda), heeding_signals() as wish:
        run = Run(door, objective, windows, settings, folder, validation, seed, processes, digest)
        try:
            run.resume()
            if say is not None or folder is not None:
                run.estimate(say or (lambda line: logger.info("%s", line)))
            run.go(progress, None if max_minutes is None else 60 * max_minutes, wish)
        finally:
            run.records.close()
        facts = run.finish()
    return FitResult(run.step, settings.steps, run.latest(), run.stopped_by, facts)
