"""The command that takes phone captures in."""

import logging
import sys
from pathlib import Path

import click

from hvdbench.cli import options
from hvdbench.cli.progress import showing

logger = logging.getLogger(__name__)


@click.command()
@click.argument("files", nargs=-1, required=True, type=options.FILE)
@click.option(
    "--out", type=options.FOLDER, required=True, help="The dataset's folder; made when absent, else added to."
)
@click.option("--device", default="", help="Of captures that state none, e.g. HVD-Huawei.")
@click.option("--device-map", type=options.FILE, help="TOML file: table devices, folders and their devices.")
@click.option("--keep-location", is_flag=True, help="Keep where captures were made; left out: it is dropped.")
@click.option("--clip-frames", type=click.IntRange(min=2), help="Cut clips of so many frames.")
@click.option("--clip-seconds", type=click.FloatRange(min=0, min_open=True), help="Cut clips of so many seconds.")
@click.option("--cuts/--no-cuts", default=True, show_default=True, help="Begin a clip at each scene cut.")
@click.option("--test-share", type=click.FloatRange(0, 1), default=0.2, show_default=True, help="Of the captures.")
@click.option("--split", type=click.Choice(["train", "test"]), help="Where all go; left out: by --test-share.")
@click.option("--crop", metavar="X,Y,W,H", help="Part of the upright picture, px.")
@click.option("--linear16", is_flag=True, help="Write 16-bit linear light too, to linear/ beside blur/.")
@click.option("--fps", type=click.FloatRange(min=0, min_open=True), help="Of folders of frames, which state no times.")
@options.overwrite
def ingest(
    files: tuple[Path, ...],
    out: Path,
    device: str,
    device_map: Path | None,
    keep_location: bool,
    clip_frames: int | None,
    clip_seconds: float | None,
    cuts: bool,
    test_share: float,
    split: str | None,
    crop: str | None,
    linear16: bool,
    fps: float | None,
    overwrite: bool,
) -> None:
    """Take phone captures (films or folders of frames) in as a dataset without truth; --out is added to.

    Frames come upright, with their own times, HDR by a named tone map. A capture is of one split, which
    hangs on its name alone. A file that fails is answered with one sentence, and the others are taken in.
    """
    from hvdbench.ingest.dataset import IngestRequest
    from hvdbench.ingest.dataset import ingest as take_in
    from hvdbench.video.input import parse_crop

    request = IngestRequest(
        files,
        out,
        device=device,
        device_map=device_map,
        keep_location=keep_location,
        clip_frames=clip_frames,
        clip_seconds=clip_seconds,
        cut_scenes=cuts,
        test_share=test_share,
        split=split,
        crop=parse_crop(crop) if crop else None,
        linear16=linear16,
        fps=fps,
        overwrite=overwrite,
    )
    with showing() as progress:
        found = take_in(request, progress=progress)
    for warning in found.warnings:
        logger.warning("%s", warning)
    click.echo("\n".join(found.rows), nl=bool(found.rows))
    if found.dataset:
        dataset = found.dataset
        click.echo(f"{dataset.folder}: {len(dataset.clips())} clips, {dataset.origin}, digest {dataset.digest}")
    for failure in found.failures:
        click.echo(f"Error: {failure}", err=True)
    if found.failures:
        sys.exit(1)
