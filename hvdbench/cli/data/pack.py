"""The command that packs a dataset for training."""

from pathlib import Path

import click

from hvdbench.cli import options
from hvdbench.cli.progress import showing
from hvdbench.workspace.objects.location import Place


@click.command()
@click.argument("dataset_folder", metavar="DATASET", type=options.DATASET_FOLDER)
@options.output("Write the pack to this file. The default is DATASET.h5, beside the dataset.", "out", kind=options.FILE)
@click.option(
    "--raw",
    is_flag=True,
    help="Do not compress the frames. The file is then larger and faster to read, through a memory map.",
)
@click.option(
    "--streams",
    metavar="LIST",
    help="Pack only these kinds of frames, separated by commas: blur (which is always packed), sharp, sharp_centroid, "
    "and sharp_series (the sub-frames of each exposure). The default is all kinds that the dataset has.",
)
@options.engine
@options.overwrite
@options.examples(
    "hvdbench pack datasets/goproshake", "hvdbench pack datasets/goproshake -o fast.h5 --raw --streams blur,sharp"
)
def pack(dataset_folder: Place, out: Path | None, raw: bool, streams: str | None, engine: str, overwrite: bool) -> None:
    """Pack a dataset into one file for faster training.

    DATASET is the folder of a dataset. The pack is an HDF5 file about as small as the dataset's PNG files, from which
    random crops are read without decoding whole frames. Use it with 'hvdbench train --data FILE'.
    """
    from hvdbench.dataset.packing import pack_dataset
    from hvdbench.store import Dataset
    from hvdbench.workspace.engine import parse_engine

    names = [name.strip() for name in streams.split(",") if name.strip()] if streams else None
    with showing() as progress:
        done = pack_dataset(
            Dataset.open(dataset_folder),
            out,
            kind="raw" if raw else "zstd",
            streams=names,
            overwrite=overwrite,
            engine=parse_engine(engine),
            progress=progress,
        )
    said = "packed" if done.is_new else "is packed already"
    click.echo(f"{done.path}: {said}, {done.clips} clips, {done.frames} frames, {done.size_bytes / 1e6:.1f} MB")
