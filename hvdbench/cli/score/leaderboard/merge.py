"""The command that adds result files to leaderboards."""

from pathlib import Path

import click

from hvdbench.cli import options
from hvdbench.workspace.objects.location import Place


@click.command()
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=options.SOURCE_FILE)
@options.data_folder("Check that the results belong to the dataset in this folder.")
@click.option(
    "--runs",
    type=options.FOLDER,
    help="Check that the restored frames in this folder, which lie in RUNS/METHOD/DATASET, have the digests in the "
    "files.",
)
@click.option("--overwrite", is_flag=True, help="Replace the rows of the same method that another run made.")
@options.boards
@options.examples("hvdbench leaderboard merge theirs.json --data datasets/goproshake")
def merge(files: tuple[Path, ...], data: Place | None, runs: Path | None, overwrite: bool, boards: Path) -> None:
    """Add result files of others to your leaderboards.

    Each FILE was written by 'hvdbench leaderboard submit'. Its rows are added to the leaderboard that it names. A file
    that was changed after it was written is refused.
    """
    from hvdbench.boards.merging import merge_submissions

    for path in merge_submissions(list(files), boards, data=data, runs=runs, overwrite=overwrite).values():
        click.echo(path)
