"""The command that fills a board by the methods of its recipe."""

from pathlib import Path

import click

from hvdbench.cli import options
from hvdbench.cli.progress import showing
from hvdbench.cli.standings import tell
from hvdbench.workspace.objects.location import Place


@click.command()
@click.argument("board")
@options.data_folder(
    "Restore and score the clips of the dataset in this folder. This option may be repeated.",
    multiple=True,
    required=True,
)
@click.option(
    "--train-data",
    metavar="DATASET",
    type=options.DATASET,
    help="Train methods on this dataset, a folder or a pack. The default is each dataset that is scored.",
)
@click.option(
    "--steps",
    type=click.IntRange(min=1),
    metavar="N",
    help="Train and fit every method for this many steps. The default is the number in the recipe of the leaderboard.",
)
@options.boards
@options.runs
@click.option(
    "--seed",
    "seeds",
    metavar="N",
    type=options.SEED,
    multiple=True,
    help="Random seed; the same seed gives the same result. This option may be repeated: the scores of several seeds "
    "are averaged. The default is the seeds in the recipe of the leaderboard.",
)
@options.device
@options.engine
@options.overwrite
@options.strict
@options.trust
@options.examples(
    "hvdbench leaderboard fill table2 --data datasets/rbvd",
    "hvdbench leaderboard fill table2@tiny --data datasets/rbvd",
    "hvdbench leaderboard fill cdvd-tsp --data unseen --train-data pretrain",
)
def fill(
    board: str,
    data: tuple[Place, ...],
    train_data: Place | None,
    steps: int | None,
    boards: Path,
    runs: Path,
    seeds: tuple[int, ...],
    device: str,
    engine: str,
    overwrite: bool,
    strict: bool,
    trust: bool,
) -> None:
    """Restore datasets by all methods of a leaderboard.

    BOARD is a leaderboard whose recipe lists methods, such as table2. Each method is trained or fitted to the clips of
    each dataset, or trained on those of --train-data, restores the clips, and is scored, once for each seed. All make
    the same number of steps where the recipe or --steps names one. A method that cannot be run, such as one without its
    weights, is left out with a warning. With several seeds the runs of each lie in RUNS/seed_N.
    """
    from hvdbench.methods.restoration import Budget
    from hvdbench.workflows.fill import fill as fill_board
    from hvdbench.workspace.engine import parse_engine
    from hvdbench.workspace.workspace import Workspace

    workspace = Workspace.from_environment(runs=runs, boards=boards, overwrite=overwrite, strict=strict, trust=trust)
    with showing() as progress:
        budget = Budget(
            device=options.choose_device(device),
            progress=progress,
            engine=parse_engine(engine),
            steps=steps,
            announce=lambda line: click.echo(line, err=True),
        )
        results = list(fill_board(board, data, workspace=workspace, budget=budget, seeds=seeds, train_data=train_data))
    tell(results[-1])
