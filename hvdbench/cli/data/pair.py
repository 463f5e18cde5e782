"""The command that adds a pair of folders to a dataset."""

from pathlib import Path

import click

from hvdbench.cli import options


@click.command()
@click.argument("blurry", type=options.FOLDER)
@click.argument("sharp", type=options.FOLDER)
@options.output("Add the clip to the dataset in this folder, which is made if it does not exist.", "out", required=True)
@click.option("--clip", metavar="NAME", required=True, help="Call the clip by this name in the dataset.")
@click.option(
    "--source", metavar="TEXT", default="", help="Record in the dataset where the frames come from, in your words."
)
@options.overwrite
@options.examples("hvdbench pair walk/blur walk/sharp -o datasets/mine --clip walk")
def pair(blurry: Path, sharp: Path, out: Path, clip: str, source: str, overwrite: bool) -> None:
    """Add a folder of blurry and one of sharp frames to a dataset.

    BLURRY is a folder of blurry frames and SHARP a folder of as many true sharp frames of the same size. Together they
    become one clip, whose frames are written to the dataset as PNG files.
    """
    from hvdbench.dataset.pairs import pair_clip

    dataset = pair_clip(blurry, sharp, out, clip=clip, source=source, overwrite=overwrite)
    click.echo(f"{dataset.folder}: {len(dataset.clips())} clips, {dataset.origin}, digest {dataset.digest}")
