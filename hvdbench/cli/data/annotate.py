"""The command that opens the page for labels made by hand."""

from pathlib import Path
from typing import Literal

import click

from hvdbench.cli import options


@click.command()
@click.argument("dataset", type=options.FILE)
@click.option("--annotator", default="", help="Who labels; left out: the name you are logged in by.")
@click.option("--clip", "clips", multiple=True, metavar="NAME", help="A clip, with or without its split; repeatable.")
@click.option("--sample", type=click.IntRange(min=1), metavar="N", help="Ask of N frames, the same for all annotators.")
@click.option(
    "--order", type=click.Choice(["clip", "random"]), default="clip", show_default=True, help="Of a clip's frames."
)
@options.seed
@click.option("--port", type=click.IntRange(0, 65_535), default=0, help="Left out: a free one.")
@click.option("--no-open", is_flag=True, help="Print the page's address and open no browser.")
@click.option("--labels", type=options.FILE, metavar="FILE.csv", help="Left out: DATASET/annotations/ANNOTATOR.csv.")
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
    """Label the frames of DATASET by hand as sharp, blurry or unsure, on a page in the browser.

    DATASET may also be a folder of clip folders, or one folder of frames. The page is served to this machine alone.
    Every answer is written at once; the same command goes on at the first frame without one.
    """
    import webbrowser
    from threading import Thread

    from hvdbench.annotate.server import serve
    from hvdbench.annotate.session import AnnotateRequest, open_session

    def show(url: str) -> None:
        click.echo(f"Label at {url}  (Ctrl-C ends; every answer is kept at once)")
        if not no_open:
            Thread(target=webbrowser.open, args=(url,), daemon=True).start()  # some browsers only return when closed

    session = open_session(AnnotateRequest(dataset, annotator, clips, sample, seed, order, labels))
    serve(session, port=port, ready=show)
    state = session.state()
    click.echo(f"\n{state['done']} of {state['total']} frames labelled by {session.annotator}: {session.file.path}")
