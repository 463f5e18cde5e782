"""Keep one run of ``deblur`` on disk: whether it has finished, the mark that it runs, its page and its manifest."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hvdbench.errors import HvdbenchError, InputError
from hvdbench.frames import FRAME_SUFFIXES, Frames
from hvdbench.labels.temporal_sharpness import MAP_FOLDER
from hvdbench.methods.inference.options import InferenceOptions
from hvdbench.methods.recipe import Method
from hvdbench.methods.restoration import Budget
from hvdbench.pages.pages import deblur_page
from hvdbench.pages.view import ClipView, PickedFrames
from hvdbench.workflows.deblur.request import DeblurRequest, DeblurResult
from hvdbench.workspace.atomic import atomic_write_text, check_replaceable, recover, sweep
from hvdbench.workspace.locks import locked
from hvdbench.workspace.manifest import versions
from hvdbench.workspace.marks import is_of_system, is_partial, is_restoration
from hvdbench.workspace.parsing import read_json

_BY_MEMORY = InferenceOptions(window="auto", tile="auto")


@dataclass(frozen=True)
class DeblurJob:
    """A request together with the method that was opened for it.

    Attributes:
        request: what to restore, and where it goes.
        method: the method, open and with its weights.
        budget: seed, device, progress, and how a network is run.
        digest: digest of the command and its input.
        overwrite: whether output that came from something else is replaced.
    """

    request: DeblurRequest
    method: Method
    budget: Budget
    digest: str
    overwrite: bool = False

    def already_done(self) -> DeblurResult:
        """Return the result of a command that finished before."""
        request = self.request
        line = f"{request.output}: already restored by the same command, left as it is"
        return DeblurResult(request.output, request.page, request.manifest, (line,))

    def is_done(self) -> bool:
        """Return whether the same command finished before; output of a stopped run of it may be written over.

        Raises:
            InputError: if the output exists and came from something else, or contains files that no run writes.
        """
        output, path = self.request.output, self.request.manifest
        recover(output)
        found = _read_manifest(path)
        if found.get("digest") == self.digest:
            whole = output.is_file() or (output.is_dir() and {p.name for p in _entries(output)} == _names(found))
            return found.get("state") == "done" and whole and self.request.page.is_file() and not self.overwrite
        taken = next((p for p in (output, path) if p.is_file() or _entries(p)), None)
        if taken is not None and not self.overwrite and not (taken == path and found.get("state") == "running"):
            raise InputError(
                f"{taken} already exists and came from something else: choose another output, or use --overwrite"
            )
        if not self.request.is_video:
            check_replaceable(output)
        if path.is_file() and not is_restoration(path):
            raise InputError(f"{path} is not a manifest of hvdbench's, so it is not replaced: choose another output")
        strange = next((p for p in _entries(output) if p.is_dir() or p.suffix.lower() not in FRAME_SUFFIXES), None)
        if strange is not None:
            raise InputError(
                f"{output} contains {strange.name}, which is not a frame, so it is not replaced: choose another output"
            )
        return False

    @contextmanager
    def claimed(self) -> Iterator[None]:
        """Mark the output as being made while the block runs; if it fails and nothing was made, remove the mark.

        Half-written files of an earlier, killed run are removed. Two processes never make one output at once.
        """
        path = self.request.manifest
        is_new_folder = not path.parent.exists()
        try:
            with locked(path), self._marked():
                yield
        except HvdbenchError:
            if is_new_folder and path.parent.is_dir() and not any(path.parent.iterdir()):
                path.parent.rmdir()
            raise

    @contextmanager
    def _marked(self) -> Iterator[None]:
        path = self.request.manifest
        former = path.read_text(encoding="utf-8") if path.is_file() else None
        sweep(self.request.output.parent)
        running = {"state": "running", "digest": self.digest, "process": os.getpid()}
        atomic_write_text(path, json.dumps(running) + "\n")
        try:
            yield
        except HvdbenchError:
            if former is None:
                path.unlink()
            else:
                atomic_write_text(path, former)
            raise

    def finish(self, done: "Done") -> DeblurResult:
        """Write the page and then, last of all, the manifest that marks the run as finished."""
        request, method = self.request, self.method
        self._write_page(done)
        manifest = {
            "input": request.source.name,
            "kind": done.kind,
            "crop": request.crop,
            "start": request.part.start,
            "end": request.part.end,
            "size": list(done.size),
            "method": method.name,
            "recipe": method.recipe.values.model_dump(mode="json"),
            "recipe_digest": method.digest,
            "device": self.budget.device,
            "facts": done.facts,
            "measured": done.measured,
            "warnings": list(done.warnings),
            "versions": versions(),
            **done.more,
            "state": "done",
            "digest": self.digest,
        }
        atomic_write_text(request.manifest, json.dumps(manifest, indent=1, sort_keys=True) + "\n")
        lines = (*(f"note: {warning}" for warning in done.warnings), *done.lines)
        paths = f"{request.output}  {request.page}  {request.manifest}"
        return DeblurResult(request.output, request.page, request.manifest, (*lines, paths))

    def _write_page(self, done: "Done") -> None:
        shown, values, name = done.shown, self.method.recipe.values, self.request.source.name
        count = shown.blurry.shape[0]
        deblur_page(
            self.request.page,
            title=f"{name}, restored",
            clip=ClipView(
                name=name,
                scene_kind="video",
                source=name,
                has_times=shown.t_s is not None,
                t_s=np.arange(count, dtype=np.float64) if shown.t_s is None else shown.t_s,
                frames={
                    "blurry": shown.blurry,
                    self.method.name: shown.restored,
                    **({} if shown.agreement is None else {MAP_FOLDER: shown.agreement}),
                },
                is_selected=np.zeros(count, bool) if shown.is_selected is None else shown.is_selected,
                sharpness=shown.sharpness,
                threshold=shown.threshold,
            ),
            facts={"Frames": done.frames, "Method": self.method.name, **done.page_facts},
            notes=[f"{values.title}. {values.note}", *done.notes, *done.warnings],
        )


@dataclass(frozen=True)
class Shown:
    """The frames that the page shows, K of them.

    Attributes:
        blurry: uint8 RGB (K, H, W, 3); those that the page embeds are enough.
        restored: uint8 RGB of the same shape.
        sharpness: the variance of the Laplacian of the blurry frames, (K,).
        t_s: presentation times in seconds, (K,); None where they are not known.
        is_selected: whether each frame was selected as sharp, (K,); None where they were not labelled.
        threshold: the threshold of the labels.
        agreement: the maps of temporal sharpness of the blurry frames, grey, of their shape; None for no maps.
    """

    blurry: Frames | PickedFrames
    restored: Frames | PickedFrames
    sharpness: NDArray[np.float64]
    t_s: NDArray[np.float64] | None = None
    is_selected: NDArray[np.bool_] | None = None
    threshold: float = 0.0
    agreement: Frames | PickedFrames | None = None


@dataclass(frozen=True)
class Done:
    """The outcome of a restoration.

    Attributes:
        kind: the kind of the input, ``video`` or ``folder``.
        size: width and height of the frames.
        frames: the number of frames and their size, in words.
        shown: the frames that the page shows.
        facts: JSON-able facts about the restoration.
        measured: the values that can be measured without a truth.
        warnings: sentences for terminal, page and manifest.
        lines: further lines for the terminal.
        page_facts: further facts for the page, from name to text.
        notes: further sentences for the page.
        more: further entries of the manifest.
    """

    kind: str
    size: tuple[int, int]
    frames: str
    shown: Shown
    facts: Mapping[str, object]
    measured: Mapping[str, object]
    warnings: Sequence[str] = ()
    lines: Sequence[str] = ()
    page_facts: Mapping[str, str] = field(default_factory=dict)
    notes: Sequence[str] = ()
    more: Mapping[str, object] = field(default_factory=dict)


def inference_of(budget: Budget) -> InferenceOptions:
    """Return how a network is run: as requested, or else in windows and tiles that fit into memory."""
    return _BY_MEMORY if budget.inference.is_usual else budget.inference


def _names(found: dict[str, object]) -> set[str]:
    names = found.get("frames")
    return set(map(str, names)) if isinstance(names, list) else set()


def _entries(folder: Path) -> list[Path]:
    found = folder.iterdir() if folder.is_dir() else ()
    return sorted(path for path in found if not is_partial(path) and not is_of_system(path))


def _read_manifest(path: Path) -> dict[str, object]:
    """Read what a run left beside its output; the result is empty where the file is absent or not a manifest."""
    try:
        found = read_json(path)
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
