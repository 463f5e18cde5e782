"""The command that opens the page for labels made by hand."""

from pathlib import Path
from typing import Literal

import click

from hvdbench.cli import options, serving


@click.command()
@click.argument("dataset", type=options.PATH)
@click.option(
    "--annotator", metavar="NAME", default="", help="Record answers under this name. The default is your login name."
)
@click.option(
    "--clip",
    "clips",
    multiple=True,
    metavar="NAME",
    help="Ask only about this clip, named with or without its split. This option may be repeated. The default is all "
    "clips.",
)
@click.option(
    "--sample",
    type=click.IntRange(min=1),
    metavar="N",
    help="Ask about this many frames, which are the same for all annotators. The default is all frames.",
)
@click.option(
    "--order",
    type=click.Choice(["clip", "random"]),
    default="clip",
    show_default=True,
    help="Ask about the frames of each clip in their order (clip) or in random order (random). The order of the "
    "clips is always random.",
)
@options.seed
@serving.port
@serving.no_open
@click.option(
    "--labels",
    type=options.FILE,
    metavar="FILE.csv",
    help="Keep the answers in this file. The default is DATASET/annotations/ANNOTATOR.csv.",
)
@options.examples("hvdbench annotate datasets/mine", "hvdbench annotate datasets/mine --annotator anna --sample 200")
def annotate(
    dataset: Path,
    annotator: str,
    clips: tuple[str, ...],
    sample: int | None,
    order: Literal["clip", "random"],
    seed: int,
    port: int,
    no_open: bool,
    labels: Path | None,
) -> None:
    """Label frames by hand as sharp or blurry, in the browser.

    DATASET is a dataset, a folder of clip folders, or one folder of frames. The page can only be opened on
    this machine. Every answer is saved at once; run the same command again to continue at the first frame without an
    answer.
    """
    from hvdbench.annotate.server import serve
    from hvdbench.annotate.session import AnnotateRequest, open_session

    session = open_session(AnnotateRequest(dataset, annotator, clips, sample, seed, order, labels))
    serve(session, port=port, ready=serving.shown_page("Label at", "every answer is saved at once", no_open=no_open))
    state = session.state()
    click.echo(f"\n{state['done']} of {state['total']} frames labelled by {session.annotator}: {session.file.path}")
