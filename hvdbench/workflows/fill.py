"""Fill a board: restore datasets by the methods that its recipe lists, under one budget, and score them."""

import itertools
import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace

from hvdbench.boards.settings import BoardSettings, board_settings
from hvdbench.errors import HvdbenchError, InputError, TrustError, WeightsError
from hvdbench.methods.opening import open_method, open_small
from hvdbench.methods.recipe import Method, load_method
from hvdbench.methods.restoration import Budget
from hvdbench.recipe import Recipe
from hvdbench.scoring.run_tables import Asked
from hvdbench.store import Dataset
from hvdbench.weights.finding import find_weights
from hvdbench.workflows.evaluate import Evaluation, evaluate
from hvdbench.workflows.train import train
from hvdbench.workspace.objects.location import Place
from hvdbench.workspace.workspace import Workspace

logger = logging.getLogger(__name__)


def fill(
    name: str,
    data: Sequence[Place],
    *,
    workspace: Workspace,
    budget: Budget,
    seeds: Sequence[int] = (),
    train_data: Place | None = None,
) -> Iterator[Evaluation]:
    """Restore and score datasets by all methods of a board's recipe, and yield each result once it is on the board.

    A method that is trained, or fitted to each clip, is made once for each of the board's seeds; the others draw
    nothing at random and are made once. With several seeds the runs of each lie in ``RUNS/seed_N``.

    A method that is trained over clips is trained first: on ``train_data``, or on the clips of each dataset. One that
    starts from weights which are missing is replaced by its recipe for a small network, which starts from weights
    inside the package. A method that cannot be run is left out with a warning, and the others go on.

    Args:
        name: the board's recipe, such as ``table2`` or ``table2@tiny``; the board has the same name.
        data: the folders of the datasets.
        workspace: where runs and boards lie, whether they are replaced, and whether fallbacks are allowed.
        budget: device and engine; its steps replace the recipe's.
        seeds: random seeds; empty for those of the recipe.
        train_data: the folder or pack of the dataset that methods are trained on; None for the scored one.

    Raises:
        UnknownNameError, RecipeError: if there is no such recipe, or it is damaged.
        InputError: if the recipe lists no methods, or none of them could be run.
        TrustError: if it names code that would run, and it is not trusted.
        DatasetError: if a folder is not a dataset.
        HvdbenchError: in strict mode, if a method could not be run.
    """
    recipe = board_settings(name)
    _check(recipe, workspace)
    seeds = tuple(seeds) or recipe.values.seeds
    budget = replace(budget, steps=budget.steps or recipe.values.steps)
    datasets = [Dataset.open(folder) for folder in data]  # all are opened before long work begins
    count = 0
    for seed, dataset, entry in itertools.product(seeds, datasets, recipe.values.methods):
        own = workspace if len(seeds) == 1 else replace(workspace, runs=workspace.runs / f"seed_{seed}")
        try:
            if seed != seeds[0] and not _draws(entry, workspace):
                continue
            found = _run(entry, dataset, train_data or dataset.place, recipe, own, replace(budget, seed=seed))
        except HvdbenchError as error:
            if workspace.strict:
                raise
            logger.warning("'%s' on '%s' is left out: %s", entry, dataset.name, error)
            continue
        count += 1
        yield found
    if not count:
        raise InputError(f"no method of the board '{recipe.name}' could be run; the warnings say why")


def _check(recipe: Recipe[BoardSettings], workspace: Workspace) -> None:
    if not recipe.values.methods:
        raise InputError(f"the board '{recipe.name}' lists no methods: add 'methods' to its recipe")
    code = next((entry for entry in recipe.values.methods if ":" in entry), None)
    if code is not None and not workspace.trust:
        raise TrustError(
            f"the board '{recipe.name}' lists the method '{code}', which would run code: use --trust if you know who "
            "wrote the recipe"
        )


def _draws(entry: str, workspace: Workspace) -> bool:
    """Return whether a method of a board depends on the seed: whether it is trained or fitted here."""
    reference, _, named = entry.partition("=")
    if named:
        return False
    method = _opened(reference, workspace)
    return (method.is_trained and method.weights is None) or method.scheme.fit_steps > 0


def _opened(reference: str, workspace: Workspace) -> Method:
    """Open a method; one that is fitted to each clip from weights which are missing gives way to its small recipe."""
    try:
        return open_method(reference, trust=workspace.trust)
    except WeightsError as error:
        small = open_small(load_method(reference, trust=workspace.trust), trust=workspace.trust)
        if small is None:
            raise
        workspace.fallback.take(str(error), f"'{small.reference}', from weights of hvdbench,")
        return small


def _run(
    entry: str,
    dataset: Dataset,
    train_data: Place,
    recipe: Recipe[BoardSettings],
    workspace: Workspace,
    budget: Budget,
) -> Evaluation:
    """Restore and score a dataset by one method, trained on ``train_data`` or fitted first."""
    asked = Asked(recipe.values.metrics)
    reference, _, named = entry.partition("=")
    weights, label = (find_weights(named), named) if named else (None, None)
    if not named:
        method = _opened(reference, workspace)
        reference = method.reference
        if not (method.is_trained and method.weights is None):
            # a method that could be adapted to a clip, but is not by its recipe, stays as it is
            fitted = method.with_fit_steps(budget.steps) if method.scheme.fit_steps else method
            return evaluate(fitted, dataset, workspace=workspace, budget=budget, board=recipe.name, asked=asked)
        try:
            weights = train(reference, train_data, workspace=workspace, budget=budget)
        except WeightsError as error:
            small = open_small(method, trust=workspace.trust)
            if small is None:
                raise
            workspace.fallback.take(str(error), f"'{small.reference}', from weights of hvdbench,")
            reference = small.reference
            weights = train(reference, train_data, workspace=workspace, budget=budget)
    return evaluate(
        reference,
        dataset,
        workspace=workspace,
        budget=budget,
        weights=weights,
        board=recipe.name,
        label=label,
        asked=asked,
    )
