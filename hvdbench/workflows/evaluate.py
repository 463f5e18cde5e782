"""Restore a dataset with a method, score it and enter it on a board."""

import logging
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from hvdbench.boards.entering import enter
from hvdbench.boards.facts import metric_facts
from hvdbench.boards.files import read_board
from hvdbench.boards.references import INPUT
from hvdbench.boards.settings import board_path, choose_place, usual_board
from hvdbench.errors import HvdbenchError, InputError
from hvdbench.frames import list_frames
from hvdbench.methods.blurry import Blurry
from hvdbench.methods.recipe import Method
from hvdbench.methods.restoration import Budget
from hvdbench.metrics.efficiency import EFFICIENCY
from hvdbench.runs.restoring import do_jobs, plan_run, tell_before
from hvdbench.scoring.run import Run
from hvdbench.scoring.run_clip import RunClip
from hvdbench.scoring.run_metrics import check_protocol, clips_of, score_all, usable
from hvdbench.scoring.run_tables import Asked, RunScores
from hvdbench.store import Dataset
from hvdbench.workflows.beside import CONTROL, against_start, start_of
from hvdbench.workflows.efficiency import count_costs
from hvdbench.workflows.train import made_from, open_with_weights
from hvdbench.workspace.names import checked_name
from hvdbench.workspace.workspace import Workspace

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Evaluation:
    """A scored run.

    Attributes:
        run: the run with the restored frames.
        method: the method's name on the board.
        scores: the scores of the frames.
        rows: the rows that were entered on the board.
        board: the path of the board's CSV.
    """

    run: Run
    method: str
    scores: RunScores
    rows: pd.DataFrame
    board: Path


def evaluate(
    method: Method | str,
    dataset: Dataset,
    *,
    workspace: Workspace | None = None,
    budget: Budget | None = None,
    weights: Path | None = None,
    board: str | None = None,
    protocol: str | None = None,
    label: str | None = None,
    asked: Asked | None = None,
    from_scratch: bool = False,
) -> Evaluation:
    """Restore a dataset with a method, score it and enter it on the dataset's board, beside the blurry input.

    Beside a fit that started from weights of hvdbench, these weights without the fit are entered too, and the control
    that learns nothing; the fit's rows say whether it came out above its start.

    Args:
        method: a method recipe, a network, or a foreign model, which is opened here, once
            (:func:`hvdbench.methods.opening.open_method`); or a method that is open already.
        dataset: the dataset, with or without truth.
        workspace: where frames and boards go, whether runs from other settings are replaced, and whether a tiny fit
            may replace missing weights.
        budget: seed, device and engine, which runs one job per clip, and how a network is run; its ``announce`` is
            called before a network starts on a long run.
        weights: the weights of a network, or of a method that is trained first, if the method is opened here.
        board: the board's name; None means the dataset's, followed by the protocol if that board takes another one.
        protocol: the protocol under which frames are scored; None means the board's own, or else ``hvdbench-1``.
        label: the method's name on the board, if the method is opened here; None means its own name.
        asked: metrics and strata in addition to those that every board has.
        from_scratch: whether a fit that replaces missing weights starts from random weights.

    Raises:
        HvdbenchError: under the conditions of :func:`hvdbench.workflows.train.open_with_weights`,
            :func:`hvdbench.runs.restoring.plan_run` and :func:`hvdbench.scoring.run_metrics.usable`.
    """
    workspace, budget = workspace or Workspace(), budget or Budget()
    where = choose_place(usual_board(dataset.name), workspace.boards, board=board, protocol=protocol)
    check_protocol(dataset, where.protocol)
    if label is not None:  # refused now rather than after a long run
        checked_name(label, "the method")
    asked = usable(asked or Asked(), dataset, fallback=workspace.fallback)
    budget = replace(budget, protocol=where.protocol)
    ready = open_with_weights(
        method, dataset, workspace=workspace, budget=budget, weights=weights, label=label, from_scratch=from_scratch
    )
    _check_before(ready, dataset, budget)

    threads = max(1, budget.engine.workers // len(dataset.clips()))
    run, jobs = plan_run(ready, dataset, workspace=workspace, budget=replace(budget, workers=threads))
    for job in jobs:
        if job.clip.remote is None:  # what lies in object storage is checked as it is copied
            RunClip(job.out, job.clip).check_clip(job.clip_digest)  # checked now rather than after a long run
    if budget.announce is not None and ready.has_network:
        tell_before(jobs, budget)
    do_jobs(jobs, budget, what=f"restore and score: {ready.name}")
    if EFFICIENCY in asked.metrics:
        count_costs(ready, clips_of(run, dataset))
    scores = score_all(
        run,
        dataset,
        asked,
        fallback=workspace.fallback,
        engine=budget.engine,
        protocol=where.protocol,
        device=budget.device,
        progress=budget.progress,
    )
    stood_in = ready.stands_in_for is not None
    origin = "demo" if stood_in else dataset.origin
    aside = stood_in and board is None and not dataset.name.startswith("demo")
    path = board_path(workspace.boards, f"{'demo-' if aside else ''}{where.board}")
    source = ready.made_from or made_from(dataset, ready.weights)
    if ready.scheme.remark is not None:
        source = f"{source}; {ready.scheme.remark}"
    beside = _Beside(dataset, path, scores.was_asked, workspace, budget)
    start = start_of(ready)
    if start is not None and (begun := beside.enter(start)) is not None:
        beside.enter(CONTROL)
        verdict = against_start(scores.frames, begun.scores.frames, start, where.protocol)
        source = f"{source}; {verdict}" if verdict else source
    rows, path = enter(scores, run, dataset, path, origin=origin, seed=budget.seed, source=source)
    if not isinstance(ready.scheme, Blurry):
        beside.enter_input(set(rows["metric"]))
    return Evaluation(run, ready.name, scores, rows, path)


@dataclass(frozen=True)
class _Beside:
    """What enters other methods beside one on its board, scored by the same metrics.

    Attributes:
        dataset: the dataset.
        board: the path of the board's CSV.
        asked: the metrics and strata that the method was scored by in addition.
        workspace: where runs and boards lie.
        budget: the budget that the method had.
    """

    dataset: Dataset
    board: Path
    asked: Asked
    workspace: Workspace
    budget: Budget

    def enter_input(self, metrics: set[str]) -> None:
        """Enter the blurry input, unless the board has it by all metrics that the method was scored by."""
        found = read_board(self.board)
        own = found[(found["method"] == INPUT) & (found["dataset_digest"] == self.dataset.digest)]
        of_runs = {name for name in metrics if (facts := metric_facts(name)) is not None and facts.per == "run"}
        if not metrics - of_runs <= set(own["metric"]):
            self.enter(INPUT)

    def enter(self, method: str) -> Evaluation | None:
        """Enter a method; where that cannot be done, a warning says why, and the first method's own rows stand."""
        asked = replace(self.asked, metrics=tuple(name for name in self.asked.metrics if name != EFFICIENCY))
        usual = Budget(device=self.budget.device, engine=self.budget.engine, progress=self.budget.progress)
        try:
            return evaluate(
                method,
                self.dataset,
                workspace=replace(self.workspace, overwrite=False),
                budget=usual,
                board=self.board.stem,
                protocol=self.budget.protocol.name,
                asked=asked,
            )
        except HvdbenchError as error:
            what = "its input" if method == INPUT else f"'{method}'"
            logger.warning("the board '%s' stays without %s: %s", self.board.stem, what, error)
            return None


def _check_before(method: Method, dataset: Dataset, budget: Budget) -> None:
    """Refuse, before a long run, what cannot be done.

    Raises:
        InputError: if options for networks are given for a method without one, or a folder of results lacks frames.
    """
    if not budget.inference.is_usual and not method.scheme.takes_inference:
        raise InputError(
            f"method '{method.name}' does not run a network, so it has no use for --precision, --window and --tile: "
            "leave them out"
        )
    method.scheme.check_clips(
        {
            f"{clip.split}/{clip.name}": [path.stem for path in list_frames(clip.folder / "blur")]
            for clip in dataset.clips()
        },
        budget.protocol,
    )
