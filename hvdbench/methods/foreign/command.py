"""Restore clips with a foreign program that turns one folder of frames into another."""

import os
import re
import shlex
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import Field

from hvdbench.errors import InputError
from hvdbench.frames import Frames, write_clip
from hvdbench.labels.sharpness import SharpLabels
from hvdbench.methods.foreign.folder import check_depth, read_results
from hvdbench.methods.restoration import Budget, Restoration
from hvdbench.methods.scheme import Scheme
from hvdbench.recipe import Settings
from hvdbench.recipe.bounds import MOST_FPS, MOST_SECONDS
from hvdbench.recipe.trust import PROGRAM, Part
from hvdbench.workspace.manifest import file_sha256

PLACEHOLDERS = ("input", "output", "device", "fps", "weights")
_LONGEST_LINE = 300
_TAIL_BYTES = 8192


class CommandSettings(Settings):
    """Settings of the program that is run for each clip."""

    command: Annotated[str, Part(PROGRAM)]
    """Words of the command line, written as for a shell, though no shell runs them. ``{input}`` and ``{output}`` stand
    for folders of PNG frames, the second of which is empty; ``{device}``, ``{fps}`` and ``{weights}`` are optional."""
    weights: str | None = None
    """File that replaces ``{weights}``."""
    fps: float = Field(30.0, gt=0, le=MOST_FPS)
    """Frames per second that replace ``{fps}``."""
    timeout_s: float | None = Field(None, gt=0, le=MOST_SECONDS)
    """Longest time for a clip, in seconds; without it, the program may take as long as it needs."""


class CommandScheme(Scheme[CommandSettings]):
    """A scheme that hands each clip to a program and reads the frames that the program wrote."""

    Settings: ClassVar[type[Settings]] = CommandSettings

    @cached_property
    def files(self) -> dict[str, str]:
        """The SHA-256 of each word that is a file, by its place, and of the weights.

        Raises:
            InputError: if the template cannot be used.
        """
        words = enumerate(split_command(self.settings.command))
        found = {f"word {place}": file_sha256(Path(word)) for place, word in words if _is_file(word)}
        weights = self._weights_file()
        return found | ({"weights": file_sha256(weights)} if weights else {})

    @property
    def identity(self) -> dict[str, object]:
        """Everything that changes the frames: the command's words, and the content of the files among them."""
        values = self.settings.model_dump(mode="json", exclude={"weights", "timeout_s"})
        return values | {"files": self.files}

    @property
    def made_from(self) -> str:
        """The origin of the frames, in words for a board."""
        return "made by a command of others, trained elsewhere"

    def check(self) -> None:
        """Check the template.

        Raises:
            InputError: if it cannot be used.
        """
        split_command(self.settings.command)
        self._weights_file()

    def restore(self, blurry: Frames, labels: SharpLabels, budget: Budget) -> Restoration:
        """Restore a clip in temporary folders, which are removed afterwards whatever happens.

        Raises:
            InputError: if the program is missing, fails, takes too long, or writes frames of another number or size.
        """
        check_depth(blurry, f"the command '{self.settings.command}'")
        started = time.perf_counter()
        with tempfile.TemporaryDirectory(prefix="hvdbench-") as temporary:
            given, made = Path(temporary) / "input", Path(temporary) / "output"
            made.mkdir()
            write_clip(given, blurry)
            words = fill(
                split_command(self.settings.command),
                {
                    "input": str(given),
                    "output": str(made),
                    "device": budget.device,
                    "fps": f"{self.settings.fps:g}",
                    "weights": str(self._weights_file() or ""),
                },
            )
            budget.progress(0, 1, "command")
            _run(words, Path(temporary), self.settings.timeout_s)
            frames = read_results(made, blurry, f"the command '{words[0]}'")
            budget.progress(1, 1, "command")
        return Restoration(frames, {"files_sha256": self.files, "command_s": round(time.perf_counter() - started, 2)})

    def _weights_file(self) -> Path | None:
        """Return the absolute path of the weights' file, or None if there are no weights.

        Raises:
            InputError: if the file is missing, or the command does not contain ``{weights}``, or only the command does.
        """
        text = self.settings.weights
        if ("{weights}" in self.settings.command) != (text is not None):
            raise InputError(
                "the command contains {weights}, but no weights are given: name them with --weights"
                if text is None
                else f"the command does not contain {{weights}}, so {text} would not reach it: add it to the command"
            )
        if text is None:
            return None
        if not Path(text).is_file():
            raise InputError(f"the weights {text} are not a file: correct --weights")
        return Path(text).resolve()


def split_command(template: str) -> list[str]:
    """Split a template into words.

    Raises:
        InputError: if a quote is not closed, ``{input}`` or ``{output}`` is missing, or a placeholder is unknown.
    """
    try:
        words = shlex.split(template)
    except ValueError as error:
        raise InputError(f"the command '{template}' cannot be split into words: {error}") from error
    for needed in ("input", "output"):
        if not any(f"{{{needed}}}" in word for word in words):
            raise InputError(f"the command '{template}' lacks {{{needed}}}: put it where the folder of frames belongs")
    names = [found for word in words for found in re.findall(r"\{([a-z_]+)\}", word)]
    unknown = [name for name in names if name not in PLACEHOLDERS]
    if unknown:
        known = ", ".join(f"{{{name}}}" for name in PLACEHOLDERS)
        raise InputError(f"the command '{template}' contains the unknown {{{unknown[0]}}} (known: {known})")
    return words


def fill(words: list[str], values: Mapping[str, str]) -> list[str]:
    """Replace placeholders by values; braces inside a value are left as they are."""
    return [re.sub(r"\{([a-z_]+)\}", lambda found: values[found[1]], word) for word in words]


def _is_file(word: str) -> bool:
    try:
        return Path(word).is_file()
    except OSError:  # the word is longer than a file name may be
        return False


def _run(words: list[str], folder: Path, timeout_s: float | None) -> None:
    """Run a program and all that it starts to the end; its output goes to files, so that it cannot fill memory."""
    with (folder / "stdout").open("wb") as out, (folder / "stderr").open("wb") as err:
        try:
            process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=out, stderr=err, start_new_session=True)
        except (OSError, ValueError) as error:
            told = getattr(error, "strerror", None) or error
            raise InputError(f"the command '{words[0]}' cannot be started: {told}") from error
        try:
            code = process.wait(timeout_s)
        except subprocess.TimeoutExpired as error:
            raise InputError(
                f"the command '{words[0]}' did not end within {timeout_s:g} s: set a longer timeout_s"
            ) from error
        finally:
            _end(process)
    if code:
        ended = f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
        raise InputError(f"the command '{words[0]}' {ended}: {_last_line(folder) or 'it printed nothing'}")


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End a program that still runs, together with what it started."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _last_line(folder: Path) -> str:
    for name in ("stderr", "stdout"):
        with (folder / name).open("rb") as file:
            file.seek(max(0, (folder / name).stat().st_size - _TAIL_BYTES))
            lines = [line.strip() for line in file.read().decode("utf-8", "replace").splitlines() if line.strip()]
        if lines:
            return lines[-1][:_LONGEST_LINE]
    return ""
