"""Commands that take over others' releases and describe a dataset."""

from pathlib import Path

import click

from hvdbench.cli import options
from hvdbench.cli.progress import showing


@click.group()
def dataset() -> None:
    """Take over others' releases as datasets, and describe a dataset."""


@dataset.command("import")
@click.argument("root", type=options.FOLDER)
@click.option("--layout", required=True, help="A layout of recipes/layouts, e.g. gopro or reds, or a .toml file.")
@click.option("--out", type=options.FOLDER, required=True, help="The dataset's folder.")
@click.option("--name", default="", help="The dataset's name on boards; left out: the layout's.")
@click.option("--link/--copy", "link", default=True, show_default=True, help="Symbolic links to PNG files, or copies.")
@click.option(
    "--blur", metavar="PATTERN", help="Of blurry frames, e.g. '{split}/{clip}/blur_gamma/*.png', or a folder."
)
@click.option("--sharp", metavar="PATTERN", help="Of sharp frames, e.g. '{split}/{clip}/sharp/*.png', or a folder.")
@options.overwrite
def import_(
    root: Path, layout: str, out: Path, name: str, link: bool, blur: str | None, sharp: str | None, overwrite: bool
) -> None:
    """Take over a release in folder ROOT, paired or blurry only, as a dataset; nothing in ROOT is changed.

    A pattern is relative to ROOT, with {clip} and {split} (train, test, val) among its folders; a mere folder's name
    replaces 'blur' or 'sharp' in the layout's own pattern, e.g. --blur blur_gamma.
    """
    from hvdbench.dataset.importing import AdoptRequest, adopt

    request = AdoptRequest(root, layout, out, name, blur, sharp, "link" if link else "copy", overwrite)
    with showing() as progress:
        adopted = adopt(request, progress=progress)
    found = adopted.dataset
    click.echo("\n".join(adopted.notes))
    click.echo(f"{found.folder}: '{found.name}', {len(found.clips())} clips, {found.origin}, digest {found.digest}")


@dataset.command()
@click.argument("dataset_folder", metavar="DATASET", type=options.FOLDER)
@click.option("--out", type=options.FOLDER, help="Where tables and plots go; left out: none are written.")
def describe(dataset_folder: Path, out: Path | None) -> None:
    """Say what a dataset holds: clips, motion, blur and sharp frames."""
    from hvdbench.realism.describe import describe_dataset
    from hvdbench.store import Dataset

    click.echo("\n".join(describe_dataset(Dataset.open(dataset_folder), out)))
