"""Commands about published weights; none of them connects to the internet."""

from pathlib import Path

import click

from hvdbench.cli import options


@click.group()
def weights() -> None:
    """List, add, check and identify published weights.

    None of these commands downloads anything: 'list' says where each file can be found, and 'add' copies a file that
    you downloaded to the weights folder. That is the folder that HVDBENCH_WEIGHTS or your configuration file names, or
    else ~/.cache/hvdbench/weights.
    """


@weights.command("list")
@options.examples("hvdbench weights list")
def list_() -> None:
    """List the known weights, and whether each is in the weights folder.

    For each file, the command prints the network, the size, the file's name, the licence and a web page.
    """
    from hvdbench.weights.checking import list_lines

    click.echo("\n".join(list_lines()))


@weights.command()
@click.argument("names", metavar="[NAME]...", nargs=-1)
@options.examples("hvdbench weights check", "hvdbench weights check selfhvd estrnn_gopro")
def check(names: tuple[str, ...]) -> None:
    """Check the files in the weights folder.

    NAME is a name from 'hvdbench weights list'; without a NAME, all known weights are checked. A check compares the
    digest, if one is published, and every key and shape with those of the network. A missing file only gets a note. The
    exit code is 1 if a file is not what it should be.
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
@options.examples("hvdbench weights add selfhvd ~/Downloads/pretrain.pth")
def add(name: str, file: Path, overwrite: bool) -> None:
    """Verify a downloaded file and copy it to the weights folder.

    NAME is a name from 'hvdbench weights list', and FILE the file as it was downloaded. If FILE does not hold
    the weights called NAME, it is refused and nothing is written.
    """
    from hvdbench.weights.checking import add_weights

    click.echo(add_weights(name, file, overwrite=overwrite))


@weights.command()
@click.argument("file", type=options.FILE)
@options.examples("hvdbench weights identify ~/Downloads/model_best.pth")
def identify(file: Path) -> None:
    """Report what a weight file holds and which networks it fits.

    FILE may be any weight file; no code in it is run.
    """
    from hvdbench.weights.checking import identify_lines

    click.echo("\n".join(identify_lines(file)))
