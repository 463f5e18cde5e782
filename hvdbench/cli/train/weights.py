"""Commands about published weights; none of them uses the network."""

from pathlib import Path

import click

from hvdbench.cli import options


@click.group()
def weights() -> None:
    """Published weights: which are known, whether they are in place, and what a file is. Downloads nothing."""


@weights.command("list")
def list_() -> None:
    """List the known weights: there or missing, network, size, file, licence and page."""
    from hvdbench.weights.checking import list_lines

    click.echo("\n".join(list_lines()))


@weights.command()
@click.argument("names", metavar="[NAME]...", nargs=-1)
def check(names: tuple[str, ...]) -> None:
    """Check the known weights that are in place: digest where known, and every key and shape of the network.

    Exit code 1 when a file is not what it should be; a missing one is a note.
    """
    from hvdbench.weights.checking import check_weights

    marks = {"ok": "ok     ", "note": "note   ", "problem": "PROBLEM"}
    findings = check_weights(names)
    for finding in findings:
        click.echo(f"{marks[finding.state]} {finding.name}: {finding.text}")
    if any(finding.state == "problem" for finding in findings):
        raise SystemExit(1)


@weights.command()
@click.argument("name")
@click.argument("file", type=options.FILE)
@options.overwrite
def add(name: str, file: Path, overwrite: bool) -> None:
    """Verify FILE, as downloaded for the known weights NAME, and copy it to its place in the folder of weights."""
    from hvdbench.weights.checking import add_weights

    click.echo(add_weights(name, file, overwrite=overwrite))


@weights.command()
@click.argument("file", type=options.FILE)
def identify(file: Path) -> None:
    """Say what FILE holds and which networks it fits, strictly or by share; any weight file, nothing in it is run."""
    from hvdbench.weights.checking import identify_lines

    click.echo("\n".join(identify_lines(file)))
