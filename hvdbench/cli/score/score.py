"""The command that scores frames that were restored before."""

from pathlib import Path

import click

from hvdbench.cli import options
from hvdbench.cli.progress import showing
from hvdbench.cli.standings import tell
from hvdbench.workspace.objects.location import Place


@click.command()
@click.argument("folders", metavar="FOLDER...", nargs=-1, required=True, type=options.SOURCE_PATH)
@options.data_folder(
    "Compare with the dataset in this folder. By default the one that the run states, or else the one that eval takes; "
    "none if every --metric needs no truth."
)
@click.option(
    "--board",
    metavar="NAME",
    help="Enter the scores on this leaderboard. The default is the leaderboard that the run was entered on, or else "
    "the dataset's own.",
)
@click.option(
    "--name",
    metavar="NAME",
    help="Use this name for the method on the leaderboard; it works for one FOLDER only. The default is the method's "
    "name in the run, or else the folder's name.",
)
@options.metrics
@options.boards
@options.runs
@options.device
@options.engine
@options.overwrite
@options.strict
@options.examples(
    "hvdbench score results/ --data datasets/goproshake --name theirs",
    "hvdbench score runs/*/goproshake-hvdbench-1",
    "hvdbench score restored.mp4 --metric niqe",
)
def score(
    folders: tuple[Path, ...],
    data: Place | None,
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
    """Score restored frames and enter them on a leaderboard.

    FOLDER is a run of eval (RUNS/METHOD/DATASET), or what others restored: SPLIT/CLIP/*.png, CLIP/*.png,
    CLIP_FRAME.png, CLIP/FRAME/*.png, or a film for each clip. Nothing is restored. A run gets the scores that eval gave
    it, so that a leaderboard can be rebuilt from its runs; without --metric and --strata it is scored by the metrics
    that it was entered with.

    Metrics that need no truth, such as niqe or sharpness, are measured on any folder of frames or film: without --data
    their values are printed, and no leaderboard is written.
    """
    from hvdbench.methods.restoration import Budget
    from hvdbench.scoring.run_tables import Asked
    from hvdbench.tables.texts import padded
    from hvdbench.workflows.frames_alone import alone_table, measure_alone, needs_no_truth
    from hvdbench.workflows.score import is_run, score_folder
    from hvdbench.workspace.engine import parse_engine
    from hvdbench.workspace.workspace import Workspace

    if name is not None and len(folders) > 1:
        raise click.UsageError(f"--name belongs to one method, but {len(folders)} folders are to be scored.")
    workspace = Workspace.from_environment(runs=runs, boards=boards, overwrite=overwrite, strict=strict)
    has_no_dataset = not (data or board or protocol or name or strata or any(map(is_run, folders)))
    if has_no_dataset and needs_no_truth(metric_names):
        for folder in folders:
            with showing() as progress:
                budget = Budget(device=options.choose_device(device), progress=progress)
                found = measure_alone(folder, metric_names, fallback=workspace.fallback, budget=budget)
            click.echo(f"{folder}:\n\n{padded(alone_table(found))}", nl=False)
        return
    with showing() as progress:
        budget = Budget(device=options.choose_device(device), engine=parse_engine(engine), progress=progress)
        results = [
            score_folder(
                folder,
                data=data,
                workspace=workspace,
                budget=budget,
                board=board,
                protocol=protocol,
                label=name,
                asked=Asked(metric_names, strata),
            )
            for folder in folders
        ]
    for result in {found.board: found for found in results}.values():
        tell(result)
