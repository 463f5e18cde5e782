"""The command that opens the page on which people vote."""

from pathlib import Path

import click

from hvdbench.cli import options, serving


@click.command()
@click.argument("study", type=options.FOLDER)
@serving.port
@serving.no_open
@options.examples("hvdbench study serve studies/mine", "hvdbench study serve studies/mine --no-open --port 8765")
def serve(study: Path, port: int, no_open: bool) -> None:
    """Open the page on which people compare two crops, blind.

    STUDY is a folder that 'hvdbench study make' wrote. The page can only be opened on this machine. It asks for a name
    first, so that several people may vote, one after the other or in several tabs. Every vote is saved at once; a voter
    who enters the same name again goes on at the first pair without a vote.
    """
    from hvdbench.annotate.study.design import read_study
    from hvdbench.annotate.study.server import serve as serve_study
    from hvdbench.annotate.study.votes import VoteFile

    found = read_study(study)
    serve_study(found, port=port, ready=serving.shown_page("Vote at", "every vote is saved at once", no_open=no_open))
    votes = VoteFile(found).read()
    voters = {vote.voter for vote in votes}
    counts = [f"{n} {what}{'' if n == 1 else 's'}" for n, what in ((len(votes), "vote"), (len(voters), "voter"))]
    click.echo(f"\n{' by '.join(counts)}: {found.votes}")
