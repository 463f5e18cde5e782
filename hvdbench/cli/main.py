"""The ``hvdbench`` command. Heavy imports happen inside the commands, so that help comes at once."""

import logging
import signal
import sys
from types import FrameType

import click

from hvdbench import __version__
from hvdbench.cli.data.dataset import dataset
from hvdbench.cli.data.ingest import ingest
from hvdbench.cli.data.label import label
from hvdbench.cli.data.pack import pack
from hvdbench.cli.data.synth import pair, synth, verify
from hvdbench.cli.look.annotate import annotate
from hvdbench.cli.look.ois import ois
from hvdbench.cli.look.realism import realism
from hvdbench.cli.look.traj import traj
from hvdbench.cli.score.eval import evaluate
from hvdbench.cli.score.heldout import heldout
from hvdbench.cli.score.leaderboard import leaderboard
from hvdbench.cli.score.protocols import protocols
from hvdbench.cli.score.score import score
from hvdbench.cli.start.demo import deblur, demo, doctor
from hvdbench.cli.train.train import train
from hvdbench.cli.train.weights import weights
from hvdbench.errors import HvdbenchError


class _Sentence(logging.Formatter):
    """Words a record as ``Warning: …``."""

    def format(self, record: logging.LogRecord) -> str:
        return f"{record.levelname.capitalize()}: {super().format(record)}"


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="hvdbench")
@click.option("-v", "--verbose", is_flag=True, help="Say more on the way.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing but results and errors.")
def cli(verbose: bool, quiet: bool) -> None:
    """Datasets, baselines and leaderboards for handheld video deblurring.

    Begin with 'hvdbench demo' (the whole pipeline in minutes), or restore a clip of your own with
    'hvdbench deblur clip.mp4 -o restored.mp4'.
    """
    level = logging.DEBUG if verbose else logging.ERROR if quiet else logging.WARNING
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Sentence())
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    logging.getLogger("hvdbench").setLevel(level)


for command in (
    demo,
    deblur,
    synth,
    ingest,
    pair,
    pack,
    label,
    annotate,
    train,
    evaluate,
    score,
    heldout,
    verify,
    realism,
    doctor,
):
    cli.add_command(command)
for group in (dataset, leaderboard, ois, protocols, traj, weights):
    cli.add_command(group)


_ENDING = ("SIGTERM", "SIGHUP")  # Windows has no SIGHUP


class _Ended(KeyboardInterrupt):
    """A signal asked the process to end: as for Ctrl-C, so that everything half-written is removed on the way out."""


def _end(number: int, frame: FrameType | None) -> None:
    signal.signal(number, signal.SIG_IGN)  # a second one must not interrupt the clearing up
    raise _Ended(number)


def _end_in_order() -> None:
    """Let SIGTERM and SIGHUP unwind the program; one that is ignored, as under ``nohup``, stays so."""
    for number in [getattr(signal, name) for name in _ENDING if hasattr(signal, name)]:
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _end)


def main() -> None:
    """Run the command line.

    Exit code 0: done; 1: an error that a user can mend; 2: usage; 130: stopped by Ctrl-C, 128 + N by signal N.
    """
    _end_in_order()
    try:
        code = cli(prog_name="hvdbench", standalone_mode=False)  # what a command gave to ctx.exit()
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except HvdbenchError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(1)
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        click.echo(f"Error: {place}{error.strerror or error}", err=True)
        sys.exit(1)
    except (KeyboardInterrupt, click.Abort) as stopped:
        click.echo("Stopped. What was finished is kept; the same command goes on from there.", err=True)
        causes = [error for error in (stopped, stopped.__cause__) if isinstance(error, _Ended)]  # click makes it Abort
        sys.exit(128 + causes[0].args[0] if causes else 130)
    sys.exit(code if isinstance(code, int) else 0)
