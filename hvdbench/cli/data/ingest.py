"""The command that takes phone captures in."""

import logging
import sys
from pathlib import Path

import click

from hvdbench.cli import options
from hvdbench.cli.parameters import Renamed
from hvdbench.cli.progress import showing

logger = logging.getLogger(__name__)


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILES...", type=options.PATH)
@options.output(
    "Write the dataset to this folder; if it holds one already, the captures are added to it.", "out", required=True
)
@click.option(
    "--capture-device",
    "device",
    cls=Renamed,
    old=("--device",),
    metavar="NAME",
    default="",
    help="Record this phone, such as HVD-Huawei, for captures that do not state theirs.",
)
@click.option(
    "--device-map",
    metavar="FILE",
    type=options.FILE,
    help="Read from this TOML file which folder came from which phone: a table [devices] of folders and names.",
)
@click.option("--keep-location", is_flag=True, help="Keep where captures were made, which is dropped otherwise.")
@click.option("--clip-frames", metavar="N", type=click.IntRange(min=2), help="Cut clips of at most this many frames.")
@click.option(
    "--clip-seconds",
    metavar="SECONDS",
    type=click.FloatRange(min=0, min_open=True),
    help="Cut clips of at most this many seconds.",
)
@click.option("--cuts/--no-cuts", default=True, show_default=True, help="Begin a new clip at each scene cut.")
@click.option(
    "--test-share",
    metavar="SHARE",
    type=click.FloatRange(0, 1),
    default=0.2,
    show_default=True,
    help="Put about this share of the captures, from 0 to 1, into the split 'test', the others into 'train'.",
)
@click.option(
    "--split",
    type=click.Choice(["train", "test"]),
    help="Put all captures into this split; then --test-share has no effect.",
)
@options.crop("Keep only this part of the upright picture, in px: left edge, top edge, width and height.")
@click.option("--linear16", is_flag=True, help="Also write 16-bit linear light, to linear/ beside the frames in blur/.")
@click.option(
    "--fps",
    metavar="FPS",
    type=click.FloatRange(min=0, min_open=True),
    help="Take folders of frames, which state no times, to have this many frames per second.",
)
@options.overwrite
@options.examples(
    "hvdbench ingest IMG_0001.MOV VID_0002.mp4 -o datasets/mine",
    "hvdbench ingest captures/ -o datasets/mine --device-map devices.toml",
)
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
    crop: options.Crop | None,
    linear16: bool,
    fps: float | None,
    overwrite: bool,
) -> None:
    """Turn phone videos into a dataset without ground truth.

    FILES are films, folders of frames, or folders of either. Frames are written upright, with their own times; HDR is
    tone-mapped to SDR. All clips of a capture go to the same split, which depends on the capture's name alone.

    Photos, previews and thumbnails beside films are left out, which is said at the end. A film or folder that cannot be
    read is reported in one sentence, the others are taken in, and the exit code is 1.
    """
    from hvdbench.ingest.dataset import IngestRequest
    from hvdbench.ingest.dataset import ingest as take_in

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
        crop=crop,
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
    for sentence in found.left_out:
        click.echo(f"Left out: {sentence}", err=True)
    for failure in found.failures:
        click.echo(f"Error: {failure}", err=True)
    if found.rows and found.failures:
        done, all_of_them = len(found.rows), len(found.rows) + len(found.failures)
        click.echo(f"{all_of_them - done} of {all_of_them} captures were not taken in", err=True)
    if found.failures:
        sys.exit(1)
