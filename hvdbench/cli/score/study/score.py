"""The command that counts the votes of a study."""

from pathlib import Path

import click

from hvdbench.cli import options


@click.command()
@click.argument("study", type=options.FOLDER)
@click.option(
    "--least-right",
    type=click.FloatRange(0, 1),
    metavar="SHARE",
    default=0.75,
    show_default=True,
    help="Leave out voters who answered less than this share of their attention checks right.",
)
@click.option(
    "--format",
    "kind",
    type=click.Choice(["text", "csv", "md", "json", "html"]),
    default="text",
    show_default=True,
    help="Write plain text, CSV (the pairs of methods with every digit), Markdown, JSON, or a web page.",
)
@options.output(
    "Write to this file. The default is standard output; html always needs a file.",
    kind=options.FILE,
    metavar="FILE",
    old=(),
)
@options.examples("hvdbench study score studies/mine", "hvdbench study score studies/mine --format html -o study.html")
def score(study: Path, least_right: float, kind: str, output: Path | None) -> None:
    """Count the votes of a study.

    STUDY is a folder that 'hvdbench study make' wrote. For each pair of methods, the command prints how often one was
    preferred, with intervals and the p-value of the exact binomial test; and for each method its Bradley-Terry score.
    Voters who miss the attention checks are left out and listed.
    """
    if kind == "html" and output is None:
        raise click.UsageError("--format html needs -o FILE.")
    from hvdbench.annotate.study.design import read_study
    from hvdbench.annotate.study.results import count_votes, results_text
    from hvdbench.workspace.atomic import atomic_write_text

    results = count_votes(read_study(study), least_right=least_right)
    if kind == "html" and output is not None:
        from hvdbench.pages.study_page import study_page

        study_page(output, results, title="What people preferred")
    elif output is None:
        click.echo(results_text(results, kind), nl=False)
        return
    else:
        atomic_write_text(output, results_text(results, kind))
    click.echo(f"written: {output}", err=True)
