"""Settings of the training loop, the same for every method."""

from typing import Literal

from pydantic import Field, model_validator

from hvdbench.methods.inference.runner import Precision
from hvdbench.recipe import Settings
from hvdbench.store import Truth

MOVES_NOTHING = frozenset({"workers", "keep", "checkpoint_every"})
"""Settings of the loop that change no result."""


class ValidationSettings(Settings):
    """What is measured on the way."""

    clips: int = Field(3, ge=0)
    """Clips of which a window is restored whole; evenly spread over those that are there. 0: no frames are measured."""
    frames: int = Field(10, ge=1)
    """Frames of each, about the middle of the clip."""
    loss_samples: int = Field(4, ge=0)
    """Samples, never trained on in this form, whose loss is measured."""
    truth: Truth | None = None
    """Measure PSNR against this truth, where clips have it. No decision hangs on it; ``train.json`` says that it was
    read."""


class EngineSettings(Settings):
    """The loop: steps, rates, precision, and how often what happens."""

    steps: int = Field(100_000, ge=1)
    """Optimiser steps of the whole run."""
    batch: int = Field(1, ge=1)
    """Samples of one optimiser step, over all processes and parts."""
    accumulate: int = Field(1, ge=1)
    """Parts in which a process computes its share of a batch, one after another, to save memory."""
    learning_rate: float = Field(1e-4, gt=0)
    """Adam's learning rate after the warm-up."""
    final_learning_rate: float = Field(1e-7, ge=0)
    """Learning rate at which the cosine ends."""
    schedule: Literal["cosine", "constant"] = "cosine"
    """Course of the learning rate over steps, never over time, so that a run that is stopped and continues has the
    same rates."""
    warm_up_steps: int = Field(0, ge=0)
    """Steps over which the rate rises linearly to the schedule's."""
    betas: tuple[float, float] = (0.9, 0.999)
    """Decay rates of Adam's two moments."""
    clip_gradient: float | None = Field(1.0, gt=0)
    """Largest norm of the whole gradient; a longer one is shortened to it."""
    precision: Precision = "float32"
    """Number format that the network computes in; losses are float32."""
    ema_decay: float | None = Field(None, gt=0, lt=1)
    """Decay per step of an average of the weights, which is measured and kept in the end; left out: no average."""
    rates: dict[str, float] = {}
    """Factors on the learning rate, by the beginning of parameter names: ``{"spynet" = 0.25}``."""
    frozen_steps: dict[str, int] = {}
    """Steps for which parameters stay as they are, by the beginning of their names."""
    log_every: int = Field(100, ge=1)
    """Steps between lines of the log, each a mean over them."""
    validate_every: int = Field(5000, ge=1)
    """Steps between validations; there is one after the last step too."""
    checkpoint_every: int = Field(5000, ge=1)
    """Steps between checkpoints; there is one wherever the run stops."""
    keep: int = Field(2, ge=1)
    """Checkpoints kept, the latest."""
    workers: int | None = Field(None, ge=0)
    """Processes that load samples; 0 loads them between steps. It changes no result. Left out: 0 on a CPU, and on a GPU
    one less than there are cores, 8 at most."""
    explosion_factor: float = Field(10.0, gt=1)
    """A loss this many times its running median counts as too large."""
    explosion_steps: int = Field(5, ge=1)
    """Such steps in a row that end the run; one that is not finite does at once."""
    drift_limit_px: float = Field(0.3, gt=0)
    """Shift of output to input that a validation warns of."""
    validation: ValidationSettings = ValidationSettings()
    """What is measured on the way."""

    @model_validator(mode="after")
    def _fits(self) -> "EngineSettings":
        if self.batch % self.accumulate:
            raise ValueError(f"batch {self.batch} does not divide into {self.accumulate} parts")
        if self.final_learning_rate > self.learning_rate:
            raise ValueError("final_learning_rate is above learning_rate")
        return self
