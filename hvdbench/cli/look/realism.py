"""The command that compares simulated clips with real ones."""

from pathlib import Path

import click

from hvdbench.cli import options
from hvdbench.cli.progress import showing
from hvdbench.workspace.objects.location import Place


@click.command()
@click.argument("dataset", type=options.DATASET_FOLDER)
@click.option(
    "--against",
    required=True,
    multiple=True,
    type=options.SOURCE_PATH,
    help="Compare with this real clip, a video file or a folder of frames. This option may be repeated.",
)
@click.option(
    "--crop",
    metavar="x:y:w:h",
    help="Use only this part of the real clips: left edge, top edge, width and height in px, or the word left-half "
    "or right-half.",
)
@click.option(
    "--reference",
    "references",
    multiple=True,
    type=options.SOURCE_PATH,
    help="Measure the blur of a real clip against these sharp frames of it. If this option is used, repeat it once "
    "for each --against, in the same order.",
)
@click.option(
    "--reference-crop", metavar="x:y:w:h", help="Use only this part of the references, written as for --crop."
)
@click.option(
    "--fps",
    metavar="FPS",
    type=click.FloatRange(min=0, min_open=True),
    help="Assume that the real clips were filmed at this many frames per second. The default is the rate that the "
    "files state.",
)
@click.option(
    "--width",
    metavar="PX",
    type=click.IntRange(min=16),
    default=1920,
    show_default=True,
    help="Reduce wider clips to this width in px before measuring.",
)
@click.option(
    "--frames", metavar="N", type=click.IntRange(min=2), help="Measure at most this many frames of each clip."
)
@click.option(
    "--clips", metavar="N", type=click.IntRange(min=1), help="Measure at most this many clips of the dataset."
)
@options.output("Also write validity.csv, validity.md and validity.png to this folder.", "out")
@options.examples(
    "hvdbench realism datasets/goproshake --against phone.mp4 --fps 30",
    "hvdbench realism datasets/goproshake --against a.mp4 -o validity",
)
def realism(
    dataset: Place,
    against: tuple[Path, ...],
    crop: str | None,
    references: tuple[Path, ...],
    reference_crop: str | None,
    fps: float | None,
    width: int,
    frames: int | None,
    clips: int | None,
    out: Path | None,
) -> None:
    """Compare simulated clips with real ones.

    DATASET is the folder of a dataset. The motion, blur, share of sharp frames and noise of its blurry clips are
    measured from the frames alone, and printed beside the same measurements of the real clips.
    """
    from hvdbench.realism.comparison import RealityRequest, compare
    from hvdbench.realism.table import text_lines, validity_table, write_validity
    from hvdbench.store import Dataset

    request = RealityRequest(against, references, crop, reference_crop, fps, width, frames, clips)
    with showing() as progress:
        comparison = compare(Dataset.open(dataset), request, progress=progress)
    click.echo("\n".join(text_lines(validity_table(comparison), comparison)))
    if out is not None:
        click.echo("  ".join(str(path) for path in write_validity(out, comparison)))
