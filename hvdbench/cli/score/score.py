"""The command that scores frames which lie there already, and the options that it shares with ``eval``."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from hvdbench.cli import options
from hvdbench.cli.progress import showing

if TYPE_CHECKING:
    from hvdbench.workflows.evaluate import Evaluation

F = TypeVar("F", bound=Callable[..., Any])


def metrics(command: F) -> F:
    """Add ``--metric`` and ``--strata``."""
    for option in (
        click.option("--strata", is_flag=True, help="Rows of PSNR and gain by distance, blur, device, moving pixels."),
        click.option(
            "--metric",
            "metric_names",
            multiple=True,
            help="Measured besides, repeatable: edge_spread, warping_error, tof_px, flicker, tlpips, efficiency, or "
            "one of pyiqa's (musiq, niqe, lpips …).",
        ),
    ):
        command = option(command)
    return command


@click.command()
@click.argument("folders", metavar="FOLDER...", nargs=-1, required=True, type=options.FOLDER)
@click.option("--data", type=options.FOLDER, help="The dataset; left out: the one that the run names, or eval's.")
@click.option("--board", help="The board's name; left out: the one that the run was entered on, or the dataset's.")
@click.option("--name", help="What the method is called there, for one FOLDER; left out: as before, or by the folder.")
@metrics
@click.option(
    "--boards", type=options.FOLDER, default=Path("leaderboards"), show_default=True, help="Where the boards lie."
)
@options.runs
@options.device
@options.engine
@options.overwrite
@options.strict
@options.trust
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
    trust: bool,
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
                    trust=trust,
                )
            )
    for result in {found.board: found for found in results}.values():
        tell(result)


def tell(result: "Evaluation") -> None:
    """Print a board's table, and a second one of all frames where a metric that was asked for is of whole clips."""
    from hvdbench.boards.files import read_board
    from hvdbench.boards.settings import settings_of
    from hvdbench.boards.text.texts import export
    from hvdbench.metrics.measure import OF_CLIPS

    rows = read_board(str(result.board))
    truths = settings_of(rows).truths
    subsets = ["not_selected" if (rows["subset"] == "not_selected").any() else "all"]
    if "all" not in subsets and set(rows["metric"]) & OF_CLIPS:
        subsets.append("all")
    for place, subset in enumerate(subsets):
        heading = "All frames:\n\n" if place else ""
        click.echo(heading + export(rows, "md", subset=subset, truths=truths))
    click.echo(f"written: {result.board}")
