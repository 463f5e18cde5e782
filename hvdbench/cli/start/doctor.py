"""The command that examines the installation."""

import click


@click.command()
def doctor() -> None:
    """Say what is installed, configured and missing, and how to mend it."""
    from hvdbench.workflows.doctor import examine

    marks = {"ok": "ok     ", "note": "note   ", "problem": "PROBLEM"}
    findings = examine()
    for finding in findings:
        click.echo(f"{marks[finding.state]} {finding.topic}: {finding.text}")
    if any(finding.state == "problem" for finding in findings):
        raise SystemExit(1)
