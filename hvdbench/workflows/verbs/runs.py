"""Run a method over a whole dataset: restore and score it, or train on it."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from hvdbench.store import Dataset
from hvdbench.workflows.verbs.arguments import PathLike, budget_of, dataset_of, optional_path, path_of, place_named
from hvdbench.workspace.workspace import Workspace


def evaluate(
    method: str,
    dataset: Dataset | PathLike,
    *,
    weights: PathLike | None = None,
    board: str | None = None,
    protocol: str | None = None,
    metrics: Sequence[str] = (),
    strata: bool = False,
    name: str | None = None,
    runs: PathLike = "runs",
    boards: PathLike = "leaderboards",
    seed: int = 0,
    device: str = "cpu",
    workers: int = 1,
    overwrite: bool = False,
    from_scratch: bool = False,
    strict: bool = False,
    trust: bool = False,
) -> pd.DataFrame:
    """Restore a dataset with a method, score it and enter it on a leaderboard, as ``hvdbench eval`` does.

    Args:
        method: a method recipe, a network, an import string, a model file or a folder of results.
        dataset: the dataset or its folder.
        weights: the weights of a network, or of a method that was trained first.
        board: the leaderboard's name; None takes the dataset's own.
        protocol: the protocol to score under; None takes the board's own, else ``hvdbench-1``.
        metrics: further metrics to measure, such as ``["edge_spread"]``.
        strata: whether gains are also given by distance to a sharp frame, blur extent and device.
        name: what the method is called on the board; None takes its own name.
        runs: the folder of restored frames.
        boards: the folder of leaderboards.
        seed: random seed of fits.
        device: ``cpu``, ``cuda``, or ``auto``, which takes the GPU if there is one.
        workers: worker processes, one clip each.
        overwrite: replace what was made from other settings.
        from_scratch: let a fit that replaces missing weights start from random weights, not from those of hvdbench.
        strict: raise an error where a fit would replace missing weights.
        trust: let a recipe file name code to run.

    Returns:
        The rows that were entered on the board.

    Raises:
        HvdbenchError: if the method cannot be opened, or the dataset cannot be restored or scored.

    Examples:
        >>> import hvdbench
        >>> rows = hvdbench.evaluate("blurry", "datasets/scored", board="mine")
        >>> sorted(set(rows["clip"]))
        ['*', 'one', 'two']
    """
    from hvdbench.scoring.run_tables import Asked
    from hvdbench.workflows.evaluate import evaluate as restore_and_score

    workspace = Workspace.from_environment(
        runs=path_of(runs, "runs"), boards=path_of(boards, "boards"), overwrite=overwrite, strict=strict, trust=trust
    )
    return restore_and_score(
        method,
        dataset_of(dataset),
        workspace=workspace,
        budget=budget_of(seed=seed, device=device, workers=workers),
        weights=optional_path(weights, "weights"),
        board=board,
        protocol=protocol,
        label=name,
        asked=Asked((metrics,) if isinstance(metrics, str) else tuple(metrics), strata),
        from_scratch=from_scratch,
    ).rows


def train(
    method: str,
    dataset: Dataset | PathLike,
    *,
    output: PathLike | None = None,
    steps: int | None = None,
    minutes: float | None = None,
    precision: str | None = None,
    runs: PathLike = "runs",
    seed: int = 0,
    device: str = "cpu",
    overwrite: bool = False,
    trust: bool = False,
) -> Path | None:
    """Train a method on the clips of a dataset, as ``hvdbench train`` does.

    Args:
        method: a method recipe, such as ``selfhvd_estrnn@tiny``.
        dataset: the dataset, its folder, or a pack of it.
        output: the run's folder; None takes ``<runs>/<method>/<dataset>``.
        steps: optimiser steps in place of the recipe's.
        minutes: the time after which the run stops at a checkpoint; the same call continues it.
        precision: the number format that the network computes in, such as ``bfloat16``; None takes the recipe's.
        runs: the folder of runs.
        seed: random seed.
        device: ``cpu``, ``cuda``, or ``auto``, which takes the GPU if there is one.
        overwrite: begin anew where a run from other settings lies.
        trust: let a recipe file name code to run.

    Returns:
        The file of the weights, or None where time was up before the end.

    Raises:
        InputError: if the method is fitted to each clip and has nothing to train.
        FitError: if the training cannot go on.

    Examples:
        >>> import hvdbench
        >>> hvdbench.train("warp_average", "datasets/scored")
        Traceback (most recent call last):
        ...
        hvdbench.errors.InputError: method 'warp_average' is fitted to each clip, not trained: use 'hvdbench eval' ...
    """
    from hvdbench.workflows.train import train as train_on

    return train_on(
        method,
        dataset.place if isinstance(dataset, Dataset) else place_named(dataset, "the dataset"),
        workspace=Workspace.from_environment(runs=path_of(runs, "runs"), overwrite=overwrite, trust=trust),
        budget=budget_of(seed=seed, device=device, minutes=minutes, steps=steps),
        out=optional_path(output, "the output"),
        precision=precision,
    )
