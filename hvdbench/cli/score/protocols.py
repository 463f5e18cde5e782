"""Commands about scoring protocols."""

from pathlib import Path

import click

from hvdbench.cli import options
from hvdbench.cli.progress import showing
from hvdbench.workspace.objects.location import Place


@click.group()
def protocols() -> None:
    """List the scoring protocols, and compare them on your results."""


@protocols.command(name="list")
@click.option(
    "--format",
    "kind",
    type=click.Choice(["text", "csv", "md"]),
    default="text",
    show_default=True,
    help="Print plain text, CSV or Markdown.",
)
@options.examples("hvdbench protocols list")
def list_protocols(kind: str) -> None:
    """List the scoring protocols and where they come from.

    For each protocol, the command prints how it differs from hvdbench-1.
    """
    from dataclasses import asdict

    import pandas as pd

    from hvdbench.metrics.protocols.known import PROTOCOLS
    from hvdbench.tables.dataframes import frame_csv, frame_table
    from hvdbench.tables.texts import markdown

    if kind == "text":
        for protocol in PROTOCOLS:
            click.echo(f"{protocol.identity}: {protocol.differs}")
            click.echo(f"    from: {protocol.origin}")
            if protocol.ours:
                click.echo(f"    ours: {protocol.ours}")
        return
    table = pd.DataFrame([asdict(protocol) for protocol in PROTOCOLS])
    click.echo(frame_csv(table) if kind == "csv" else markdown(frame_table(table)), nl=False)


@protocols.command(name="diff")
@click.argument("results", type=options.SOURCE_FOLDER)
@click.option(
    "--truth",
    type=options.SOURCE_FOLDER,
    help="Compare with the ground-truth frames in this folder, or in folders below it that have the names of the "
    "clips.",
)
@options.data_folder("Compare with the ground truth of the dataset in this folder, instead of --truth.")
@click.option(
    "--split", metavar="NAME", help="Use this split of the dataset. The default is every split that RESULTS has."
)
@click.option(
    "--which",
    type=click.Choice(["mid", "centroid"]),
    default="mid",
    show_default=True,
    help="Use this ground truth of the dataset: the middle or the centroid of the exposure.",
)
@click.option(
    "--protocol",
    "names",
    multiple=True,
    metavar="NAME",
    help="Score under this protocol only. This option may be repeated; the other protocols are compared with the "
    "first. The default is all protocols.",
)
@click.option("--by-clip", is_flag=True, help="Also give each clip rows of its own. Clip * stands for all clips.")
@click.option(
    "--format",
    "kind",
    type=click.Choice(["md", "csv"]),
    default="md",
    show_default=True,
    help="Write Markdown, or CSV with every digit.",
)
@options.output("Write to this file. The default is standard output.", kind=options.FILE, metavar="FILE")
@options.examples(
    "hvdbench protocols diff restored/ --truth sharp/",
    "hvdbench protocols diff theirs/ --data datasets/mine --protocol realblur-ecc",
    "hvdbench protocols diff theirs/ --truth sharp/ --by-clip --format csv",
)
def diff(
    results: Path,
    truth: Path | None,
    data: Place | None,
    split: str | None,
    which: str,
    names: tuple[str, ...],
    by_clip: bool,
    kind: str,
    output: Path | None,
) -> None:
    """Score restored frames under several protocols.

    RESULTS is a folder of restored frames, or of clip folders that hold them. The frames are compared with those in the
    folder --truth or in the dataset --data. Protocols that first align each frame with the ground truth take seconds
    for each frame of 1280x720 px; choose other protocols with --protocol if that is too slow. Where the names of the
    ground truth are those of sequences (0000_1 to 0000_7), the protocol rb2v turns each sequence as a whole.
    """
    from typing import cast

    from hvdbench.metrics.protocols.known import PROTOCOLS, find_protocol
    from hvdbench.metrics.protocols.text import differences_markdown
    from hvdbench.scoring.differences import differences, pairs_of_dataset, pairs_of_folders
    from hvdbench.store import Dataset, Truth
    from hvdbench.tables.dataframes import frame_csv
    from hvdbench.workspace.atomic import atomic_write_text

    if (truth is None) == (data is None):
        raise click.UsageError("Set either --truth or --data, and not both.")
    chosen = [find_protocol(name) for name in names] or list(PROTOCOLS)
    if truth is not None:
        pairs = pairs_of_folders(results, truth)
    else:
        pairs = pairs_of_dataset(results, Dataset.open(cast(Place, data)), split, cast(Truth, which))
    with showing() as progress:
        table = differences(pairs, chosen, progress, by_clip=by_clip)
    text = frame_csv(table) if kind == "csv" else differences_markdown(table)
    if output is None:
        click.echo(text, nl=False)
    else:
        atomic_write_text(output, text)
        click.echo(f"written: {output}", err=True)
