"""The command that draws the crops of a study."""

from pathlib import Path

import click

from hvdbench.cli import options
from hvdbench.cli.progress import showing


@click.command()
@click.argument("methods", metavar="METHOD...", nargs=-1, required=True)
@click.option(
    "--against", metavar="NAME", help="Compare every other method with this one only. The default is all pairs."
)
@click.option(
    "--crops",
    type=click.IntRange(min=1),
    metavar="N",
    default=20,
    show_default=True,
    help="Ask about this many crops for each pair of methods.",
)
@click.option(
    "--checks",
    type=click.IntRange(min=0),
    metavar="N",
    default=6,
    show_default=True,
    help="Add this many pairs with a known answer, by which inattentive voters are found. Two of three show a crop "
    "and a blurred copy of it, the others show one crop twice.",
)
@click.option(
    "--side",
    type=click.IntRange(min=16),
    metavar="PX",
    default=720,
    show_default=True,
    help="Cut crops of this width and height, in px. Smaller frames are shown whole.",
)
@options.seed
@options.overwrite
@options.output("Write the study to this folder.", required=True, metavar="FOLDER", old=())
@options.examples(
    "hvdbench study make runs/selfhvd_fusion/mine runs/blurry/mine -o study",
    "hvdbench study make ours=results/a theirs=results/b --against ours -o study",
)
def make(
    methods: tuple[str, ...],
    against: str | None,
    crops: int,
    checks: int,
    side: int,
    seed: int,
    overwrite: bool,
    output: Path,
) -> None:
    """Draw the crops of a study from restored frames.

    METHOD is a run of eval (RUNS/METHOD/DATASET), a folder of frames or films that others restored, or NAME=FOLDER to
    name the method. Clips, frames and places are drawn at random by the seed, and are the same for all methods. Frames
    that a run selected as sharp are taken last, and those at which two methods are equal are not asked about.
    """
    from hvdbench.annotate.study.drawing import StudyRequest
    from hvdbench.workflows.study import find_sources
    from hvdbench.workflows.study import make as make_study

    sources = find_sources(methods)
    request = StudyRequest(
        methods=[source.method for source in sources],
        made_from={source.method: str(source.folder) for source in sources},
        against=against,
        crops=crops,
        checks=checks,
        side_px=side,
        seed=seed,
    )
    with showing() as progress:
        found, said = make_study(sources, output, request, overwrite=overwrite, progress=progress)
    for line in said:
        click.echo(f"Warning: {line}", err=True)
    click.echo(
        f"{len(found.study.questions)} pairs of crops for each voter: {found.folder}\n"
        f"Collect votes with: hvdbench study serve {found.folder}"
    )
