"""The command that packs a dataset for training."""

from pathlib import Path

import click

from hvdbench.cli import options
from hvdbench.cli.progress import showing


@click.command()
@click.argument("dataset_folder", metavar="DATASET", type=options.FOLDER)
@click.option("-o", "--out", type=options.FILE, help="The file; left out: DATASET.h5, beside the dataset.")
@click.option("--raw", is_flag=True, help="Do not compress: largest, fastest, memory-mapped.")
@click.option("--streams", metavar="LIST", help="Of blur, sharp, sharp_centroid, with commas; left out: all.")
@options.engine
@options.overwrite
def pack(dataset_folder: Path, out: Path | None, raw: bool, streams: str | None, engine: str, overwrite: bool) -> None:
    """Pack a dataset into one HDF5 file that feeds a training, about as small as its PNG files.

    Give the file to 'hvdbench train --data' in place of the folder. Random crops are read from it without decoding
    whole frames; a killed run goes on where it was.
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
