"""The command that makes GOPRO_Large's blurry frames again."""

from pathlib import Path

import click

from hvdbench.cli import options
from hvdbench.cli.progress import showing


@click.command("check-gopro")
@click.argument("whole", metavar="GOPRO_LARGE_ALL", type=options.FOLDER)
@click.argument("release", metavar="GOPRO_LARGE", type=options.FOLDER)
@click.option(
    "--clip",
    "clips",
    multiple=True,
    metavar="NAME",
    help="Check only this clip, such as GOPR0372_07_00. This option may be repeated. The default is all 33 clips.",
)
@options.engine
@options.examples(
    "hvdbench dataset check-gopro GOPRO_Large_all GOPRO_Large",
    "hvdbench dataset check-gopro GOPRO_Large_all GOPRO_Large --clip GOPR0372_07_00",
)
def check_gopro(whole: Path, release: Path, clips: tuple[str, ...], engine: str) -> None:
    """Make GOPRO_Large's blurry frames again, and count those that are equal.

    GOPRO_LARGE_ALL is the folder of the frames at 240 fps, and GOPRO_LARGE that of the pairs. A frame of the folders
    'blur' is the mean of 7, 11 or 13 frames at 240 fps; which ones, was published. The 14 frames whose windows begin
    before the frames that were released cannot be made, and are named. Nothing is written. The exit code is 1 if a
    frame differs, or if a clip or a frame is missing.
    """
    from hvdbench.errors import DatasetError
    from hvdbench.workflows.gopro_check import check, report
    from hvdbench.workspace.engine import parse_engine

    with showing() as progress:
        found = check(whole, release, clips=clips, engine=parse_engine(engine), progress=progress)
    click.echo("\n".join(report(found)))
    different = [name for clip in found for name in clip.different]
    if different:
        raise DatasetError(
            f"{len(different)} frames of {release} differ from the means of their windows, first {different[0]}"
        )
