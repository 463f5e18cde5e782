"""The commands about blind comparisons by people, one file each."""

import click

from hvdbench.cli.group import LazyGroup, Section

COMMANDS = Section("Commands", __name__, ("make", "serve", "score"))


@click.group(cls=LazyGroup, sections=(COMMANDS,))
def study() -> None:
    """Let people compare restored frames, blind, and count their votes.

    A study is a folder with crops of the same places from two methods or more. People see two crops at a time, without
    a word on which method made which, and choose one.
    """
