"""The command that restores a dataset with a method and scores it."""

from pathlib import Path

import click

from hvdbench.cli import options
from hvdbench.cli.progress import showing
from hvdbench.cli.standings import tell
from hvdbench.workspace.objects.location import Place


@click.command(name="eval")
@click.option(
    "--method",
    metavar="METHOD",
    required=True,
    help="Restore with this method: the name or file of a recipe, a network (with --weights), an import string such "
    "as their_pkg.net:Net, torchscript:FILE, onnx:FILE, spandrel:FILE, a folder of restored frames, or "
    "'command:PROGRAM {input} {output}'.",
)
@options.data
@click.option(
    "--weights",
    metavar="FILE",
    type=options.FILE,
    help="Load the weights of a network, or of a method that is trained, from this checkpoint. The default is the "
    "weights that 'hvdbench train' wrote for this dataset.",
)
@click.option(
    "--name",
    metavar="NAME",
    help="Use this name for the method on the leaderboard and below RUNS. The default is made from --method.",
)
@click.option("--board", metavar="NAME", help="Enter the scores on this leaderboard. The default is the dataset's own.")
@click.option(
    "--from-scratch",
    is_flag=True,
    help="Let a fit that replaces missing weights start from random weights, not from weights of hvdbench.",
)
@options.boards
@options.metrics
@options.runs
@options.seed
@options.device
@options.inference
@options.engine
@options.overwrite
@options.strict
@options.trust
@options.examples(
    "hvdbench eval --method warp_average",
    "hvdbench eval --method estrnn --weights estrnn.pth",
    "hvdbench eval --method 'command:./theirs {input} {output}' --name theirs",
)
def evaluate(
    method: str,
    data: Place | None,
    weights: Path | None,
    name: str | None,
    board: str | None,
    from_scratch: bool,
    boards: Path,
    metric_names: tuple[str, ...],
    strata: bool,
    protocol: str | None,
    runs: Path,
    seed: int,
    device: str,
    precision: str | None,
    window: str | None,
    tile: str | None,
    engine: str,
    overwrite: bool,
    strict: bool,
    trust: bool,
) -> None:
    """Restore a dataset with a method and update its leaderboard.

    The restored frames go to RUNS/METHOD/DATASET, the scores to BOARDS/BOARD.csv, and the table of the leaderboard is
    printed. Clips that were restored before are not restored again. If a network will take long, the command says so
    first.

    If a method needs training and has no weights, a small network is fitted to the dataset and entered as METHOD_small
    where hvdbench has weights that it can start from, else, or with --from-scratch, a tiny one as METHOD@tiny; a
    warning says so. If the weights of a metric are missing, a warning says so, and the other metrics are measured.
    """
    from hvdbench.metrics.opening import measurable
    from hvdbench.workspace.workspace import Workspace

    workspace = Workspace.from_environment(runs=runs, boards=boards, overwrite=overwrite, strict=strict, trust=trust)
    names = measurable(
        metric_names, fallback=workspace.fallback, has_truth=True, has_subframes=True
    )  # whether the dataset has them is asked later; any warning appears before the slow import of torch
    from hvdbench.methods.restoration import Budget
    from hvdbench.scoring.run_tables import Asked
    from hvdbench.workflows.datasets import find_dataset
    from hvdbench.workflows.evaluate import evaluate as score
    from hvdbench.workspace.engine import parse_engine

    with showing() as progress:
        budget = Budget(
            seed=seed,
            device=options.choose_device(device),
            progress=progress,
            inference=options.read_inference(precision, window, tile, usual=None),
            engine=parse_engine(engine),
            announce=lambda line: click.echo(line, err=True),
        )
        result = score(
            method,
            find_dataset(data, workspace=workspace, budget=budget),
            workspace=workspace,
            budget=budget,
            weights=weights,
            board=board,
            protocol=protocol,
            label=name,
            asked=Asked(tuple(names), strata),
            from_scratch=from_scratch,
        )
    tell(result)
