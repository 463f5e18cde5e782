"""The command that restores a dataset with a method and scores it."""

from pathlib import Path

import click

from hvdbench.cli import options
from hvdbench.cli.progress import showing
from hvdbench.cli.standings import tell


@click.command(name="eval")
@click.option(
    "--method",
    metavar="METHOD",
    required=True,
    help="Restore with this method: a recipe's name or file, a network (with --weights), their_pkg.net:Net, "
    "torchscript:FILE, onnx:FILE, spandrel:FILE, a folder of restored frames, or "
    "'command:PROGRAM {input} {output}'.",
)
@options.data
@click.option(
    "--weights",
    metavar="FILE",
    type=options.FILE,
    help="Load the weights of a network, or of a method that is trained, from this checkpoint. By default those that "
    "'hvdbench train' wrote for this dataset.",
)
@click.option(
    "--name",
    metavar="NAME",
    help="Call the method by this name on the leaderboard and below RUNS. By default it is named after what it is.",
)
@click.option("--board", metavar="NAME", help="Enter the scores on this leaderboard. By default the dataset's.")
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
    data: Path | None,
    weights: Path | None,
    name: str | None,
    board: str | None,
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
    printed. Clips that are restored already are not restored again; a network that will take long is announced first.

    A method that needs training and has no weights is fitted to the dataset at its tiny size and entered as
    METHOD@tiny, with a warning. A metric whose weights are missing is reported, and the others are measured.
    """
    from hvdbench.metrics.opening import measurable
    from hvdbench.workspace.workspace import Workspace

    workspace = Workspace.from_environment(runs=runs, boards=boards, overwrite=overwrite, strict=strict, trust=trust)
    names = measurable(metric_names, fallback=workspace.fallback, has_truth=True)  # said before torch is imported
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
        )
    tell(result)
