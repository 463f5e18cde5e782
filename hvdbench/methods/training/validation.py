"""Validate a run: restore whole frames during the training, and measure them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import default_collate

from hvdbench.dataset.facts import ClipFacts, ClipReader
from hvdbench.errors import FitError
from hvdbench.frames import Frames
from hvdbench.methods.inference.restore import restore_clip
from hvdbench.methods.training.objective import Objective
from hvdbench.methods.training.processes import Processes
from hvdbench.methods.training.samples import TrainingWindows, WindowSettings, to_float
from hvdbench.methods.training.settings import ValidationSettings
from hvdbench.metrics.fidelity import psnr
from hvdbench.metrics.sharpness import gray_sharpness, shift_px
from hvdbench.store import TRUTH_FOLDERS, Truth

_NUMBERS = ("input", "start", "last", "least", "step")
_ALIKE = 1.001  # an output that equals the input differs from it by the rounding of the change of colours
_OTHER_DRAWS = 2**64
"""Number added to the seed of windows that are only measured, so that none of them is one that is trained on."""


@dataclass(frozen=True)
class ValidationClip:
    """Frames of a clip to restore.

    Attributes:
        key: key of the clip.
        blurry: uint8 RGB (T, H, W, 3).
        truth: truth of the same shape; None if there is none.
    """

    key: str
    blurry: Frames
    truth: Frames | None = None


@dataclass(frozen=True)
class Validation:
    """The clips and windows that a validation measures.

    Attributes:
        clips: clips whose frames are restored whole.
        windows: samples whose loss is measured; the first one is drawn as the panel.
        at: steps done at which there is a validation besides the regular ones, such as the end of a stage.
    """

    clips: tuple[ValidationClip, ...] = ()
    windows: TrainingWindows | None = None
    at: tuple[int, ...] = field(default=())


def make_validation(
    reader: ClipReader,
    settings: ValidationSettings,
    window: WindowSettings,
    *,
    seed: int,
    truth: Truth | None = None,
    with_sharp: bool = True,
    with_subframes: bool = False,
    selection: Mapping[str, NDArray[np.bool_]] | None = None,
    at: Sequence[int] = (),
) -> Validation:
    """Choose evenly spread clips, the middle frames of each, and windows with a seed of their own.

    Args:
        reader: reader of the clips.
        settings: numbers of clips, frames and samples.
        window: settings of the samples.
        seed: random seed of the training.
        truth: truth that windows include; PSNR is measured against it, or the one in the settings, if a clip has it.
        with_sharp: whether windows include sharp frames.
        with_subframes: whether windows include the sharp sub-frames of each exposure.
        selection: selected frames, as for :class:`TrainingWindows`.
        at: additional steps, as in :class:`Validation`.
    """
    facts = reader.clips
    chosen = np.unique(np.linspace(0, len(facts) - 1, min(settings.clips, len(facts))).round().astype(int))
    clips = tuple(_read(reader, facts[i], settings.frames, truth or settings.truth) for i in chosen)
    windows = None
    if settings.loss_samples:
        other = seed + _OTHER_DRAWS
        windows = TrainingWindows(
            reader,
            window,
            other,
            settings.loss_samples,
            truth,
            with_sharp,
            with_subframes=with_subframes,
            selection=selection,
        )
    return Validation(clips, windows, tuple(at))


def measure(network: nn.Module, clips: Sequence[ValidationClip], device: torch.device) -> dict[str, float]:
    """Restore clips and measure them; only ``psnr`` uses a truth.

    Returns:
        ``shift_px``: median phase-correlation shift of output to input; ``sharpness``: mean Laplacian variance of the
        outputs; ``sharpness_ratio``: its ratio to that of the inputs; ``change_levels``: mean absolute change of the
        8-bit values; ``contrast_ratio``: ratio of the standard deviations over a frame's pixels, outputs to inputs;
        with a truth ``psnr`` in dB. Without clips the result is empty.

    Raises:
        FitError: if the network returned values that are not finite.
    """
    shifts: list[float] = []
    numbers: dict[str, list[float]] = {"sharp": [], "sharp_before": [], "change": [], "spread": [], "spread_before": []}
    fidelity: list[float] = []
    for clip in clips:
        restored = restore_clip(network, clip.blurry, device=device, looks_at_range=False)  # type: ignore[arg-type]
        for i, (after, before) in enumerate(zip(restored, clip.blurry, strict=True)):
            shifts.append(shift_px(after, before))
            numbers["sharp"].append(gray_sharpness(after))
            numbers["sharp_before"].append(gray_sharpness(before))
            numbers["change"].append(float(np.abs(after.astype(np.int16) - before).mean()))
            numbers["spread"].append(float(after.std()))
            numbers["spread_before"].append(float(before.std()))
            if clip.truth is not None:
                fidelity.append(psnr(after, clip.truth[i]))
    if not shifts:
        return {}
    mean = {name: float(np.mean(values)) for name, values in numbers.items()}
    placed = [shift for shift in shifts if np.isfinite(shift)]
    found = {
        "shift_px": float(np.median(placed)) if placed else float("nan"),
        "sharpness": mean["sharp"],
        "sharpness_ratio": mean["sharp"] / mean["sharp_before"] if mean["sharp_before"] else float("nan"),
        "change_levels": mean["change"],
        "contrast_ratio": mean["spread"] / mean["spread_before"] if mean["spread_before"] else float("nan"),
    }
    if fidelity:
        found["psnr"] = float(np.mean(fidelity))
    return found


def batch_of(windows: TrainingWindows, indices: Sequence[int], device: torch.device) -> dict[str, Any]:
    """Load samples as one batch of floats on a device."""
    return to_float(default_collate([windows[k] for k in indices]), device)


@torch.no_grad()
def mean_loss(
    network: nn.Module, objective: Objective, windows: TrainingWindows, step: int, device: torch.device
) -> float:
    """Return the mean loss over all samples, computed one at a time, as optimiser step ``step`` computes it."""
    losses = [float(objective.loss(network, batch_of(windows, [k], device), step).total) for k in range(len(windows))]
    return float(np.mean(losses))


@torch.no_grad()
def mean_distance(
    network: nn.Module, objective: Objective, windows: TrainingWindows | None, device: torch.device
) -> float | None:
    """Return the mean of the objective's distance over all samples; None without samples or a distance."""
    distances: list[float] = []
    for k in range(0 if windows is None else len(windows)):
        distance = objective.distance(network, batch_of(windows, [k], device))  # type: ignore[arg-type]
        if distance is None:
            return None
        distances.append(float(distance))
    return float(np.mean(distances)) if distances else None


def start_distances(
    network: nn.Module, objective: Objective, validation: Validation, processes: Processes
) -> dict[str, float]:
    """Measure how far the input and the outputs before the first step are from the labels.

    Returns:
        ``input`` and ``start``, the same on every process; nothing if the objective has no distance.
    """
    found = {}
    if processes.is_main:
        for name, measured in (("input", nn.Identity()), ("start", network)):
            distance = mean_distance(measured, objective, validation.windows, processes.device)
            if distance is not None:
                found[name] = distance
    return processes.tell(found)


def measure_all(
    network: nn.Module, objective: Objective, validation: Validation, step: int, processes: Processes
) -> dict[str, float]:
    """Measure a network on the clips and the samples of a validation.

    Args:
        network: network without wrapper, in evaluation.
        objective: objective of the run.
        validation: what is measured.
        step: number of optimiser steps done, 1 or more.
        processes: processes of the run; the main one measures for all.

    Returns:
        The numbers of :func:`measure`; with samples ``loss``, and ``label_distance`` if the objective has a distance.
        If the network returned values that are not finite, there is only ``fault``.
    """
    if not processes.is_main:
        return processes.tell(None)
    device = processes.device
    try:
        found = measure(network, validation.clips, device)
    except FitError:
        return processes.tell({"fault": 1.0})
    if validation.windows is not None:
        found["loss"] = mean_loss(network, objective, validation.windows, step - 1, device)
    distance = mean_distance(network, objective, validation.windows, device)
    if distance is not None:
        found["label_distance"] = distance
    return processes.tell(found)


@torch.no_grad()
def first_panel(
    network: nn.Module, objective: Objective, validation: Validation, step: int, device: torch.device
) -> NDArray[np.uint8] | None:
    """Draw the objective's panel, always for the same sample; None without samples."""
    if validation.windows is None:
        return None
    return objective.panel(network, batch_of(validation.windows, [0], device), step)


def _read(reader: ClipReader, clip: ClipFacts, count: int, truth: Truth | None) -> ValidationClip:
    count = min(count, clip.frame_count)
    first = (clip.frame_count - count) // 2
    frames = range(first, first + count)
    stream = TRUTH_FOLDERS[truth] if truth else None
    has_truth = stream is not None and stream in clip.streams
    true = reader.read(clip.key, stream, frames, None) if stream is not None and has_truth else None
    return ValidationClip(clip.key, reader.read(clip.key, "blur", frames, None), true)


@dataclass
class BestState:
    """The distances of a run, and the weights of the smallest one.

    What is compared is :meth:`hvdbench.methods.training.objective.Objective.distance`, which no truth enters. Weights
    that are nearer to the labels than those that the run started from are used as the training left them, because the
    later stages of a method may be meant to leave the labels behind.

    Attributes:
        input: distance of the blurry input itself; NaN where the objective has no distance.
        start: distance of the weights that the run started from.
        last: distance at the latest validation.
        least: smallest distance so far, that of the start included.
        step: number of optimiser steps that the weights with the smallest distance have seen.
        weights: copies of those weights, by name.
    """

    input: float = math.nan
    start: float = math.nan
    last: float = math.nan
    least: float = math.inf
    step: int = 0
    weights: dict[str, Tensor] = field(default_factory=dict)

    def begin(self, of_input: float, of_start: float, weights: Mapping[str, Tensor]) -> None:
        """Record the distances before the first step, and the weights that the run starts from."""
        self.input, self.start = of_input, of_start
        self.observe(0, of_start, weights)

    def observe(self, step: int, distance: float, weights: Mapping[str, Tensor]) -> None:
        """Record a validation, and copy the weights if none were nearer to the labels."""
        self.last = distance
        if distance < self.least:
            self.least, self.step = distance, step
            self.weights = {name: value.detach().clone() for name, value in weights.items()}

    @property
    def is_needed(self) -> bool:
        """Whether the latest weights are farther from the labels than those that the run started from."""
        return self.last > self.start

    def sentences(self) -> list[str]:
        """Return a warning if the last weights are not used, and one if no weights are nearer than the input."""
        found = []
        if self.is_needed:
            found.append(
                f"training made the output worse (its distance to the labels is {self.last:.5f}, and was "
                f"{self.start:.5f} at the start), so the weights of step {self.step} are used ({self.least:.5f})"
            )
        if (self.least if self.is_needed else self.last) > _ALIKE * self.input:
            found.append(
                f"the output is farther from the labels than the input is ({self.input:.5f}): train for more steps, "
                "or start from weights that restore already"
            )
        return found

    def facts(self) -> dict[str, Any]:
        """Return what the record of a run holds: the distances, and the step whose weights are used."""
        if math.isnan(self.last):
            return {}
        rounded = {name: round(getattr(self, name), 6) for name in ("input", "start", "last", "least")}
        return {"label_distance": rounded | ({"step_used": self.step} if self.is_needed else {})}

    def state(self) -> dict[str, float] | None:
        """Return the numbers as JSON values; None if nothing was recorded."""
        return None if math.isnan(self.last) else {name: getattr(self, name) for name in _NUMBERS}

    def load_state(self, numbers: Mapping[str, float], weights: Mapping[str, Tensor]) -> None:
        """Restore what :meth:`state` returned, and the weights."""
        for name in _NUMBERS:
            setattr(self, name, numbers[name])
        self.weights = dict(weights)
