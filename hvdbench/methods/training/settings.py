"""Define the settings of the training loop, which are the same for every method."""

from typing import Annotated, Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from hvdbench.methods.inference.runner import Precision
from hvdbench.recipe import Settings
from hvdbench.recipe.bounds import (
    MOST_BATCH,
    MOST_CLIPS,
    MOST_FRAMES,
    MOST_PX,
    MOST_RATE,
    MOST_ROUNDS,
    MOST_STEPS,
    MOST_WEIGHT,
    Betas,
)
from hvdbench.store import Truth

MOVES_NOTHING = frozenset({"workers", "keep", "checkpoint_every"})
"""Settings of the loop that do not change the result."""


class ValidationSettings(Settings):
    """Settings of what is measured during a run."""

    clips: int = Field(3, ge=0, le=MOST_CLIPS)
    """Number of clips, evenly spread over all, of which some whole frames are restored; with 0 none is measured."""
    frames: int = Field(10, ge=1, le=MOST_FRAMES)
    """Number of frames of each, around the middle of the clip."""
    loss_samples: int = Field(4, ge=0, le=MOST_CLIPS)
    """Number of samples, never trained on in this form, whose loss is measured."""
    truth: Truth | None = None
    """Truth that PSNR is measured against, if clips have it. No decision depends on it; ``train.json`` records that it
    was read."""


class EngineSettings(Settings):
    """Settings of the loop: steps, rates, precision, and how often things happen."""

    steps: int = Field(100_000, ge=1, le=MOST_STEPS)
    """Number of optimiser steps of the whole run."""
    batch: int = Field(1, ge=1, le=MOST_BATCH)
    """Number of samples of one optimiser step, over all processes and parts."""
    accumulate: int = Field(1, ge=1, le=MOST_BATCH)
    """Number of parts in which a process computes its share of a batch, one after another, to save memory."""
    learning_rate: float = Field(1e-4, gt=0, le=MOST_RATE)
    """Adam's learning rate after the warm-up."""
    final_learning_rate: float = Field(1e-7, ge=0, le=MOST_RATE)
    """Learning rate at which the cosine ends."""
    schedule: Literal["cosine", "constant", "halving"] = "cosine"
    """Course of the learning rate over steps, never over time, so that a run that was stopped has the same rates.
    ``halving`` halves it after every ``halve_every`` steps."""
    halve_every: int | None = Field(None, ge=1, le=MOST_STEPS)
    """Number of steps between halvings, of the schedule ``halving`` alone."""
    warm_up_steps: int = Field(0, ge=0, le=MOST_STEPS)
    """Number of steps over which the rate rises linearly to the schedule's."""
    betas: Betas = (0.9, 0.999)
    """Adam's decay rates of the two moments."""
    clip_gradient: float | None = Field(1.0, gt=0, le=MOST_WEIGHT)
    """Largest norm of the whole gradient; a longer one is shortened to it."""
    precision: Precision = "float32"
    """Number format that the network computes in; losses are float32."""
    ema_decay: float | None = Field(None, gt=0, lt=1)
    """Decay per step of an average of the weights, which is what is measured and kept; left out: none."""
    rates: dict[str, Annotated[float, Field(ge=0, le=1000)]] = {}
    """Factors on the learning rate, by the beginning of parameter names: ``{"spynet" = 0.25}``. A name with the
    factor 1 need not exist."""
    frozen_steps: dict[str, Annotated[int, Field(ge=0, le=MOST_STEPS)]] = {}
    """Number of first steps in which parameters stay as they are, by the beginning of their names. A name with 0 steps
    need not exist."""
    log_every: int = Field(100, ge=1, le=MOST_STEPS)
    """Number of steps between lines of the log, each of which is a mean over them."""
    validate_every: int = Field(5000, ge=1, le=MOST_STEPS)
    """Number of steps between validations; there is one after the last step too."""
    checkpoint_every: int = Field(5000, ge=1, le=MOST_STEPS)
    """Number of steps between checkpoints; there is one wherever the run stops."""
    keep: int = Field(2, ge=1, le=MOST_ROUNDS)
    """Number of checkpoints that are kept, the latest ones."""
    workers: int | None = Field(None, ge=0, le=1024)
    """Number of processes that load samples; with 0 they are loaded between steps. It does not change the result. Left
    out: 0 on a CPU, and on a GPU one less than there are cores, 8 at most."""
    explosion_factor: float = Field(10.0, gt=1, le=MOST_WEIGHT)
    """Multiple of its running median above which a loss counts as too large."""
    explosion_steps: int = Field(5, ge=1, le=MOST_STEPS)
    """Number of such steps in a row that end the run; a loss that is not finite ends it at once."""
    drift_limit_px: float = Field(0.3, gt=0, le=MOST_PX)
    """Shift of output to input above which a validation warns, in px."""
    validation: ValidationSettings = ValidationSettings()
    """What is measured on the way."""

    @model_validator(mode="after")
    def _fits(self) -> "EngineSettings":
        if self.batch % self.accumulate:
            raise ValueError(f"a batch of {self.batch} does not divide into {self.accumulate} equal parts")
        if self.final_learning_rate > self.learning_rate:
            raise ValueError("final_learning_rate is above learning_rate")
        if (self.schedule == "halving") != (self.halve_every is not None):
            raise ValueError("halve_every belongs to the schedule 'halving', which needs it: set both or neither")
        return self

    @model_serializer(mode="wrap")
    def _values(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave ``halve_every`` out where it is not set, so that runs from before there was a choice keep their digest.

        The digest of a run and that of a method are both made of these values.
        """
        values: dict[str, Any] = handler(self)
        return {name: value for name, value in values.items() if (name, value) != ("halve_every", None)}
