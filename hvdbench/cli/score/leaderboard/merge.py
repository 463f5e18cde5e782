"""The command that lays result files over boards."""

from pathlib import Path

import click

from hvdbench.cli import options


@click.command()
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=options.FILE)
@options.data_folder("Check that the files are about the dataset in this folder.")
@click.option(
    "--runs",
    type=options.FOLDER,
    help="Check the digests of the restored frames in this folder, RUNS/METHOD/DATASET.",
)
@click.option("--overwrite", is_flag=True, help="Replace rows of the same method that came from another run.")
@options.boards
@options.examples("hvdbench leaderboard merge theirs.json --data datasets/goproshake")
def merge(files: tuple[Path, ...], data: Path | None, runs: Path | None, overwrite: bool, boards: Path) -> None:
    """Add result files of others to your leaderboards.

    Each FILE was written by 'hvdbench leaderboard submit'. Its rows go to the leaderboard that they belong to. A file
    that was changed since is refused.
    """
    from hvdbench.boards.merging import merge_submissions

    for path in merge_submissions(list(files), boards, data=data, runs=runs, overwrite=overwrite).values():
        click.echo(path)
