"""Run the training loop once: its steps, checks, validations and checkpoints."""

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from hvdbench.errors import FitError
from hvdbench.methods.inference import memory
from hvdbench.methods.training.checkpoints import (
    TrainingState,
    list_checkpoints,
    load_latest,
    read_tensors,
    run_digest,
    save_checkpoint,
)
from hvdbench.methods.training.cost import duration, estimate_cost
from hvdbench.methods.training.guards import StopWish, ValidationGuard, check_coverage
from hvdbench.methods.training.objective import MASK_COVERAGE, Objective
from hvdbench.methods.training.processes import Processes
from hvdbench.methods.training.records import Records
from hvdbench.methods.training.rgb import RgbNetwork
from hvdbench.methods.training.run_plot import draw_run
from hvdbench.methods.training.samples import TrainingWindows, loader
from hvdbench.methods.training.schedule import AveragedWeights, Optimiser
from hvdbench.methods.training.settings import EngineSettings
from hvdbench.methods.training.terms import Terms
from hvdbench.methods.training.validation import (
    BestState,
    Validation,
    batch_of,
    first_panel,
    measure_all,
    start_distances,
)
from hvdbench.workspace.progress import Progress

logger = logging.getLogger(__name__)

Say = Callable[[str], None]
StoppedBy = Literal["time", "signal"]
_LOOK_EVERY = 10
_LEAST_TO_ESTIMATE = 50
_PLOT_EVERY_S = 60.0


class Run:
    """The changing state of one call of :func:`hvdbench.methods.training.engine.fit`."""

    def __init__(
        self,
        network: RgbNetwork,
        objective: Objective,
        windows: TrainingWindows,
        settings: EngineSettings,
        folder: Path | None,
        validation: Validation | None,
        seed: int,
        processes: Processes,
        digest: str,
    ) -> None:
        self.network = network.to(processes.device).train()
        self.objective, self.windows, self.settings = objective, windows, settings
        self.folder, self.validation, self.seed, self.processes = folder, validation or Validation(), seed, processes
        self.digest = run_digest(digest, settings, seed)
        self.share = processes.share(settings.batch, settings.accumulate)
        self.optimiser = Optimiser(network.inner, settings)
        self.average = AveragedWeights(network.inner, settings.ema_decay) if settings.ema_decay else None
        scaled = settings.precision == "float16"
        self.scaler = torch.amp.GradScaler(processes.device.type, enabled=scaled, init_scale=2.0**12)
        self.terms = Terms(settings, processes, skips_infinite=scaled)
        self.watch = ValidationGuard(settings.drift_limit_px)
        self.best = BestState()
        self.records = Records(None)
        self.stopped_by: StoppedBy | None = None
        self.step = 0
        self.seconds = 0.0  # that earlier calls took
        self._started = self._plotted = time.perf_counter()
        self._facts: dict[str, Any] = {}
        self._warned: list[str] = []

    # --- begin and end

    def resume(self) -> None:
        """Load the latest checkpoint, if there is one, and cut the log back to it."""
        found = load_latest(self.folder, self.digest) if self.folder else None
        if found is not None:
            notes = found.notes
            self.step, self.seconds = found.step, float(notes["seconds"])
            self.network.inner.load_state_dict(dict(found.tensors["model"]))
            self.optimiser.load_state(dict(found.tensors["optimiser"]))
            self.objective.load_state(self.processes.moved(found.tensors["objective"]))
            if self.average is not None:
                self.average.load_state(dict(found.tensors["ema"]))
            if notes["scaler"]:
                self.scaler.load_state_dict(notes["scaler"])
            self.terms.load_state(notes["terms"])
            self.watch.load_state(notes["watch"])
            if notes["best"] is not None:
                self.best.load_state(notes["best"], self.processes.moved(found.tensors["best"]))
            self._facts, self._warned = dict(notes["facts"]), list(notes["warned"])
            logger.info("the training goes on after step %d of %d", self.step, self.settings.steps)
        if self.processes.is_main:
            self.records = Records(self.folder, self.step)
        self.processes.wait()

    def estimate(self, say: Say) -> None:
        """Announce what the rest of the run will take, measured by steps on copies, unless the run is short."""
        if self.settings.steps - self.step < _LEAST_TO_ESTIMATE or not self.processes.is_main:
            return
        first = self.step * self.settings.batch
        batch = batch_of(self.windows, range(first, first + self.share), self.processes.device)
        told = estimate_cost(self.network, self.objective, batch, self.settings, self.step)
        if told is not None:
            say(told)

    def finish(self) -> dict[str, Any]:
        """Put the weights to use into the network, and return the facts of the run as JSON values."""
        if self.average is not None:
            self.network.inner.load_state_dict(self.average.values)
        if self.step >= self.settings.steps and self.best.is_needed:
            self.network.inner.load_state_dict(self.best.weights)
        self.network.eval()
        self._plot()
        return (
            self._facts
            | self.best.facts()
            | {
                "steps": self.step,
                "seconds": round(self.seconds + time.perf_counter() - self._started, 1),
                "peak_bytes": memory.peak_memory(self.processes.device),
                "processes": self.processes.count,
                "precision": self.network.precision,
                "warnings": self._warned,
            }
        )

    def latest(self) -> Path | None:
        """Return the latest checkpoint's folder."""
        found = list_checkpoints(self.folder) if self.folder else []
        return found[-1] if found else None

    # --- the loop

    def go(self, progress: Progress, max_s: float | None, wish: StopWish) -> None:
        """Run the steps that are left, or as many as there is time for."""
        settings = self.settings
        if self.step >= settings.steps:
            return
        self._measure_start()
        wrapped = self.processes.wrap(self.network)
        batches = iter(
            loader(
                self.windows,
                self.share,
                self.processes.workers(settings.workers),
                self.step * settings.batch,
                self.processes.device,
                rank=self.processes.rank,
                processes=self.processes.count,
            )
        )
        begin, began = self.step, time.perf_counter()
        while self.step < settings.steps:
            self._train_step(wrapped, batches)
            done, is_last = self.step, self.step == settings.steps
            logs = done % settings.log_every == 0 or is_last
            validates = done % settings.validate_every == 0 or done in self.validation.at or is_last
            stops = self._should_stop(max_s, wish)
            saves = done % settings.checkpoint_every == 0 or is_last or stops
            if logs or validates or saves or done % _LOOK_EVERY == 0:
                self._look()
                if self.processes.is_main:
                    progress(done, settings.steps, "train")
            if logs:
                self._log((time.perf_counter() - began) / (done - begin))
            if validates:
                self._validate()
            if is_last:
                self._warn(self.best.sentences())
            if saves and (stops or is_last or self.terms.is_calm):
                self._save()
            if stops:
                self.stopped_by = "signal" if wish.is_asked else "time"
                break

    def _train_step(self, wrapped: nn.Module, batches: Iterator[Mapping[str, Any]]) -> None:
        """Run one optimiser step."""
        settings, parts = self.settings, self.settings.accumulate
        draw = np.random.SeedSequence([self.seed, self.step, self.processes.rank])
        torch.manual_seed(int(draw.generate_state(1, np.uint64)[0]))
        self.optimiser.adam.zero_grad(set_to_none=True)
        self.optimiser.set_rate(self.step)
        terms: dict[str, Tensor] = {}
        for part in range(parts):
            with self.processes.gathering(wrapped, part == parts - 1):
                loss = self.objective.loss(wrapped, next(batches), self.step)
                torch.autograd.backward(self.scaler.scale(loss.total / parts))
            for name, value in {"loss": loss.total, **loss.terms}.items():
                terms[name] = terms.get(name, 0) + value.detach().float() / parts
        self.optimiser.freeze(self.step)
        self.scaler.unscale_(self.optimiser.adam)
        limit = settings.clip_gradient or float("inf")
        terms["gradient_norm"] = nn.utils.clip_grad_norm_(self.optimiser.parameters, limit).detach()
        self.scaler.step(self.optimiser.adam)
        self.scaler.update()
        if self.average is not None:
            self.average.update(self.network.inner)
        self.terms.add(terms)
        self.step += 1

    def _should_stop(self, max_s: float | None, wish: StopWish) -> bool:
        """Return whether the time is up or the run was asked to stop; the main process decides for all."""
        late = max_s is not None and time.perf_counter() - self._started >= max_s
        if self.processes.count == 1:
            return late or wish.is_asked
        asked = torch.tensor(float(late or wish.is_asked), device=self.processes.device)
        return float(self.processes.mean(asked)) > 0

    # --- what is looked at

    def _measure_start(self) -> None:
        """Measure the distance of the input and of the first weights to the labels, if the objective has one."""
        if self.step:
            return
        self.network.eval()
        measured = start_distances(self.network, self.objective, self.validation, self.processes)
        if measured:
            self.best.begin(measured["input"], measured["start"], self.network.inner.state_dict())
        self.network.train()

    def _look(self) -> None:
        """Fetch the terms of the latest steps, and end the run if the loss exploded."""
        fault = self.terms.look(self.step)
        if fault is not None:
            raise self._explosion(*fault)

    def _explosion(self, step: int, words: str) -> FitError:
        """Go back to the last good weights, and return the error that ends the run."""
        self.processes.wait()
        self._plot()
        good = self.latest()
        if good is None:
            return FitError(
                f"at step {step} {words}, and there is no checkpoint yet: lower learning_rate and train again"
            )
        self.network.inner.load_state_dict(read_tensors(good / "model.safetensors"))
        return FitError(
            f"at step {step} {words}: the last good weights are those of step {int(good.name)}, in {good}; "
            "start a run with a lower learning_rate from its model.safetensors (start_from)"
        )

    def _log(self, seconds_a_step: float) -> None:
        """Write a line with the means since the last one."""
        means = self.terms.take()
        rate = self.optimiser.set_rate(self.step - 1)
        self._facts |= {name: means[name] for name in ("loss", MASK_COVERAGE) if name in means}
        check_coverage(means.get(MASK_COVERAGE, 1.0), self.objective.least_coverage, self.step)
        if self.processes.is_main:
            line = {"learning_rate": rate, **means, "seconds": round(self._elapsed(), 1)}
            self.records.write("step", self.step, line)
            left = duration((self.settings.steps - self.step) * seconds_a_step)
            logger.info("step %d of %d: loss %.4g, about %s left", self.step, self.settings.steps, means["loss"], left)

    def _validate(self) -> None:
        """Measure the network, let the objective decide, warn, and draw."""
        with self.average.lent_to(self.network.inner) if self.average else nullcontext():
            self.network.eval()
            found = measure_all(self.network, self.objective, self.validation, self.step, self.processes)
            if "fault" in found:
                raise self._explosion(self.step, "the network returned values that are not finite")
            decided = self.objective.at_validation(self.network, self.step, found) if "shift_px" in found else {}
            if "label_distance" in found:
                self.best.observe(self.step, found["label_distance"], self.network.inner.state_dict())
            if self.processes.is_main and found:
                self.records.write("validation", self.step, {**found, **decided, "seconds": round(self._elapsed(), 1)})
            if self.processes.is_main and self.folder is not None:
                picture = first_panel(self.network, self.objective, self.validation, self.step, self.processes.device)
                if picture is not None:
                    self.records.picture("panels", self.step, picture)
            self.network.train()
        self._facts["validation"] = {name: round(value, 6) for name, value in {**found, **decided}.items()}
        best = self._facts.get("best_validation_loss")
        if "loss" in found and (best is None or found["loss"] < best["loss"]):
            self._facts["best_validation_loss"] = {"step": self.step, "loss": found["loss"]}
        latest = {name: value for name, value in self._facts.items() if name == MASK_COVERAGE}
        self._warn(self.watch.warnings({**found, **latest}, is_late=2 * self.step >= self.settings.steps))

    def _warn(self, sentences: Sequence[str]) -> None:
        """Warn in the log and in the run's record, once for each step and sentence."""
        for text in sentences:
            told = f"step {self.step}: {text}"
            if told in self._warned:
                continue
            self._warned.append(told)
            if self.processes.is_main:
                logger.warning("%s", told)
                self.records.write("warning", self.step, {"text": text})

    def _plot(self) -> None:
        """Draw the plot of the run."""
        if self.folder is not None and self.processes.is_main:
            self._plotted = time.perf_counter()
            limit = self.settings.drift_limit_px
            draw_run(self.folder / "log.jsonl", self.folder / "training.png", drift_limit_px=limit)

    # --- what is kept

    def _save(self) -> None:
        """Write a checkpoint.

        Raises:
            FitError: if a weight is not finite; then nothing is written.
        """
        model = self.network.inner.state_dict()
        norms = [value.detach().float().norm() for value in model.values() if value.is_floating_point()]
        if norms and not bool(torch.isfinite(torch.stack(norms)).all()):
            raise self._explosion(self.step, "the weights are not finite")
        if self.folder is not None and self.processes.is_main:
            tensors = {"model": model, "optimiser": self.optimiser.state(), "objective": self.objective.state()}
            if self.average is not None:
                tensors["ema"] = self.average.values
            if self.best.weights:
                tensors["best"] = self.best.weights
            notes = {
                "seconds": self._elapsed(),
                "next_window": self.step * self.settings.batch,
                "random": "every step seeds torch from (seed, step, process)",
                "terms": self.terms.state(),
                "watch": self.watch.state(),
                "best": self.best.state(),
                "scaler": self.scaler.state_dict(),
                "facts": self._facts,
                "warned": self._warned,
            }
            save_checkpoint(self.folder, TrainingState(self.step, self.digest, tensors, notes), self.settings.keep)
            if time.perf_counter() - self._plotted > _PLOT_EVERY_S:
                self._plot()
        self.processes.wait()

    def _elapsed(self) -> float:
        return self.seconds + time.perf_counter() - self._started
