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
    """Add ``--metric``, ``--strata`` and ``--protocol``."""
    for option in (
        click.option("--strata", is_flag=True, help="Rows of PSNR and gain by distance, blur, device, moving pixels."),
        click.option(
            "--metric",
            "metric_names",
            multiple=True,
            help="Also measure this metric (repeatable): edge_spread, warping_error, tof_px, flicker, tlpips, "
            "efficiency, one of pyiqa's (musiq, niqe, lpips ...), or your own as their_pkg:metric.",
        ),
        click.option(
            "--protocol",
            help="Score under this protocol ('hvdbench protocols list'); its rows go to a board of their own. "
            "Without it the board's own protocol is taken, else hvdbench-1.",
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
def score(
    folders: tuple[Path, ...],
    data: Path | None,
    board: str | None,
    name: str | None,
    metric_names: tuple[str, ...],
    strata: bool,
    protocol: str | None,
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
    from hvdbench.scoring.run_tables import Asked
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
                    protocol=protocol,
                    label=name,
                    asked=Asked(metric_names, strata),
                    device=options.choose_device(device),
                    overwrite=overwrite,
                    progress=progress,
                )
            )
    for result in {found.board: found for found in results}.values():
        tell(result)


def tell(result: "Evaluation") -> None:
    """Print a board's table under the name of its frames, and one of all frames where a metric is of whole clips."""
    from hvdbench.boards.facts import metric_facts
    from hvdbench.boards.files import read_board
    from hvdbench.boards.settings import settings_of
    from hvdbench.boards.text.texts import export, subset_words

    rows = read_board(str(result.board))
    truths = settings_of(rows).truths
    subsets = ["not_selected" if (rows["subset"] == "not_selected").any() else "all"]
    known = [metric_facts(name) for name in set(rows["metric"])]
    if "all" not in subsets and any(facts is not None and facts.of_clips for facts in known):
        subsets.append("all")
    for subset in subsets:
        click.echo(f"{subset_words(subset)}:\n\n{export(rows, 'md', subset=subset, truths=truths)}")
    click.echo(f"written: {result.board}")
