"""Commands about stabilisers."""

from pathlib import Path

import click

from hvdbench.cli import options
from hvdbench.cli.progress import showing


@click.group()
def ois() -> None:
    """Compare image stabilisers under simulated hand motion."""


@ois.command()
@click.option(
    "--kind",
    "kinds",
    multiple=True,
    metavar="KIND",
    help="Compare this kind of stabiliser: off, lens_shift, sensor_shift, module_tilt or eis. This option may be "
    "repeated.",
)
@click.option(
    "--stroke",
    "strokes",
    metavar="DEGREES",
    multiple=True,
    type=float,
    help="Compare stabilisers that correct at most this angle, in degrees. This option may be repeated.",
)
@click.option(
    "--controller",
    "controllers",
    multiple=True,
    metavar="IMPORT",
    help="Compare a controller of your own, written as your_package.module:Controller. This option may be repeated.",
)
@click.option(
    "--log",
    metavar="FILE",
    type=options.FILE,
    help="Use the motion that this CSV file records instead of simulated hands. Its columns are the time t (s), the "
    "angular rates gx and gy (rad/s), and the lens angles lx and ly (rad).",
)
@options.orientation
@click.option(
    "--recipe",
    metavar="NAME|FILE",
    help="Look through the camera of this dataset recipe: its size, focal length, frame rate, exposure and readout. "
    "The default is a 26 mm lens on frames 1920 px wide, at 30 frames per second, exposed for 0.7 of the frame time.",
)
@click.option(
    "--seconds",
    metavar="SECONDS",
    type=click.FloatRange(min=1),
    default=120.0,
    show_default=True,
    help="Simulate each hand for this many seconds.",
)
@click.option(
    "--through",
    "method",
    metavar="METHOD",
    help="Also make small clips with each stabiliser, restore them by this method recipe, and score them.",
)
@click.option(
    "--data-recipe",
    metavar="NAME",
    default="goproshake_hvd",
    show_default=True,
    help="Take the hand motion, exposure and size of the clips for --through from this dataset recipe.",
)
@click.option(
    "--frames",
    metavar="N",
    type=click.IntRange(min=2),
    default=24,
    show_default=True,
    help="For --through, make this many frames of each of the two scenes.",
)
@options.seed
@options.engine
@options.strict
@options.output("Write tables, pictures and the page sweep.html to this folder.", "out", required=True)
@options.trust
@options.examples(
    "hvdbench ois sweep -o sweep",
    "hvdbench ois sweep --kind lens_shift --stroke 0.5 --stroke 1 -o sweep",
    "hvdbench ois sweep --recipe phone.toml -o sweep",
    "hvdbench ois sweep --through warp_average -o sweep",
)
def sweep(
    kinds: tuple[str, ...],
    strokes: tuple[float, ...],
    controllers: tuple[str, ...],
    log: Path | None,
    orientation: str,
    recipe: str | None,
    seconds: float,
    method: str | None,
    data_recipe: str,
    frames: int,
    seed: int,
    engine: str,
    strict: bool,
    trust: bool,
    out: Path,
) -> None:
    """Compare stabilisers under simulated hand motion.

    Tables, plots and a page show for each stabiliser how much motion it suppresses, what share of frames it leaves
    sharp, and how long runs of sharp and of blurry frames are. Without --kind, --stroke and --controller, a standard
    set of all kinds is compared.
    """
    from hvdbench.camera.stabiliser.log import read_log
    from hvdbench.recipe import load_recipe
    from hvdbench.sweep.figures import choose_stabilisers
    from hvdbench.sweep.measure import Camera, camera_of
    from hvdbench.sweep.run import Through
    from hvdbench.sweep.run import sweep as run
    from hvdbench.synth.settings import DatasetSettings
    from hvdbench.workspace.engine import parse_engine
    from hvdbench.workspace.fallback import Fallback

    if orientation and log is None:
        raise click.UsageError("--orientation turns the axes of a log: name one with --log, or leave it out.")
    if log is not None:
        click.echo(f"{log} was read as: {read_log(log, orientation).read_as}")
    camera = Camera()
    if recipe is not None:
        camera = camera_of(load_recipe("datasets", recipe, DatasetSettings, trust=trust).values)
    with showing() as progress:
        done, restored = run(
            choose_stabilisers(kinds, strokes, controllers, log, orientation),
            out,
            seconds=seconds,
            log=log,
            orientation=orientation,
            seed=seed,
            camera=camera,
            through=Through(method, data_recipe, frames, trust=trust) if method else None,
            engine=parse_engine(engine),
            fallback=Fallback.from_environment(strict),
            progress=progress,
        )
    click.echo(f"camera: {camera}")
    first = done.sharp[0].hand
    for row in done.sharp:
        if row.hand == first:
            runs = f"runs sharp {row.sharp_run:.1f}, blurry {row.blurry_run:.1f}"
            click.echo(f"{first}, {row.stabiliser}: {row.sharp_share:.0%} of {row.frames} frames sharp, {runs}")
    for after in restored:
        if after.scene == "*" and after.truth == "mid":
            gain = f"{after.input_db:.2f} dB to {after.restored_db:.2f} dB"
            click.echo(f"{method}, {after.stabiliser}: {gain}, {after.sharp_share:.0%} of {after.frames} frames sharp")
    click.echo(f"{out / 'sweep.html'}: {len(done.sharp)} rows of sharp shares, {len(done.suppression)} of suppression")
