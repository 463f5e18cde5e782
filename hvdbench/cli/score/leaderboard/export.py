"""The command that writes a board for a paper or as a page."""

from pathlib import Path

import click

from hvdbench.cli import options


@click.command()
@click.argument("board", required=False)
@click.option(
    "--format",
    "kind",
    type=click.Choice(["csv", "md", "latex", "html"]),
    default="md",
    show_default=True,
    help="Write CSV, Markdown, LaTeX or a web page.",
)
@options.subset
@options.boards
@options.board_frames
@options.output(
    "Write to this file. The default is standard output; html always needs a file.",
    kind=options.FILE,
    metavar="FILE",
)
@options.examples(
    "hvdbench leaderboard export goproshake --format latex -o table.tex",
    "hvdbench leaderboard export --format html --data datasets/mine -o board.html",
)
def export(
    board: str | None,
    kind: str,
    subset: str,
    boards: Path,
    runs: Path,
    data: tuple[Path, ...],
    output: Path | None,
) -> None:
    """Export a leaderboard as a table or a web page.

    BOARD is the name of a leaderboard or a CSV file; the default is the leaderboard that was written last. Numbers that
    papers report are listed beside the measured ones.

    The web page has tables, charts and, if --runs and --data hold them, the frames. It embeds one frame of each clip
    and links to the files of the others.
    """
    if kind == "html":
        _export_page(board, subset, boards, runs, data, output)
        return
    from hvdbench.boards.files import latest_board, read_beside
    from hvdbench.boards.settings import settings_of
    from hvdbench.boards.text.texts import export as as_text
    from hvdbench.workspace.atomic import atomic_write_text

    rows, papers = read_beside(board or str(latest_board(boards)), boards)
    settings = settings_of(rows if len(rows) else papers)
    text = as_text(rows, kind, subset=subset, truths=settings.truths, rank=settings.rank, papers=papers)
    if output is None:
        click.echo(text)
    else:
        atomic_write_text(output, text if text.endswith("\n") else text + "\n")
        click.echo(f"written: {output}", err=True)


def _export_page(
    board: str | None, subset: str, boards: Path, runs: Path, data: tuple[Path, ...], output: Path | None
) -> None:
    from hvdbench.boards.files import latest_board, read_beside
    from hvdbench.pages.board.page import write_page

    if output is None:
        raise click.UsageError("--format html needs -o FILE, since the page links to frames relative to its own place.")
    rows, papers = read_beside(board or str(latest_board(boards)), boards)
    for line in write_page(output, rows, papers, runs=runs, data=data, subset=subset):
        click.echo(f"not shown: {line}", err=True)
    click.echo(f"written: {output}", err=True)
