"""The command that packs a dataset for training."""

from pathlib import Path

import click

from hvdbench.cli import options
from hvdbench.cli.progress import showing


@click.command()
@click.argument("dataset_folder", metavar="DATASET", type=options.FOLDER)
@options.output("Write this file. By default DATASET.h5, beside the dataset.", "out", kind=options.FILE)
@click.option(
    "--raw", is_flag=True, help="Do not compress: the file is the largest and the fastest, and is memory-mapped."
)
@click.option(
    "--streams",
    metavar="LIST",
    help="Pack only these of blur, sharp and sharp_centroid, separated by commas. By default all that there are.",
)
@options.engine
@options.overwrite
@options.examples(
    "hvdbench pack datasets/goproshake", "hvdbench pack datasets/goproshake -o fast.h5 --raw --streams blur,sharp"
)
def pack(dataset_folder: Path, out: Path | None, raw: bool, streams: str | None, engine: str, overwrite: bool) -> None:
    """Pack a dataset into one file for faster training.

    DATASET is the folder of a dataset. The HDF5 file is about as small as its PNG files; random crops are read from it
    without decoding whole frames. Use it as 'hvdbench train --data FILE'.
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
