"""The command that adds a pair of folders to a dataset."""

from pathlib import Path

import click

from hvdbench.cli import options


@click.command()
@click.argument("blurry", type=options.SOURCE_FOLDER)
@click.argument("sharp", type=options.SOURCE_FOLDER)
@options.output(
    "Add the clip to the dataset in this folder. If there is none, a new dataset is made.", "out", required=True
)
@click.option("--clip", metavar="NAME", required=True, help="Use this name for the clip in the dataset.")
@click.option(
    "--source", metavar="TEXT", default="", help="Record in the dataset, in your own words, where the frames come from."
)
@click.option(
    "--split",
    type=click.Choice(["train", "test"]),
    default="test",
    show_default=True,
    help="Put the clip into this split. Supervised training reads 'train' alone.",
)
@click.option(
    "--fps",
    metavar="FPS",
    type=click.FloatRange(min=0, min_open=True),
    help="Record that the clip has this many frames per second. Without this option its frames have no times.",
)
@options.overwrite
@options.examples(
    "hvdbench pair walk/blur walk/sharp -o datasets/mine --clip walk",
    "hvdbench pair hall/blur hall/sharp -o datasets/mine --clip a --split train",
)
def pair(
    blurry: Path,
    sharp: Path,
    out: Path,
    clip: str,
    source: str,
    split: str,
    fps: float | None,
    overwrite: bool,
) -> None:
    """Add a clip of paired blurry and sharp frames to a dataset.

    BLURRY is a folder of blurry frames. SHARP is a folder of their sharp counterparts, in the same number and size.
    Frames belong together by name. Together the two folders become one clip, whose frames are written to the dataset
    as PNG files.
    """
    from hvdbench.dataset.pairs import pair_clip

    dataset = pair_clip(blurry, sharp, out, clip=clip, source=source, split=split, fps=fps, overwrite=overwrite)
    click.echo(f"{dataset.folder}: {len(dataset.clips())} clips, {dataset.origin}, digest {dataset.digest}")
