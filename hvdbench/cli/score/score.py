"""The command that scores frames which lie there already."""

from pathlib import Path

import click

from hvdbench.cli import options
from hvdbench.cli.progress import showing
from hvdbench.cli.standings import tell


@click.command()
@click.argument("folders", metavar="FOLDER...", nargs=-1, required=True, type=options.FOLDER)
@click.option("--data", type=options.FOLDER, help="The dataset; left out: the one that the run names, or eval's.")
@click.option("--board", help="The board's name; left out: the one that the run was entered on, or the dataset's.")
@click.option("--name", help="What the method is called there, for one FOLDER; left out: as before, or by the folder.")
@options.metrics
@options.boards
@options.runs
@options.device
@options.engine
@options.overwrite
@options.strict
def score(
    folders: tuple[Path, ...],
    data: Path | None,
    board: str | None,
    name: str | None,
    metric_names: tuple[str, ...],
    strata: bool,
    boards: Path,
    runs: Path,
    device: str,
    engine: str,
    overwrite: bool,
    strict: bool,
) -> None:
    """Score FOLDER, a run (runs/<method>/<dataset>) or restored frames of others, and enter it on a leaderboard.

    Nothing is restored. A run gives the rows that eval gave it, so that several rebuild a board: hvdbench score
    runs/*/DATASET. Without --metric and --strata it is scored by those it was entered with.
    """
    from hvdbench.scoring.run_metrics import Asked
    from hvdbench.workflows.score import score_folder
    from hvdbench.workspace.engine import parse_engine
    from hvdbench.workspace.fallback import Fallback

    if name is not None and len(folders) > 1:
        raise click.UsageError(f"--name is of one method, and {len(folders)} folders are given")
    fallback, workers = Fallback.from_environment(strict), parse_engine(engine)
    results = []
    with showing() as progress:
        for folder in folders:
            results.append(
                score_folder(
                    folder,
                    data=data,
                    fallback=fallback,
                    engine=workers,
                    runs=runs,
                    boards=boards,
                    board=board,
                    label=name,
                    asked=Asked(metric_names, strata),
                    device=options.choose_device(device),
                    overwrite=overwrite,
                    progress=progress,
                )
            )
    for result in {found.board: found for found in results}.values():
        tell(result)
