"""The command that measures a camera path from a clip."""

from pathlib import Path
from typing import Any

import click

from hvdbench.cli import options


@click.command()
@click.argument("source", metavar="VIDEO|FOLDER", type=options.SOURCE_PATH)
@options.output("Write the path to this folder.", required=True)
@click.option(
    "--focal-per-width",
    metavar="RATIO",
    type=options.RATE,
    help="Assume this ratio of focal length to picture width. The default is a focal length of 0.751 times the "
    "longer side.",
)
@click.option(
    "--fps",
    metavar="HZ",
    type=options.RATE,
    help="Assume that the clip was filmed at this many frames per second. A folder of frames needs this option.",
)
@click.option(
    "--resample",
    "rows_hz",
    metavar="HZ",
    type=options.RATE,
    help="Write this many rows per second. The default is one row for each frame.",
)
@options.crop(
    "Use only this part of the picture, in px: left edge, top edge, width and height. The optical axis is assumed to "
    "be in its middle."
)
@options.seed
@options.overwrite
@options.examples(
    "hvdbench traj estimate clip.mp4 -o paths/clip",
    "hvdbench traj estimate frames/ --fps 30 -o paths/frames",
)
def estimate(source: Path, output: Path, crop: options.Crop | None, overwrite: bool, **values: Any) -> None:
    """Measure how the camera rotated during a clip.

    VIDEO is a video file, and FOLDER a folder of frames. The rotation is measured from points that are followed through
    the clip, without a network. The path is written in the format of MonST3R, with all positions 0, and
    estimate.json states how reliable it is.
    """
    from hvdbench.camera.estimation.measure import check_free, measure_clip, write_measured

    check_free(output, overwrite=overwrite)
    measured = measure_clip(source, crop=crop, **values)
    write_measured(output, measured, overwrite=overwrite)
    click.echo("\n".join(measured.lines()))
    click.echo(f"{output}: hvdbench traj show {output} --format monst3r --fps {measured.rows_hz:.6g}")
