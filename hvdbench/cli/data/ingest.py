"""The command that turns phone captures into a dataset."""

import logging
import sys
from pathlib import Path

import click

from hvdbench.cli import options
from hvdbench.cli.parameters import Renamed
from hvdbench.cli.progress import showing

logger = logging.getLogger(__name__)


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILES...", type=options.SOURCE_PATH)
@options.output(
    "Write the dataset to this folder; if it contains one already, the captures are added to it.", "out", required=True
)
@click.option(
    "--capture-device",
    "device",
    cls=Renamed,
    old=("--device",),
    metavar="NAME",
    default="",
    help="Record this phone, such as HVD-Huawei, for captures whose phone neither the file itself nor --device-map "
    "states.",
)
@click.option(
    "--device-map",
    metavar="FILE",
    type=options.FILE,
    help="Read from this TOML file which phone the captures in each folder came from. Its table [devices] maps "
    "folders to phones, as in 'captures/p40' = 'HVD-Huawei'.",
)
@click.option(
    "--keep-location",
    is_flag=True,
    help="Keep the GPS position that a video file states. Without this option the position is dropped.",
)
@click.option(
    "--clip-frames",
    metavar="N",
    type=click.IntRange(min=2),
    help="Cut captures into clips of at most this many frames.",
)
@click.option(
    "--clip-seconds",
    metavar="SECONDS",
    type=click.FloatRange(min=0, min_open=True),
    help="Cut captures into clips of at most this many seconds.",
)
@click.option("--cuts/--no-cuts", default=True, show_default=True, help="Begin a new clip at each scene cut.")
@click.option(
    "--test-share",
    metavar="SHARE",
    type=click.FloatRange(0, 1),
    default=0.2,
    show_default=True,
    help="Put about this share of the captures, from 0 to 1, into the split 'test', and the others into 'train'.",
)
@click.option(
    "--split",
    type=click.Choice(["train", "test"]),
    help="Put all captures into this split; --test-share then has no effect.",
)
@options.crop("Keep only this part of the upright frame, in px: left edge, top edge, width and height.")
@click.option(
    "--linear16",
    is_flag=True,
    help="Also write each frame in linear light, as a 16-bit PNG file in the folder linear/ beside blur/.",
)
@options.deinterlace
@click.option(
    "--fps",
    metavar="FPS",
    type=click.FloatRange(min=0, min_open=True),
    help="Assume this many frames per second for folders of frames, which do not state their times.",
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
    deinterlace: bool,
    linear16: bool,
    fps: float | None,
    overwrite: bool,
) -> None:
    """Turn phone videos into a dataset without ground truth.

    FILES are videos, folders of frames, or folders that hold either. Frames are written upright, with their own times;
    HDR video is tone-mapped to SDR. All clips of a capture go to the same split: that of the release's folder 'train'
    or 'test' in which the capture lies, or else one that depends on the capture's name alone.

    Photos, previews and thumbnails beside videos are left out, which is said at the end. If a file cannot be read, one
    sentence says why, the other files are still added, and the exit code is 1.
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
        deinterlace=deinterlace,
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
