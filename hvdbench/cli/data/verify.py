"""The command that hashes a dataset again."""

import click

from hvdbench.cli import options
from hvdbench.workspace.objects.location import Place


@click.command()
@click.argument("dataset", type=options.DATASET_FOLDER)
@options.examples("hvdbench verify datasets/goproshake")
def verify(dataset: Place) -> None:
    """Check that no clip of a dataset is missing or changed.

    Every file of the dataset in the folder DATASET is hashed again and compared with the digests that were recorded
    when it was written. Nothing is written. The exit code is 1 if a clip differs. Folders that the dataset does not
    list are named, too.
    """
    from hvdbench.errors import DatasetError
    from hvdbench.store import Dataset
    from hvdbench.store.repair import unlisted

    opened = Dataset.open(dataset)
    for path in unlisted(opened) if opened.location is None else ():
        click.echo(f"not listed: {path}", err=True)
    faults = opened.verify()
    if faults:
        raise DatasetError(f"{len(faults)} of {len(opened.manifest['clips'])} clips fail: {'; '.join(faults)}")
    click.echo(f"{dataset}: {len(opened.manifest['clips'])} clips as they were written")
