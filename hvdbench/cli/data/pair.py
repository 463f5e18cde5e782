"""The command that adds a pair of folders to a dataset."""

from pathlib import Path

import click

from hvdbench.cli import options


@click.command()
@click.argument("blurry", type=options.FOLDER)
@click.argument("sharp", type=options.FOLDER)
@click.option("--out", type=options.FOLDER, required=True, help="The dataset's folder; made when absent.")
@click.option("--clip", required=True, help="The clip's name in the dataset.")
@click.option("--source", default="", help="Where the frames come from, for the manifest.")
@options.overwrite
def pair(blurry: Path, sharp: Path, out: Path, clip: str, source: str, overwrite: bool) -> None:
    """Add a folder of BLURRY frames and one of SHARP truth to a dataset, as one clip."""
    from hvdbench.dataset.pairs import pair_clip

    dataset = pair_clip(blurry, sharp, out, clip=clip, source=source, overwrite=overwrite)
    click.echo(f"{dataset.folder}: {len(dataset.clips())} clips, {dataset.origin}, digest {dataset.digest}")
