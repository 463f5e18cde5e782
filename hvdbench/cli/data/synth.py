"""Commands that make and check datasets."""

from pathlib import Path

import click

from hvdbench.cli import options
from hvdbench.cli.progress import showing

HANDS = ("still", "hold", "scan", "walk", "shaky", "hvd", "tense")  # of hvdbench.camera.hand, which is slow to import


@click.command()
@click.option("--src", "source", help="Where sharp frames come from: gopro, reds, folder, sample, or an import string.")
@click.option("--traj", "trajectories", help="Camera paths: monst3r (all imported MonST3R sets) or a set's name.")
@click.option("--recipe", default="goproshake", show_default=True, help="A dataset recipe's name or file.")
@click.option("--root", type=options.FILE, help="The source's folder, e.g. GOPRO_Large_all; for folder also a film.")
@click.option("--out", type=options.FOLDER, help="The dataset's folder; left out: datasets/<recipe>.")
@click.option(
    "--ois", help="Stabiliser: off, lens_shift, sensor_shift, module_tilt, eis, your_pkg:Controller, log.csv."
)
@click.option("--hand", type=click.Choice(HANDS), help="How the phone is held in every clip.")
@click.option("--clips", type=click.IntRange(min=1), help="At most, per split.")
@click.option("--fps", type=click.FloatRange(min=1), help="Of the frames written.")
@click.option(
    "--source-fps", type=click.FloatRange(min=1), help="Of the source's frames, over what its films or names tell."
)
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), help="Of all chance; left out: the recipe's.")
@options.engine
@options.overwrite
@options.strict
@options.trust
def synth(
    source: str | None,
    trajectories: str | None,
    recipe: str,
    root: Path | None,
    out: Path | None,
    ois: str | None,
    hand: str | None,
    clips: int | None,
    fps: float | None,
    source_fps: float | None,
    seed: int | None,
    engine: str,
    overwrite: bool,
    strict: bool,
    trust: bool,
) -> None:
    """Make blurry clips with exact truth from sharp high-rate frames, camera paths and a simulated stabiliser.

    Without a GoPro folder or imported MonST3R paths the embedded scenes and bundled simulated paths stand in, with a
    warning, under datasets/demo-<recipe>. Options from --ois to --seed are laid over the recipe's values.
    """
    from hvdbench.camera.stabiliser.kinds import stabiliser_table
    from hvdbench.synth.requests import SynthRequest
    from hvdbench.synth.requests import synth as make
    from hvdbench.workspace.engine import parse_engine
    from hvdbench.workspace.fallback import Fallback

    named = {
        "ois": stabiliser_table(ois) if ois else None,
        "hand": hand,
        "max_clips": clips,
        "fps": fps,
        "source_fps": source_fps,
        "seed": seed,
    }
    request = SynthRequest(
        recipe=recipe,
        source=source,
        trajectories=trajectories,
        root=root,
        out=out,
        overrides={key: value for key, value in named.items() if value is not None},
        trust=trust,
    )
    with showing() as progress:
        dataset = make(
            request,
            fallback=Fallback.from_environment(strict),
            engine=parse_engine(engine),
            overwrite=overwrite,
            progress=progress,
        )
    click.echo(f"{dataset.folder}: {len(dataset.clips())} clips, {dataset.origin}, digest {dataset.digest}")


@click.command()
@click.argument("dataset", type=options.FOLDER)
def verify(dataset: Path) -> None:
    """Hash every clip of a dataset again and name what is missing or changed."""
    from hvdbench.errors import DatasetError
    from hvdbench.store import Dataset

    opened = Dataset.open(dataset)
    faults = opened.verify()
    if faults:
        raise DatasetError(f"{len(faults)} of {len(opened.manifest['clips'])} clips fail: {'; '.join(faults)}")
    click.echo(f"{dataset}: {len(opened.manifest['clips'])} clips as they were written")


@click.command()
@click.argument("blurry", type=options.FOLDER)
@click.argument("sharp", type=options.FOLDER)
@click.option("--out", type=options.FOLDER, required=True, help="The dataset's folder; made when absent.")
@click.option("--clip", required=True, help="The clip's name in the dataset.")
@click.option("--source", default="", help="Where the frames come from, for the manifest.")
@options.overwrite
def pair(blurry: Path, sharp: Path, out: Path, clip: str, source: str, overwrite: bool) -> None:
    """Add a folder of BLURRY frames and one of SHARP truth to a dataset, as one clip."""
    from hvdbench.dataset.pairs import pair_clip

    dataset = pair_clip(blurry, sharp, out, clip=clip, source=source, overwrite=overwrite)
    click.echo(f"{dataset.folder}: {len(dataset.clips())} clips, {dataset.origin}, digest {dataset.digest}")
