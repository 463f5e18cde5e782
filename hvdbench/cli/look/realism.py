"""The command that compares simulated clips with real ones."""

from pathlib import Path

import click

from hvdbench.cli import options
from hvdbench.cli.progress import showing


@click.command()
@click.argument("dataset", type=options.FOLDER)
@click.option(
    "--against", required=True, multiple=True, type=options.FILE, help="A real clip: video or folder; repeatable."
)
@click.option("--crop", help="Part of the real clips: left-half, right-half or x:y:w:h.")
@click.option(
    "--reference", "references", multiple=True, type=options.FILE, help="Sharp frames of a real clip; one for each."
)
@click.option("--reference-crop", help="Part of the references, as --crop.")
@click.option("--fps", type=click.FloatRange(min=0, min_open=True), help="True rate of the real clips, e.g. 30.")
@click.option(
    "--width", type=click.IntRange(min=16), default=1920, show_default=True, help="Reduce wider clips to this."
)
@click.option("--frames", type=click.IntRange(min=2), help="Measure at most so many of each clip.")
@click.option("--clips", type=click.IntRange(min=1), help="Measure at most so many of the dataset.")
@click.option("-o", "--out", type=options.FOLDER, help="Also write validity.csv, .md and .png here.")
def realism(
    dataset: Path,
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
    """Compare a DATASET's blurry clips with real ones: motion, blur, sharp frames, noise, from frames alone."""
    from hvdbench.realism.comparison import RealityRequest, compare
    from hvdbench.realism.table import text_lines, validity_table, write_validity
    from hvdbench.store import Dataset

    request = RealityRequest(against, references, crop, reference_crop, fps, width, frames, clips)
    with showing() as progress:
        comparison = compare(Dataset.open(dataset), request, progress=progress)
    click.echo("\n".join(text_lines(validity_table(comparison), comparison)))
    if out is not None:
        click.echo("  ".join(str(path) for path in write_validity(out, comparison)))
