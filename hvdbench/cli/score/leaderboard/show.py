"""The command that ranks the methods of a board."""

from pathlib import Path

import click

from hvdbench.cli import options


@click.command()
@click.argument("board")
@click.option("--metric", metavar="NAME", help="Rank by this metric. The default is the leaderboard's own choice.")
@click.option(
    "--truth",
    type=click.Choice(["centroid", "mid", "none"]),
    help="Rank by scores against this ground truth: the centroid or the middle of the exposure, or none, for metrics "
    "without a reference. The default is the leaderboard's own choice.",
)
@options.subset
@options.boards
@options.examples(
    "hvdbench leaderboard show goproshake", "hvdbench leaderboard show goproshake --metric ssim --truth mid"
)
def show(board: str, metric: str | None, truth: str | None, subset: str, boards: Path) -> None:
    """Rank the methods of a leaderboard.

    BOARD is the name of a leaderboard or a CSV file. The command prints ranks with 95 % intervals, marks ties and
    incomplete methods, and lists the numbers that papers report separately.
    """
    from hvdbench.boards.files import read_beside
    from hvdbench.boards.ranking.order import headline, ranked
    from hvdbench.boards.settings import settings_of
    from hvdbench.boards.text.notes import caption
    from hvdbench.boards.text.standings import ranked_text

    rows, papers = read_beside(board, boards)
    settings = settings_of(rows if len(rows) else papers)
    usual, against = headline(rows if len(rows) else papers, metric or settings.rank, settings.truths)
    metric, truth = metric or usual, truth or against
    order = ranked(rows, metric=metric, truth=truth, subset=subset) if len(rows) else rows.assign(seed=None)
    about = f"{caption(rows, subset, (truth,))}\n\n" if len(rows) else ""
    click.echo(f"{settings.title}\n\n{about}{ranked_text(order, metric, truth, papers)}", nl=False)
