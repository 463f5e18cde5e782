"""The command that puts right what can be in a dataset's folder."""

from pathlib import Path

import click

from hvdbench.cli import options


@click.command()
@click.argument("dataset", type=options.FOLDER)
@options.examples("hvdbench repair datasets/goproshake")
def repair(dataset: Path) -> None:
    """Put right what a killed command or a full disk left in a dataset.

    Folders that were moved aside in the folder DATASET are moved back, leftovers of dead processes are removed, and
    finished clips are entered in dataset.json. Clips that are missing or differ from what was written are taken off
    the list, so that the command that made the dataset makes them again. The exit code is 1 if something is left that
    only you can decide or make again.
    """
    from hvdbench.errors import DatasetError
    from hvdbench.store.repair import repair as put_right

    found = put_right(dataset)
    for line in found.done:
        click.echo(f"repaired: {line}")
    if found.left:
        raise DatasetError("; ".join(found.left))
    click.echo(f"{dataset}: nothing is left to repair")
