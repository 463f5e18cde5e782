"""The command that lays result files over boards."""

from pathlib import Path

import click

from hvdbench.cli import options


@click.command()
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=options.FILE)
@click.option("--data", type=options.FOLDER, help="The dataset itself, whose digest must be that of the files.")
@click.option("--runs", type=options.FOLDER, help="The frames, as runs/<method>/<dataset>/…, to be hashed again.")
@click.option("--overwrite", is_flag=True, help="Replace rows of the same method from another run.")
@options.boards
def merge(files: tuple[Path, ...], data: Path | None, runs: Path | None, overwrite: bool, boards: Path) -> None:
    """Lay result files over the boards that they name; a file that was changed is refused."""
    from hvdbench.boards.merging import merge_submissions

    for path in merge_submissions(list(files), boards, data=data, runs=runs, overwrite=overwrite).values():
        click.echo(path)
