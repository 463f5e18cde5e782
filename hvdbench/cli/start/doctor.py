"""The command that examines the installation."""

import click

from hvdbench.cli import options


@click.command()
@options.examples("hvdbench doctor")
def doctor() -> None:
    """Check the installation, and explain how to fix what is wrong.

    The command prints one line for each thing that is installed, configured or missing. It writes no files. The exit
    code is 1 if there is a problem, and 0 if there are only notes.
    """
    from hvdbench.workflows.doctor import examine

    marks = {"ok": "ok     ", "note": "note   ", "problem": "PROBLEM"}
    findings = examine()
    for finding in findings:
        click.echo(f"{marks[finding.state]} {finding.topic}: {finding.text}")
    if any(finding.state == "problem" for finding in findings):
        raise SystemExit(1)
