"""Restoring a dataset with a method, scoring it and entering it on a board."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from hvdbench.boards.entering import enter
from hvdbench.boards.files import board_path
from hvdbench.boards.settings import usual_board
from hvdbench.errors import InputError
from hvdbench.frames import list_frames
from hvdbench.methods.inference.options import InferenceOptions
from hvdbench.methods.recipe import Method
from hvdbench.metrics.measure import EFFICIENCY
from hvdbench.runs.restoring import do_jobs, plan_run, tell_before
from hvdbench.scoring.run import Run
from hvdbench.scoring.run_clip import RunClip
from hvdbench.scoring.run_metrics import Asked, clips_of, score_all, usable
from hvdbench.scoring.run_tables import RunScores
from hvdbench.store import ClipFolder, Dataset
from hvdbench.workflows.efficiency import count_costs
from hvdbench.workflows.train import find_weights, made_from
from hvdbench.workspace.engine import Engine
from hvdbench.workspace.fallback import Fallback
from hvdbench.workspace.names import checked_name
from hvdbench.workspace.progress import Progress, silent


@dataclass(frozen=True)
class Evaluation:
    """A scored run.

    Attributes:
        run: the frames.
        method: its name on the board.
        scores: of its frames.
        rows: board rows.
        board: the board's CSV.
    """

    run: Run
    method: str
    scores: RunScores
    rows: pd.DataFrame
    board: Path

    @property
    def frame_scores(self) -> pd.DataFrame:
        """What every board has, per frame, with ``method``, ``split`` and ``clip``."""
        return self.scores.frames


def evaluate(
    name: str,
    dataset: Dataset,
    *,
    fallback: Fallback,
    engine: Engine,
    weights: Path | None = None,
    runs: Path = Path("runs"),
    boards: Path = Path("leaderboards"),
    board: str | None = None,
    seed: int = 0,
    device: str = "cpu",
    inference: InferenceOptions | None = None,
    label: str | None = None,
    asked: Asked | None = None,
    overwrite: bool = False,
    progress: Progress = silent,
    announce: Callable[[str], None] | None = None,
) -> Evaluation:
    """Restore a dataset with a method, score it and enter it on the dataset's board.

    Args:
        name: a method recipe, a network, or a model of others; :func:`hvdbench.methods.opening.open_method`.
        dataset: with or without truth.
        fallback: whether a tiny fit may stand in for missing weights.
        engine: one job a clip.
        weights: of a network, or of a method that is trained first.
        runs: where frames go.
        boards: where the board lies.
        board: its name; the dataset's by default.
        seed: of fits.
        device: ``cpu`` or ``cuda``.
        inference: how a network is run; None: the method's own way.
        label: what the method is called on the board; None: its own name.
        asked: metrics and strata beside what every board has.
        overwrite: replace runs and weights from other settings.
        progress: called with (done, total, what).
        announce: called with a line before a network starts that is going to run long.

    Raises:
        HvdbenchError: as :func:`find_weights`, :func:`hvdbench.runs.restoring.plan_run` and
            :func:`hvdbench.scoring.run_metrics.usable`.
    """
    if board is not None:  # a sentence now rather than after a long run
        board_path(boards, board)
    if label is not None:
        checked_name(label, "the method")
    asked = usable(asked or Asked(), dataset, fallback=fallback)
    method, found = find_weights(
        name,
        dataset,
        weights=weights,
        runs=runs,
        fallback=fallback,
        workers=engine.workers,
        device=device,
        seed=seed,
        overwrite=overwrite,
        progress=progress,
        label=label,
    )
    _check_before(method, dataset, inference)

    threads = max(1, engine.workers // len(dataset.clips()))
    run, jobs = plan_run(
        method,
        dataset,
        runs=runs,
        workers=threads,
        seed=seed,
        device=device,
        weights=found,
        inference=inference,
        overwrite=overwrite,
    )
    for job in jobs:
        RunClip(job.out, ClipFolder(job.clip)).check_clip(job.clip_digest)  # now rather than after a long run
    if announce is not None and method.has_network:
        tell_before(jobs, engine, announce)
    do_jobs(jobs, engine, what=f"restore and score: {method.name}", progress=progress)
    if EFFICIENCY in asked.metrics:
        count_costs(method, found, clips_of(run, dataset))
    scores = score_all(run, dataset, asked, fallback=fallback, engine=engine, device=device, progress=progress)
    stood_in = method.reference != name
    origin = "demo" if stood_in else dataset.origin
    usual = usual_board(dataset.name)
    usual = f"demo-{usual}" if stood_in and not dataset.name.startswith("demo") else usual
    path = board_path(boards, board or usual)
    source = method.made_from or made_from(dataset, found)
    rows, path = enter(scores, run, dataset, path, origin=origin, seed=seed, source=source)
    return Evaluation(run, method.name, scores, rows, path)


def _check_before(method: Method, dataset: Dataset, inference: InferenceOptions | None) -> None:
    """Refuse before a long run what cannot be.

    Raises:
        InputError: options for networks and a method without one, or a folder of results that lacks frames.
    """
    if inference is not None and not inference.is_usual and not method.has_network:
        raise InputError(
            f"method '{method.name}' runs no network: --precision, --window and --tile have nothing to set"
        )
    if hasattr(method.scheme, "check_clips"):
        method.scheme.check_clips(
            {f"{clip.split}/{clip.name}": len(list_frames(clip.folder / "blur")) for clip in dataset.clips()}
        )
