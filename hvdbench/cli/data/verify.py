"""The command that hashes a dataset again."""

from pathlib import Path

import click

from hvdbench.cli import options


@click.command()
@click.argument("dataset", type=options.FOLDER)
def verify(dataset: Path) -> None:
    """Hash every clip of a dataset again and name what is missing or changed."""
    from hvdbench.errors import DatasetError
    from hvdbench.store import Dataset

    opened = Dataset.open(dataset)
    faults = opened.verify()
    if faults:
        raise DatasetError(f"{len(faults)} of {len(opened.manifest['clips'])} clips fail: {'; '.join(faults)}")
    click.echo(f"{dataset}: {len(opened.manifest['clips'])} clips as they were written")
