"""The command that compares two methods of a board."""

from pathlib import Path

import click

from hvdbench.cli import options


@click.command()
@click.argument("a")
@click.argument("b")
@click.option("--board", help="A name or a CSV; left out: the one written last.")
@click.option("--metric", "metrics", multiple=True, help="Only this one; may be given several times.")
@click.option("--clips", is_flag=True, help="A row for each clip too, by the first metric.")
@options.subset
@options.boards
def compare(
    a: str, b: str, board: str | None, metrics: tuple[str, ...], clips: bool, subset: str, boards: Path
) -> None:
    """Compare methods A and B clip by clip: difference, interval, p after Holm, clips won."""
    from hvdbench.boards.files import latest_board, read_board
    from hvdbench.boards.ranking.order import headline
    from hvdbench.boards.ranking.pairs import clip_differences
    from hvdbench.boards.ranking.pairs import compare as compare_methods
    from hvdbench.boards.settings import settings_of
    from hvdbench.boards.text.standings import clips_text, comparison_text

    rows = read_board(board or str(latest_board(boards)), boards)
    settings = settings_of(rows)
    found = compare_methods(rows, a, b, metrics=metrics or None, subset=subset)
    click.echo(comparison_text(found, a, b), nl=False)
    if clips:
        metric, truth = headline(rows, metrics[0] if metrics else settings.rank, settings.truths)
        pairs = clip_differences(rows, a, b, metric=metric, truth=truth, subset=subset)
        click.echo("\n" + clips_text(pairs, a, b, metric, truth), nl=False)
