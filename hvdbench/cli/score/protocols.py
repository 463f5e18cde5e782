"""Commands about scoring protocols."""

from pathlib import Path

import click

from hvdbench.cli import options
from hvdbench.cli.progress import showing


@click.group()
def protocols() -> None:
    """List the ways of scoring that have a name, and compare them on one result."""


@protocols.command(name="list")
@click.option("--format", "kind", type=click.Choice(["text", "csv", "md"]), default="text", show_default=True)
def list_protocols(kind: str) -> None:
    """List the protocols: what each does otherwise than hvdbench-1, and where it comes from."""
    from dataclasses import asdict

    import pandas as pd

    from hvdbench.metrics.protocols.known import PROTOCOLS
    from hvdbench.metrics.protocols.text import as_csv, as_markdown

    if kind == "text":
        for protocol in PROTOCOLS:
            click.echo(f"{protocol.identity}: {protocol.differs}")
            click.echo(f"    from: {protocol.origin}")
            if protocol.ours:
                click.echo(f"    ours: {protocol.ours}")
        return
    table = pd.DataFrame([asdict(protocol) for protocol in PROTOCOLS])
    click.echo(as_csv(table) if kind == "csv" else as_markdown(table), nl=False)


@protocols.command(name="diff")
@click.argument("results", type=options.FOLDER)
@click.option("--truth", type=options.FOLDER, help="The true frames, or a folder of clip folders of the same names.")
@click.option("--data", type=options.FOLDER, help="The dataset that was restored, in place of --truth.")
@click.option("--split", help="Of the dataset; left out: each that RESULTS has.")
@click.option(
    "--which", type=click.Choice(["mid", "centroid"]), default="mid", show_default=True, help="Of the dataset's truths."
)
@click.option(
    "--protocol", "names", multiple=True, help="Only these (repeatable); the first is the one to compare with."
)
@click.option("--format", "kind", type=click.Choice(["md", "csv"]), default="md", show_default=True)
@click.option("-o", "--output", type=options.FILE, help="A file; left out: standard output.")
def diff(
    results: Path,
    truth: Path | None,
    data: Path | None,
    split: str | None,
    which: str,
    names: tuple[str, ...],
    kind: str,
    output: Path | None,
) -> None:
    """Score RESULTS, a folder of restored frames or of clips, under every protocol.

    The truth is either --truth, a folder, or --data, a dataset. A registration of 720p frames takes seconds each: name
    the protocols where that is too long.
    """
    from typing import cast

    from hvdbench.metrics.protocols.known import PROTOCOLS, find_protocol
    from hvdbench.metrics.protocols.text import as_csv, differences_markdown
    from hvdbench.scoring.differences import differences, pairs_of_dataset, pairs_of_folders
    from hvdbench.store import Dataset, Truth
    from hvdbench.workspace.atomic import atomic_write_text

    if (truth is None) == (data is None):
        raise click.UsageError("name either --truth FOLDER or --data DATASET")
    chosen = [find_protocol(name) for name in names] or list(PROTOCOLS)
    if truth is not None:
        pairs = pairs_of_folders(results, truth)
    else:
        pairs = pairs_of_dataset(results, Dataset.open(cast(Path, data)), split, cast(Truth, which))
    with showing() as progress:
        table = differences(pairs, chosen, progress)
    text = as_csv(table) if kind == "csv" else differences_markdown(table)
    if output is None:
        click.echo(text, nl=False)
    else:
        atomic_write_text(output, text)
        click.echo(f"written: {output}", err=True)
