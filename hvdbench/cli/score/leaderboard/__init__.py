"""The commands about leaderboards, one file each."""

import click

from hvdbench.cli.group import LazyGroup, Section

COMMANDS = Section(
    "Commands", __name__, ("show", "list", "compare", "borda", "export", "figure", "submit", "merge", "fill")
)


@click.group(cls=LazyGroup, sections=(COMMANDS,))
def leaderboard() -> None:
    """Show, compare, export and exchange leaderboards.

    A leaderboard is a CSV file with one score in each row. 'hvdbench eval' and 'hvdbench score' add rows to it.
    """
